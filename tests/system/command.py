"""The command as the tests run it: in this process, which is quick, or in one of its own, which is real."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from replica.cli import main
from tests.house.source import ROOT

PROGRAM = [sys.executable, "-c", "import sys; from replica.cli import main; sys.exit(main())"]


class Outcome(NamedTuple):
    """What a command left: its exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        """The one JSON value on standard output."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The JSON values on standard output, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> dict[str, Any]:
        """What an error says under --json."""
        (line,) = self.err.splitlines()
        error: dict[str, Any] = json.loads(line)["error"]
        return error


def run(*words: object, stdin: str | bytes = b"", **variables: str) -> Outcome:
    """Run a command in this process."""
    given = io.TextIOWrapper(io.BytesIO(stdin if isinstance(stdin, bytes) else stdin.encode()))
    out, err = (io.TextIOWrapper(io.BytesIO(), write_through=True) for _ in range(2))
    with _streams(given, out, err), _variables(variables):
        code = main([str(word) for word in words])
    return Outcome(code, *(stream.buffer.getvalue().decode() for stream in (out, err)))  # type: ignore[attr-defined]


def done(*words: object, stdin: str | bytes = b"", **variables: str) -> Outcome:
    """Run a command that must work."""
    outcome = run(*words, stdin=stdin, **variables)
    assert 0 == outcome.code, outcome.err
    return outcome


def spawn(*words: object, **options: Any) -> subprocess.Popen[bytes]:
    """Start a command in a process of its own, with pipes."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([*PROGRAM, *map(str, words)], env=environment, **{**pipes, **options})


@contextmanager
def _streams(*streams: Any) -> Iterator[None]:
    names = ("stdin", "stdout", "stderr")
    before = {name: getattr(sys, name) for name in names}
    for name, stream in zip(names, streams, strict=True):
        setattr(sys, name, stream)
    try:
        yield
    finally:
        for name, stream in before.items():
            setattr(sys, name, stream)


@contextmanager
def _variables(variables: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
