"""Which endpoint a request is for: looked up by the words of its path, so that a long table takes no longer than a short one.

As in the table, what is more special comes first: at each place in a path a word, then any one segment, then the rest of
the path whatever it is. Of what a path leads to, the first that takes the method answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from replica.server.exchange import ASGI, Message

_WRONG_METHOD = "replica.allowed"  # in the scope: the methods that there are


class _Answering(NamedTuple):
    """Who answers a method, and what the parts of the path are called there."""

    app: ASGI
    names: tuple[str, ...]


class _Place:
    """A place in the tree of all paths: what goes on from here, and who answers what ends here, by method."""

    def __init__(self) -> None:
        self.words: dict[str, _Place] = {}
        self.part: _Place | None = None
        self.rest: _Place | None = None
        self.answering: dict[str, _Answering] = {}

    def below(self, segment: str) -> _Place:
        """The place behind a word, behind a part (`{name}`), or behind the rest (`{name:path}`); made if it is new."""
        if not segment.startswith("{"):
            return self.words.setdefault(segment, _Place())
        if segment.endswith(":path}"):
            self.rest = self.rest or _Place()
            return self.rest
        self.part = self.part or _Place()
        return self.part

    def ends(self, segments: Sequence[str]) -> Iterator[tuple[_Place, tuple[str, ...]]]:
        """Where a path may end, with its parts, the most special place first."""
        if not segments:
            if self.answering:
                yield self, ()
            return
        segment, *others = segments
        if segment in self.words:
            yield from self.words[segment].ends(others)
        if self.part is not None and segment:
            for place, parts in self.part.ends(others):
                yield place, (segment, *parts)
        if self.rest is not None:
            yield self.rest, ("/".join(segments),)


class Routes(BaseRoute):
    """The table of endpoints as one route of Starlette's. GET is HEAD, too; of two for one path and method the first counts."""

    def __init__(self) -> None:
        self._root = _Place()

    def add(self, path: str, methods: Sequence[str], app: ASGI) -> None:
        """Let `app` answer at a path such as `/{db}/{unid}/{attachment:path}`."""
        place, names = self._root, []
        for segment in path.split("/")[1:]:
            place = place.below(segment)
            if segment.startswith("{"):
                names.append(segment[1:-1].removesuffix(":path"))
        for method in methods:
            for each in ("GET", "HEAD") if method == "GET" else (method,):
                place.answering.setdefault(each, _Answering(app, tuple(names)))

    def matches(self, scope: Message) -> tuple[Match, Message]:
        """Who answers: `PARTIAL` where that is not by this method."""
        if scope["type"] != "http":
            return Match.NONE, {}
        others: tuple[_Place, tuple[str, ...]] | None = None
        for place, parts in self._root.ends(_segments(scope)):
            if (answering := place.answering.get(scope["method"])) is not None:
                return Match.FULL, _found(scope, answering, parts)
            others = others or (place, parts)
        if others is None:
            return Match.NONE, {}
        place, parts = others
        found = _found(scope, next(iter(place.answering.values())), parts)
        return Match.PARTIAL, {**found, _WRONG_METHOD: ", ".join(place.answering)}

    async def handle(self, scope: Message, receive: Any, send: Any) -> None:
        """Let it be answered. `HTTPException` (405, with `Allow`) after `PARTIAL`."""
        if _WRONG_METHOD in scope:
            raise HTTPException(405, headers={"Allow": scope[_WRONG_METHOD]})
        await scope["endpoint"](scope, receive, send)


def _segments(scope: Message) -> list[str]:
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    return path.split("/")[1:]


def _found(scope: Message, answering: _Answering, parts: tuple[str, ...]) -> Message:
    named = dict(zip(answering.names, parts, strict=True))
    return {"endpoint": answering.app, "path_params": {**scope.get("path_params", {}), **named}}
