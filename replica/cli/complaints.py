"""What is said on standard error when a command fails."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from replica.cli.exits import Exit, exit_for
from replica.cli.interruption import Interrupted
from replica.errors import ReplicaError

KEPT = "What was finished is kept; run it again and it goes on from there."


def complain(error: BaseException, *, as_json: bool, debug: bool) -> int:
    """Say what went wrong, for people or as one line of JSON; the exit code."""
    if debug:
        import traceback

        traceback.print_exception(error)
    with contextlib.suppress(OSError):  # nobody listens
        print(*_json_line(error) if as_json else _lines(error), sep="\n", file=sys.stderr)
    return Exit(128 + error.number) if isinstance(error, Interrupted) else exit_for(error)


def _json_line(error: BaseException) -> Iterator[str]:
    import json

    parts = dict(zip(("code", "message", "hint", "retryable"), _parts(error), strict=True))
    yield json.dumps({"error": parts}, ensure_ascii=False, separators=(",", ":"))


def _lines(error: BaseException) -> Iterator[str]:
    _, message, hint, _ = _parts(error)
    yield f"replicate: error: {_on_one_line(message)}"
    yield f"hint: {_on_one_line(hint)}"


def _parts(error: BaseException) -> tuple[str, str, str, bool]:
    if isinstance(error, Interrupted):
        return "interrupted", "interrupted", KEPT, True
    if isinstance(error, ReplicaError):
        return error.code, str(error), error.hint, error.may_retry
    return ReplicaError.code, f"{type(error).__name__}: {error}", ReplicaError.hint, ReplicaError.may_retry


def _on_one_line(text: str) -> str:
    """A message may quote names that hold anything; nothing of it may move the cursor or begin a line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
