"""What a CouchDB keeps for us in documents of its own: which database of ours it belongs to, and the sessions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from replica.errors import NotFound, StaleRevision
from replica.store.sessions import KEPT, Session
from replica.tally import Failure
from replica.transports.couchdb.words import ask
from replica.transports.web import Web
from replica.wire.bounds import SaidSession

MARKER = "_local/notes-replica"
ATTEMPTS = 5  # to write what others write at the same time


class LocalNote:
    """One `_local` document, read when it is first asked for."""

    def __init__(self, web: Web, path: str) -> None:
        self._web = web
        self._path = path
        self._value: dict[str, Any] | None = None

    @property
    def value(self) -> dict[str, Any]:
        """What it holds, without `_id` and `_rev`; nothing if it is not there."""
        value = self._read()
        return {name: value[name] for name in value if name[:1] != "_"}

    @property
    def is_there(self) -> bool:
        """Whether there is one."""
        return bool(self._read())

    def change(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Write what `change` makes of it; of what is there then, if others write too. `NotAllowed`, `NotAuthenticated`."""
        for attempt in range(ATTEMPTS):
            value = change(self.value)
            revision = self._read().get("_rev")
            known = {} if revision is None else {"_rev": revision}
            try:
                written = ask(self._web, self._path, dict, {**value, **known}, method="PUT")
            except StaleRevision:
                self._value = None
                if attempt + 1 == ATTEMPTS:
                    raise
            else:
                self._value = {**value, "_rev": written.get("rev")}
                return

    def _read(self) -> dict[str, Any]:
        if self._value is None:
            try:
                self._value = ask(self._web, self._path, dict)
            except NotFound:
                self._value = {}
        return self._value


def note_for(web: Web, peer: str) -> LocalNote:
    """The document that holds the sessions with the instance of ours called `peer`."""
    return LocalNote(web, f"{MARKER}-{hashlib.sha256(peer.encode()).hexdigest()[:32]}")


def sessions_in(value: dict[str, Any]) -> list[Session]:
    """The sessions, newest first. What cannot be read is as forgotten: then more is compared, and nothing is skipped."""
    return [session for each in _list_of(value, "sessions") if (session := _session(each)) is not None]


def _session(value: Any) -> Session | None:
    try:
        return msgspec.convert({name: value[name] for name in Session._fields}, SaidSession).meant()
    except (msgspec.ValidationError, KeyError, TypeError):
        return None


def _list_of(value: dict[str, Any], name: str) -> list[Any]:
    found = value.get(name)
    return found if isinstance(found, list) else []


def with_session(value: dict[str, Any], session: Session) -> dict[str, Any]:
    """The document with this session, or its progress, and without the oldest beyond those that are kept."""
    others = [each for each in sessions_in(value) if (each.id, each.direction) != (session.id, session.direction)]
    return {**value, "sessions": [each._asdict() for each in [session, *others][:KEPT]]}


def refused_in(value: dict[str, Any]) -> list[Failure]:
    """What it did not take."""
    return [
        Failure(*map(str, each)) for each in _list_of(value, "refused") if isinstance(each, list) and len(each) == 3
    ]


def with_refused(value: dict[str, Any], judged: Iterable[str], refused: Iterable[Failure]) -> dict[str, Any]:
    """The document with what it did not take now, and without what was said before of the documents `judged`."""
    known = [each for each in refused_in(value) if each.unid not in set(judged)]
    listed = sorted(map(list, {(each.unid, each.revision, each.code) for each in [*known, *refused]}))
    rest = {name: value[name] for name in value if name != "refused"}
    return {**rest, "refused": listed} if listed else rest
