"""Hunt for bugs in whatever package `replica` is found from the present folder: `python -m tests.planted.hunt KILLER …`.

A killer is the name of a family of histories with a number (`convergence/17`: that one; `convergence/0:500`: those,
until one fails), or of a test of the laws (`test_more_laws/test_x`). Each that found something is printed with what it
found, as a line of JSON. A bug shows as a wrong answer (`AssertionError`) or as an error of the library where there
should be none; anything else says that the package under test is not even a program, and ends the hunt.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import replica
from tests.planted import histories


def find(killer: str) -> dict[str, object] | None:
    """What found something, after how many histories (a law test counts as one), and what was said."""
    family, _, which = killer.partition("/")
    if family.startswith("test_"):
        law = getattr(importlib.import_module(f"tests.laws.{family}"), which)
        return _try(killer, 1, lambda: _in_a_folder(law))
    play = getattr(histories, family)
    tries = (_try(f"{family}/{n}", count, partial(play, n)) for count, n in enumerate(_numbers(which), 1))
    return next(filter(None, tries), None)


def _numbers(which: str) -> Iterable[int]:
    first, colon, end = which.partition(":")
    return range(int(first), int(end) if colon else int(first) + 1)


def _in_a_folder(law: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # a server may be at its end still
        law(Path(folder))


def _try(killer: str, histories: int, act: Callable[[], None]) -> dict[str, object] | None:
    try:
        act()
    except (AssertionError, replica.ReplicaError) as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        return {"killer": killer, "histories": histories, "said": said}
    return None


def main() -> None:
    """Hunt."""
    assert Path(replica.__file__).is_relative_to(Path.cwd()), f"this is another package: {replica.__file__}"
    for killer in sys.argv[1:]:
        found = find(killer)
        if found is not None:
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
