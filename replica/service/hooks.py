"""Telling somebody: a command or an address that is called when a connection fails, goes well again, or brings conflicts."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from replica.errors import Mistake, ReplicaError, Unreachable
from replica.service.general import Happening, is_web
from replica.service.past import Past, written
from replica.service.places import host
from replica.service.run import Run

_STANDARD_ERROR = 2
PATIENCE_S = 30.0  # in which whoever is told has heard it


class Occurrence(NamedTuple):
    """Something that happened to a connection, in one sentence, and the run in which it did."""

    happening: Happening
    message: str
    run: Run

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "event": self.happening,
            "connection": self.run.connection.name,
            "host": host(),
            "time": written(self.run.end),
            "message": self.message,
            "run": {"run": self.run.id, **self.run.to_dict()},
        }


def occurrences(before: Past, run: Run) -> Iterator[Occurrence]:
    """What a run is told of. `before`: what was remembered when it began. A failure is told once, until it is another one."""
    if run.outcome == "failed":
        if before.trouble is None or before.trouble.code != run.trouble.code:
            yield Occurrence("failure", run.trouble.message, run)
    elif run.outcome in ("done", "partial") and before.trouble is not None:
        yield Occurrence("recovery", "it goes well again", run)
    count = max((tally.conflicts for tally in run.totals().values()), default=0)  # the same at both ends, as a rule
    if count:
        yield Occurrence("conflict", f"{count} new conflict{'s' if count > 1 else ''}", run)


def tell(
    hook_for: Callable[[Happening], str | None], before: Past, run: Run, environment: Mapping[str, str]
) -> list[ReplicaError]:
    """Tell whoever wants to know of what happened in a run; who could not be told, and why."""
    errors = []
    for occurrence in occurrences(before, run):
        hook = hook_for(occurrence.happening)
        if hook is not None:
            try:
                call(hook, occurrence, environment)
            except ReplicaError as error:
                errors.append(error)
    return errors


def call(hook: str, occurrence: Occurrence, environment: Mapping[str, str]) -> None:
    """Tell it, as JSON: to an address in a POST request, to a command on its standard input.

    `Unreachable`, `Mistake` if a command fails; nobody is waited for longer than `PATIENCE_S`.
    """
    said = json.dumps(occurrence.to_dict(), ensure_ascii=False).encode() + b"\n"
    key = f"on-{occurrence.happening}"
    if is_web(hook):
        _post(hook, said, key)
    else:
        _run(hook, said, key, environment)


def _post(address: str, said: bytes, key: str) -> None:
    import httpx2

    try:
        answered = httpx2.post(address, content=said, headers={"Content-Type": "application/json"}, timeout=PATIENCE_S)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise Unreachable(f"{key}: {error or type(error).__name__}") from error
    if not answered.is_success:
        raise Unreachable(f"{key}: it answered {answered.status_code}")


def _run(command: str, said: bytes, key: str, environment: Mapping[str, str]) -> None:
    hint = "Correct the command; what it is told is JSON on its standard input."
    try:
        done = subprocess.run(
            command,
            shell=True,
            input=said,
            stdout=_STANDARD_ERROR,  # standard output is for what the runs are told to print
            env=dict(environment),
            check=False,
            timeout=PATIENCE_S,
        )
    except subprocess.TimeoutExpired as error:
        raise Mistake(f"{key}: the command is not done after {PATIENCE_S:g} s", hint=hint) from error
    except OSError as error:
        raise Mistake(f"{key}: {error.strerror}", hint=hint) from error
    if done.returncode:
        raise Mistake(f"{key}: the command ended with code {done.returncode}", hint=hint)
