"""The repository as the house tests see it: files, and modules as syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("replica", "migrations", "tests", "docs", "benchmarks", "examples", ".ci")
TEXTS = {".py", ".md", ".toml", ".sh", ".js", ".json", ".ini", ".mako", ""}
NOT_OURS = {"node_modules", "__pycache__"}


@dataclass(frozen=True)
class Module:
    """One Python file of the package."""

    path: Path

    @property
    def name(self) -> str:
        """Where it is, as messages say it: `replica/store/schema.py`."""
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.name)

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Every function and method, nested ones too."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node

    def mentions(self) -> Iterator[tuple[int, str]]:
        """Line and dotted name of what is imported, or reached through a dot: `time.time_ns`, `os.environ`.

        Names are followed through `import x as y` and `from x import y`, so that another spelling hides nothing.
        """
        meaning: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    bound = alias.asname or alias.name.split(".")[0]
                    meaning[bound] = alias.name if alias.asname else bound
                    yield node.lineno, alias.name
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    meaning[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                    yield node.lineno, f"{node.module}.{alias.name}"
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute):
                first, *rest = ast.unparse(node).split(".")
                yield node.lineno, ".".join([meaning.get(first, first), *rest])


def modules() -> list[Module]:
    """The modules of the package, in order of their names."""
    return [Module(path) for path in sorted((ROOT / "replica").rglob("*.py")) if not NOT_OURS & set(path.parts)]


def texts() -> Iterator[Path]:
    """Everything written by hand in this repository: code, scripts, documents."""
    top = [path for path in sorted(ROOT.iterdir()) if path.is_file()]
    inside = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*")) if path.is_file()]
    for path in [*top, *inside]:
        if path.suffix in TEXTS and not NOT_OURS & set(path.parts) and path.name != "package-lock.json":
            yield path
