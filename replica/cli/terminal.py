"""Where a command writes: data to standard output, everything else to standard error."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from replica.cli import render
from replica.clock import stopwatch
from replica.errors import BY_CODE, DiskError

NAMED = 10  # failures that are named one by one; --verbose names all


class Terminal:
    """The output of one command, in the form that its flags ask for."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.as_json: bool = arguments.json
        self.quiet: bool = arguments.quiet
        self.verbose: bool = arguments.verbose
        capable = os.environ.get("TERM") != "dumb"
        self.colored = capable and not arguments.no_color
        self.wide = capable and sys.stdout.isatty() and not self.as_json  # tables may be drawn
        self.lively = capable and sys.stderr.isatty() and not self.quiet  # progress may be shown
        self._elapsed = stopwatch()

    def answer(self, value: Any, lines: Iterable[str]) -> None:
        """The result of a command: one JSON value, or these lines."""
        if self.as_json:
            self.line(render.json_text(value))
        else:
            for line in lines:
                self.line(line)

    def done(self, value: Any, sentence: str) -> None:
        """The result of a command that only says that it worked."""
        self.answer(value, () if self.quiet else [render.plain(sentence)])

    def stream(self, texts: Iterator[str]) -> None:
        """JSON values that are made one by one: an array, or one a line."""
        if not self.as_json:
            for text in texts:
                self.line(text)
            return
        first = next(texts, None)  # before anything is written: an error leaves the output empty
        self._write("[" + (first or ""))
        for text in texts:
            self._write(",\n" + text)
        self._write("]\n")

    def table(self, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Rows under a header."""
        if self.wide:
            render.draw_table(header, rows, self.colored)
            return
        for line in render.table(header, rows):
            self.line(line)

    def line(self, text: str, *, now: bool = False) -> None:
        """One line of data; `now`: for readers who wait for it."""
        self._write(text + "\n")
        if now:
            self.flush()

    def note(self, text: str) -> None:
        """What is good to know, for people only."""
        if not self.quiet and not self.as_json:
            self.flush()  # where both go to one place, what was printed before comes before
            print(render.plain(text), file=sys.stderr)

    def warn(self, text: str) -> None:
        """What went wrong, for people; programs find it in the JSON."""
        if not self.as_json:
            print(f"replicate: {render.plain(text)}", file=sys.stderr)

    def name_failures(self, failures: Sequence[str], count: int) -> None:
        """Name what failed, up to a bound, and how many more there are of the `count`."""
        named = failures if self.verbose else failures[:NAMED]
        for failure in named:
            self.warn(failure)
        if count > len(named):
            self.warn(f"and {count - len(named):,} more")

    def hint_at(self, codes: Iterable[str]) -> None:
        """What to do about each of the codes of what failed."""
        for code in dict.fromkeys(codes):
            if code in BY_CODE and not self.as_json:
                print(f"hint: {code}: {BY_CODE[code].hint}", file=sys.stderr)

    def close(self) -> None:
        """Write what is still held back."""
        if self.verbose:
            self.note(f"{self._elapsed():.2f} s")
        self.flush()

    def flush(self) -> None:
        """Let readers see what was written so far."""
        with _taken():
            sys.stdout.flush()

    def _write(self, text: str) -> None:
        with _taken():
            sys.stdout.write(text)


@contextmanager
def _taken() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise DiskError(f"standard output: {error.strerror}") from error
