"""What a server adds to the security log: who logged in, what was refused, whose rights in a database changed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Any
from urllib.parse import unquote

from replica.access import SecurityLog
from replica.canonical import Json
from replica.rights import InForce
from replica.server.deeds import Deeds, begin_deeds
from replica.server.exchange import ASGI, Message, route_of

FORBIDDEN = 403
PERIOD_S = 60.0  # in which what happens again and again is one line, after its first
KINDS_MAX = 1000  # of events in that time; others are counted together
CHANGES_MAX = 100  # entries of an access list that are named when it changes

_Key = tuple[str, tuple[tuple[str, Hashable], ...]]


class Sums:
    """Writes the first of equal events at once, and how often it happened again when the period is over: a flood of wrong
    passwords fills no disk. To be used in one event loop.
    """

    def __init__(self, log: SecurityLog) -> None:
        self._log = log
        self._again: Counter[_Key] = Counter()
        self._end: asyncio.TimerHandle | None = None

    def record(self, event: str, details: Mapping[str, Hashable], count: int = 1) -> None:
        """So often more, this."""
        key: _Key = (event, tuple(details.items()))
        if key not in self._again and len(self._again) >= KINDS_MAX:
            key = (event, (("others", True),))
        if key in self._again:
            self._again[key] += count
            return
        self._again[key] = 0
        self._log.record(event, **dict(key[1]), count=count)
        if self._end is None:
            self._end = asyncio.get_running_loop().call_later(PERIOD_S, self.flush)

    def flush(self) -> None:
        """The period is over."""
        self._end, ended, self._again = None, self._again, Counter()
        for (event, details), count in ended.items():
            if count:
                self._log.record(event, **dict(details), count=count, again=True)


class Witnessed:
    """An application of which the security log holds who logged in and what was refused, before anybody is answered. Of those
    whom nobody knows, only that they tried.
    """

    def __init__(self, app: ASGI, sums: Sums) -> None:
        self._app, self._sums = app, sums

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        """Serve, and note."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        deeds = begin_deeds(scope)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._note(scope, deeds, message["status"])
            await send(message)

        await self._app(scope, receive, sending)

    def _note(self, scope: Message, deeds: Deeds, status: int) -> None:
        address = scope["client"][0] if scope.get("client") else None
        if deeds.login is not None:
            tried = {"user": deeds.login.user, "way": deeds.login.way, "address": address}
            if deeds.login.reason is not None:
                tried |= {"token": deeds.login.token, "reason": deeds.login.reason}
            self._sums.record(deeds.login.event, tried)
        if deeds.user is None:
            return
        name = scope.get("path_params", {}).get("db")
        where = {"user": deeds.user, "address": address, "database": None if name is None else unquote(name)}
        if status == FORBIDDEN:
            self._sums.record("refused", where | {"method": scope["method"], "route": route_of(scope)})
        if deeds.refused:
            self._sums.record("documents_refused", where, deeds.refused)


def changes_of(before: InForce, after: InForce) -> list[dict[str, Json]]:
    """The entries of an access list that are not what they were; null where there was none, or is none any more."""
    was, now = _entries(before), _entries(after)
    names = sorted(name for name in was.keys() | now.keys() if was.get(name) != now.get(name))
    return [{"before": was.get(name), "after": now.get(name)} for name in names[:CHANGES_MAX]]


def _entries(lists: InForce) -> dict[str, Json]:
    """Those of the list that is shown; none if it cannot be understood."""
    said = lists.said[0] if lists.said else None
    return (
        {} if said is None or isinstance(said, str) else {name: each.to_json() for name, each in said.entries.items()}
    )
