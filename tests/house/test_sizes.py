"""Ceilings: what is too long to be read at once is cut in two before it grows further."""

from __future__ import annotations

from collections.abc import Callable

from tests.house.source import modules

MODULE_LINES_MAX = 700
MODULE_LINES_USUAL = 200
FUNCTION_LINES_MAX = 70


def test_no_module_is_longer_than_its_ceiling(record_property: Callable[[str, object], None]) -> None:
    lines = {module.name: len(module.text.splitlines()) for module in modules()}
    for name, count in lines.items():
        if count > MODULE_LINES_USUAL:
            record_property("note", f"{name} has {count} lines; most modules have less than {MODULE_LINES_USUAL}")
    assert [] == [f"{name}: {count} lines" for name, count in lines.items() if count > MODULE_LINES_MAX]


def test_no_function_is_longer_than_its_ceiling() -> None:
    long = []
    for module in modules():
        for function in module.functions():
            assert function.end_lineno is not None
            lines = function.end_lineno - function.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                long.append(f"{module.name}:{function.lineno} {function.name}: {lines} lines")
    assert [] == long
