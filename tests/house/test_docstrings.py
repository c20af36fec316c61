"""Every module says what it is; everything public says what it promises."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.house.source import modules

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def is_whole(line: str) -> bool:
    """Whether a line is made of whole sentences, so that a list of modules can show it alone."""
    return line[:1].isupper() and line.endswith((".", "?")) and not line.endswith("..")


def public(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Definition]]:
    """The public classes, functions and methods; not the overloads and setters, whose docstring is elsewhere."""
    for node in body:
        if not isinstance(node, Definition) or node.name.startswith("_"):
            continue
        marks = [ast.unparse(decorator) for decorator in node.decorator_list]
        if any(mark.endswith((".setter", ".deleter", "overload", "override")) for mark in marks):
            continue
        yield prefix + node.name, node
        if isinstance(node, ast.ClassDef):
            yield from public(node.body, f"{prefix}{node.name}.")


def test_every_module_says_in_its_first_line_what_it_is() -> None:
    first = {module.name: (ast.get_docstring(module.tree) or "").split("\n")[0] for module in modules()}
    assert {} == {name: line for name, line in first.items() if not is_whole(line)}


def test_everything_public_has_a_docstring() -> None:
    silent = [
        f"{module.name}:{node.lineno} {name}"
        for module in modules()
        for name, node in public(module.tree.body)
        if not (ast.get_docstring(node) or "").strip()
    ]
    assert [] == silent
