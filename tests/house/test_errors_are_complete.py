"""Every error tells a program what it is and a person what to do next."""

from __future__ import annotations

import importlib
import inspect
from collections import Counter

from replica import errors
from replica.errors import ReplicaError
from tests.house.source import modules


def family(root: type[ReplicaError] = ReplicaError) -> list[type[ReplicaError]]:
    """All errors of the package, once every module of it is loaded."""
    for module in modules():
        if not module.name.endswith("__main__.py"):
            importlib.import_module(module.name.removesuffix(".py").replace("/", ".").removesuffix(".__init__"))
    found: dict[type[ReplicaError], None] = {}
    waiting = [root]
    while waiting:
        error = waiting.pop()
        found[error] = None
        waiting += [child for child in error.__subclasses__() if child.__module__.startswith("replica")]
    return list(found)


def test_all_errors_are_defined_in_one_place() -> None:
    assert [] == [error.__qualname__ for error in family() if error.__module__ != errors.__name__]


def test_every_error_has_a_code_of_its_own() -> None:
    assert [] == [error.__name__ for error in family() if not vars(error).get("code")]
    assert [] == [code for code, times in Counter(error.code for error in family()).items() if times > 1]


def test_every_error_has_a_docstring_of_its_own() -> None:
    assert [] == [error.__name__ for error in family() if not (vars(error).get("__doc__") or "").strip()]


def test_every_error_has_a_hint_that_is_not_the_last_resort() -> None:
    """A leaf may share the hint of its branch; that of the root says only "report it"."""
    leaves = [error for error in family() if not error.__subclasses__()]
    assert [] == [error.__name__ for error in leaves if not error.hint or error.hint == ReplicaError.hint]


def test_the_tree_in_the_docstring_names_every_error() -> None:
    tree = inspect.getdoc(errors) or ""
    assert [] == [error.__name__ for error in family() if error.__name__ not in tree]
