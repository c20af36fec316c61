"""The log: a replica with a document for each run, and beside them what this machine remembers of each connection.

The documents are for reading, here and wherever the log is replicated to. What decides when to run next is kept in local
documents, which are about this machine and stay here; both are written in one transaction.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from replica.clock import Clock
from replica.errors import Corrupt, Exists, NotFound
from replica.replica import Replica, create_empty, open_path
from replica.service.lock import Holder
from replica.service.past import NEVER, Past, Switch, at, written
from replica.service.places import digest, host
from replica.service.records import RUNS, SWITCHES, forget_before
from replica.service.run import Mark, Reached, Run
from replica.store.faults import file_errors
from replica.store.identity import new_unid
from replica.store.local import LocalDocument, all_local, read_local, write_local

TITLE = "Replications"
_PAST = "connection "
_REACHED = "reached "
_FOLDER_MODE = 0o700
_HINT = "Move the log away: a new one is made, and everything is due once."


class Log:
    """The log at `path`, which is made if it is not there, as it is for the connections of one configuration. Records older
    than `keep_s` seconds go when new ones come.

    The errors of `replica.create` and `open`.
    """

    def __init__(self, path: str, configuration: str, clock: Clock, keep_s: float | None = None) -> None:
        self._clock = clock
        self._keep_s = keep_s
        self._about = {"configuration": configuration, "host": host()}
        self._prefix = f"{_PAST}{digest(configuration)} "
        self._reached = f"{_REACHED}{digest(configuration)} "
        self._replica = _opened(path, clock)

    def pasts(self) -> dict[str, Past]:
        """What is remembered of each connection, by name."""
        with self._replica.file.read() as connection:
            found = all_local(connection, self._prefix)
        return {name.removeprefix(self._prefix): _understood(kept) for name, kept in found.items()}

    def past(self, name: str) -> Past:
        """What is remembered of one connection."""
        with self._replica.file.read() as connection:
            kept = read_local(connection, self._prefix + name)
        return NEVER if kept is None else _understood(kept)

    def reached(self, name: str) -> dict[str, Reached]:
        """How far the runs of one connection came, by the files here."""
        with self._replica.file.read() as connection:
            kept = read_local(connection, self._reached + name)
        return {} if kept is None else _reached_from(kept)

    def begin(self, name: str, moment: datetime | None) -> datetime:
        """A connection begins to run, for that moment; when that is. It is remembered before anything else is done."""
        now = at(self._clock())
        if moment is not None:
            with self._replica.batch():
                self._remember(name, lambda past: past.begun(moment, now))
        return now

    def note(self, run: Run) -> None:
        """A run has ended, or did not take place because another one is running; that is noted once a moment."""
        with self._replica.batch():
            if run.skipped and run.moment is not None and self.past(run.connection.name).skipped == run.moment:
                return
            unid = self._put(RUNS, {"type": "run", **run.to_dict()})
            self._remember(run.connection.name, lambda past: after(past, run))
            self._remember_reached(run)
            if self._keep_s is not None:
                forget_before(self._replica, run.end - timedelta(seconds=self._keep_s))
        run.id = unid  # it is durable

    def note_lost(self, run: Run, holder: Holder) -> None:
        """A run before this one has ended without a word."""
        self._put(RUNS, {"type": "run", **run.to_dict(), "error": _lost(holder)})

    def switch(self, name: str, switch: Switch | None, by: str) -> None:
        """Somebody switches a connection off, or on again (None)."""
        now = at(self._clock())
        said = {
            "type": "switch",
            "connection": name,
            "enabled": switch is None,
            "time": written(now if switch is None else switch.since),
            "by": by,
            "reason": "" if switch is None else switch.reason,
        }
        with self._replica.batch():
            self._put(SWITCHES, said)
            self._remember(name, lambda past: past.switched(switch))

    def _put(self, kind: str, items: dict[str, Any]) -> str:
        unid = kind + new_unid(self._clock())
        self._replica.put(items | self._about, unid=unid)
        return unid

    def _remember(self, name: str, change: Callable[[Past], Past]) -> None:
        """Change what is remembered, within the transaction that is going on."""
        body = json.dumps(change(self.past(name)).to_dict())
        with self._replica.file.write() as connection:
            write_local(connection, self._prefix + name, LocalDocument(1, body))

    def _remember_reached(self, run: Run) -> None:
        """Of every database that it is about now, what is known by the run, or was before."""
        if not run.parts:
            return
        before = self.reached(run.connection.name)
        known = {part.pair.here: before.get(part.pair.here, {}) | part.reached for part in run.parts}
        with self._replica.file.write() as connection:
            write_local(connection, self._reached + run.connection.name, LocalDocument(1, json.dumps(known)))

    def close(self) -> None:
        """Close it."""
        self._replica.close()


def _opened(path: str, clock: Clock) -> Replica:
    with suppress(NotFound):
        return open_path(path, clock=clock)
    with file_errors(path):
        os.makedirs(os.path.dirname(path), mode=_FOLDER_MODE, exist_ok=True)
    with suppress(Exists):  # somebody else makes it at the same moment
        create_empty(path, None, TITLE, clock).close()
    return open_path(path, clock=clock)


def _understood(kept: LocalDocument) -> Past:
    try:
        return Past.from_dict(json.loads(kept.body))
    except (ValueError, TypeError, KeyError) as error:
        raise Corrupt("what the log remembers of a connection cannot be understood", hint=_HINT) from error


def _reached_from(kept: LocalDocument) -> dict[str, Reached]:
    try:
        said = json.loads(kept.body)
        return {
            here: {way: Mark(int(mark[0]), int(mark[1])) for way, mark in marks.items()} for here, marks in said.items()
        }
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        raise Corrupt("what the log remembers of a connection cannot be understood", hint=_HINT) from error


def after(past: Past, run: Run) -> Past:
    """What is remembered after a run. One that was called by name and did not go well leaves the schedule as it was."""
    outcome, scheduled = run.outcome, run.moment is not None
    if outcome in ("done", "partial"):
        return past.done(run.start, run.end)
    if outcome == "failed":
        return past.failed(run.start, run.end, run.trouble) if scheduled else past.troubled(run.trouble)
    if not scheduled:
        return past
    if outcome == "skipped":
        return past.noted_skip(run.moment)
    return past.limited(run.start, run.end) if outcome == "limit" else past  # interrupted: it goes on being unfinished


def _lost(holder: Holder) -> dict[str, str]:
    message = f"{holder} has ended in the middle of it"
    return {"code": "interrupted", "message": message, "hint": "The next run goes on after the last batch."}
