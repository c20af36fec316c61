"""One request, read carefully: its query, its body, the database it is about."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from replica.canonical import Json, parse
from replica.errors import BadRequest, ReplicaError, TooLarge, UnsupportedMediaType
from replica.replica import Replica
from replica.rights import Rights, Sight, sight_of
from replica.server.catalogue import Held
from replica.server.deeds import deeds_of
from replica.server.gate.rights import Need, rights_of
from replica.server.gate.visit import NO_LIST, Visit, visit_of
from replica.store.access_list import Ruling, everything, ruling_by
from replica.transports.direct import DirectPeer
from replica.wire import coding

if TYPE_CHECKING:
    from replica.server.app import Server

COUNT_MAX = 2**53 - 1
VALUES_MAX = 2_000_000  # in the JSON of one request: an empty list takes two bytes there and a hundred in memory
AT_ONCE = 4 * 2**10  # bytes of JSON that are read without asking a thread to: in a millisecond at the worst
_BETWEEN_VALUES = (b"[", b"{", b",")  # counted in texts, too: prose has a comma in fifty characters


class Call:
    """A request and the server that was asked. `held` is the database in its path, if there is one."""

    def __init__(self, request: Request, server: Server, held: Held | None) -> None:
        self.request = request
        self.server = server
        self._held = held

    @property
    def visit(self) -> Visit:
        """Who asks."""
        return visit_of(self.request.scope)

    @property
    def held(self) -> Held:
        """The database that the path names, with the watch on it."""
        assert self._held is not None
        return self._held

    @cached_property
    def replica(self) -> Replica:
        """The database that the path names, as whoever asks sees it and saves there."""
        held, principal = self.held, self.visit.principal
        file = held.replica.file if principal.is_admin else held.sights.by(self._sight)
        return Replica(file, held.replica.clock, principal.name)

    def _sight(self) -> Sight:
        """How whoever asks sees the database, as it is now."""
        return sight_of(self.visit.principal, self.rights.roles)

    def demand(self, need: Need) -> None:
        """Refuse (`NotAllowed`, `NotAuthenticated`) what goes beyond what the endpoint needs. For a thread."""
        self.visit.demand(need, self.part("db"), self.server.catalogue.access_list)

    def may_go_on(self) -> bool:
        """Whether whoever asks still may: what is read before this is asked is theirs to have. For a thread.

        If not, the gate sends them away within seconds, and until then they are told nothing more.
        """
        try:
            self.visit.check_again()
        except ReplicaError:
            return False
        return True

    @property
    def rights(self) -> Rights:
        """What whoever asks may do in the database. For a thread."""
        lists = NO_LIST if self.visit.principal.is_admin else self.held.access.now()
        return rights_of(self.visit.principal, self.part("db"), lists)

    @property
    def ruling(self) -> Ruling:
        """What whoever asks may write into the database."""
        principal, name = self.visit.principal, self.part("db")
        if principal.is_admin:
            return everything
        return ruling_by(principal, lambda lists: rights_of(principal, name, lists))

    @property
    def peer(self) -> DirectPeer:
        """The database as one end of a replication with whoever asks."""
        return DirectPeer(self.replica.file, self.replica.clock, self.ruling)

    def note_refused(self, count: int) -> None:
        """Note how many documents were not taken because of who brought them."""
        deeds_of(self.request.scope).refused += count

    def part(self, name: str) -> str:
        """A part of the path, decoded."""
        return decoded(self.request.path_params[name])

    # -- the query

    def text(self, name: str, default: str | None = None) -> str | None:
        """A parameter as it stands."""
        return self.request.query_params.get(name, default)

    def flag(self, name: str, default: bool = False) -> bool:
        """A parameter that is `true` or `false`."""
        word = self.text(name)
        if word is None:
            return default
        if word not in ("true", "false"):
            raise BadRequest(f"the parameter `{name}` is true or false, not {word[:40]!r}")
        return word == "true"

    def count(self, name: str, default: int | None = None) -> int | None:
        """A parameter that is a whole number from 0."""
        word = self.text(name)
        if word is None:
            return default
        if not (word.isascii() and word.isdigit()) or len(word) > 16 or int(word) > COUNT_MAX:
            raise BadRequest(f"the parameter `{name}` is a whole number from 0, not {word[:40]!r}")
        return int(word)

    def json_parameter(self, *names: str) -> Json:
        """The JSON in the first of these parameters that is given; None if none is."""
        for name in names:
            word = self.text(name)
            if word is not None:
                return parse(word)
        return None

    def check_count(self, count: int, what: str) -> None:
        """Refuse (`TooLarge`) more in one request than the server takes."""
        most = self.server.limits.documents_max
        if count > most:
            raise TooLarge(f"the request names {count:,} {what}; the limit is {most:,}", hint="Ask for less at a time.")

    # -- the body

    async def body(self, most: int | None = None) -> bytes:
        """The body, inflated if it is compressed. `TooLarge` beyond `most` bytes, or the server's limit, either way."""
        most = most or self.server.limits.body_bytes_max
        length = self.request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > most:
            raise _too_large(most)
        body = bytearray()
        async for chunk in self.request.stream():
            body += chunk
            if len(body) > most:
                raise _too_large(most)
        name = self.request.headers.get("content-encoding", coding.IDENTITY)
        if name == coding.IDENTITY:
            return bytes(body)
        return await run_in_threadpool(coding.inflate, name, [bytes(body)], most)

    async def json(self, default: Json = None, most: int | None = None) -> Json:
        """The JSON in the body; `default` if there is no body and a default."""
        if self.request.method == "POST":
            self._check_type()
        text = await self.body(most)
        if not text.strip() and default is not None:
            return default
        check_values(text)
        return parse(text) if len(text) <= AT_ONCE else await run_in_threadpool(parse, text)

    async def json_object(self, default: dict[str, Json] | None = None, most: int | None = None) -> dict[str, Any]:
        """The JSON object in the body."""
        value = await self.json(default, most)
        if not isinstance(value, dict):
            raise BadRequest("Request body must be a JSON object")
        return value

    def _check_type(self) -> None:
        """A browser sends other types from any page without asking (CSRF)."""
        kind = self.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in ("application/json", ""):
            raise UnsupportedMediaType("Content-Type must be application/json")


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"the request has more than {most:,} bytes", hint="Send less at a time.")


def check_values(text: bytes) -> None:
    """Refuse (`TooLarge`) JSON that would take much more memory than it has bytes."""
    if sum(map(text.count, _BETWEEN_VALUES)) > VALUES_MAX:
        raise TooLarge(f"the request has more than {VALUES_MAX:,} values", hint="Send less at a time.")


def decoded(part: str) -> str:
    """A part of a path without its percent-encoding. `BadRequest` if it is not UTF-8."""
    try:
        return unquote(part, errors="strict")
    except UnicodeDecodeError as error:
        raise BadRequest("the path is not UTF-8") from error
