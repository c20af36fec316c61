"""The verbs of a peer, one resource each: what is asked goes to the replica's own peer, in a thread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from replica.engine.peer import Batch
from replica.errors import BadRequest, NotAllowed, NotSupported, Replaced, UnsupportedMediaType
from replica.rights import Level
from replica.rows import Rows
from replica.server.call import Call, check_values
from replica.server.endpoint import Endpoint
from replica.server.gate.rights import Need
from replica.server.native.depository import Depository
from replica.tally import Tally
from replica.transports.direct import DirectPeer
from replica.wire import coding
from replica.wire.bodies import sifted
from replica.wire.bounds import SaidGreeting
from replica.wire.messages import MEDIA_TYPE, Message, is_ours, read, written
from replica.wire.verbs import LIMIT_MAX, QUESTIONS, SIZE_MAX, WAIT_S_MAX, Changed, Leaves

Act = Callable[[DirectPeer, Message], Any]


def greet(peer: DirectPeer, message: Message) -> Any:
    """Who is here, and what is remembered of who is asking."""
    say = message.understood(QUESTIONS["greet"])
    greeting = peer.greet(None if say.greeting is None else say.greeting.meant(), say.dry_run)
    return SaidGreeting.of(greeting)


def changes(peer: DirectPeer, message: Message) -> Any:
    """A page of the feed."""
    say = message.understood(QUESTIONS["changes"])
    return peer.changes(say.since, _bounded(say.limit))


def changes_up_to(peer: DirectPeer, message: Message) -> Any:
    """The last entries up to a position."""
    say = message.understood(QUESTIONS["changes-up-to"])
    return peer.changes_up_to(say.position, _bounded(say.limit))


def changes_of(peer: DirectPeer, message: Message) -> Any:
    """The present state of some documents."""
    return peer.changes_of(message.understood(QUESTIONS["changes-of"]))


def withdrawn(peer: DirectPeer, message: Message) -> Any:
    """What can be seen no more by whoever asks, and could before."""
    say = message.understood(QUESTIONS["withdrawn"])
    return peer.withdrawn(say.since, _bounded(say.limit))


def withheld(peer: DirectPeer, message: Message) -> Any:
    """What of that which whoever asks holds is not theirs to see any more."""
    return peer.withheld(message.understood(QUESTIONS["withheld"]))


def missing(peer: DirectPeer, message: Message) -> Any:
    """Which of the offered leaves are wanted, by their places in the list."""
    offers = message.understood(QUESTIONS["missing"])
    places = {id(offer): at for at, offer in enumerate(offers)}
    return [places[id(offer)] for offer in peer.missing(offers)]


def fetch(peer: DirectPeer, message: Message) -> Any:
    """Leaves, and the texts that belong to them."""
    rows = Rows.of(peer.fetch(message.understood(QUESTIONS["fetch"]), SIZE_MAX).leaves)
    return Leaves(rows.rows, list(peer.texts(rows).items())), rows


def changed_leaves(peer: DirectPeer, message: Message) -> Any:
    """A part of the feed, with all leaves of its documents."""
    say = message.understood(QUESTIONS["changed-leaves"])
    found = peer.changed_leaves(say.since, _bounded(say.limit), min(say.size, SIZE_MAX))
    rows = Rows.of(found.leaves)
    return Changed(rows.rows, list(found.texts.items()), found.read, found.position, found.last), rows


def texts(peer: DirectPeer, message: Message) -> Any:
    """The texts of foreign revisions in some ancestries."""
    rows = message.understood(QUESTIONS["texts"])
    return list(peer.texts(Rows(rows, [b""] * len(rows))).items())


def accept(peer: DirectPeer, message: Message) -> Any:
    """Take in a batch; what became of it."""
    head, rows = message.batch(QUESTIONS["accept"])
    sound, not_json = sifted(rows)
    refused = (*(failure.meant() for failure in head.refused), *not_json)
    batch = Batch(sound, dict(head.texts), head.session.meant(), head.ancestry_limit, refused)
    return peer.accept(batch, head.dry_run)


def remember(peer: DirectPeer, message: Message) -> Any:
    """Note what the receiving side has."""
    peer.remember(*(session.meant() for session in message.understood(QUESTIONS["remember"])))


def _bounded(limit: int) -> int:
    if not 0 < limit <= LIMIT_MAX:
        raise BadRequest(f"a page has 1 to {LIMIT_MAX:,} entries, not {limit}")
    return limit


async def heard(call: Call, verb: str) -> Message:
    """What is asked. `UnsupportedMediaType`, `Garbled`, `OtherProtocol`; `Replaced` if another replica is meant."""
    if not is_ours(call.request.headers.get("content-type", "")):  # a browser asks before it sends this from any page
        raise UnsupportedMediaType(f"Content-Type must be {MEDIA_TYPE}", hint="Use the command `replicate`.")
    data = await call.body()
    return await run_in_threadpool(_addressed, call, verb, data)


def _addressed(call: Call, verb: str, data: bytes) -> Message:
    check_values(data.partition(b"\n")[0])  # of the head: what is behind it is not read
    message = read(verb, data)
    if message.name not in ("", call.replica.identity.instance_id):
        raise Replaced("this is not the replica that has greeted", hint="Replicate again.")
    return message


def headers_for(chosen: str) -> dict[str, str]:
    """Those of an answer in that coding."""
    headers = {"Accept-Encoding": ", ".join(coding.CODINGS), "Cache-Control": "no-store"}
    return headers if chosen == coding.IDENTITY else headers | {"Content-Encoding": chosen}


def coding_for(call: Call) -> str:
    """The best coding that the client inflates."""
    return coding.chosen(call.request.headers.get("accept-encoding", ""))


def _resource(verb: str, act: Act, needs: Need = Need.COPY) -> Endpoint:
    async def handler(call: Call) -> Response:
        message = await heard(call, verb)
        response = await run_in_threadpool(_answer, call, verb, act, message)
        if needs is Need.WRITE:
            call.held.watch.notice()
        return response

    handler.__doc__ = act.__doc__
    return _endpoint(verb, handler, needs)


async def changes_in_time(call: Call) -> Response:
    """A page of the feed: at once, or when there is something. Nobody holds a thread meanwhile."""
    message = await heard(call, "changes")
    say = message.understood(QUESTIONS["changes"])
    if say.wait_s > 0:
        await call.held.watch.newer(say.since.number, min(say.wait_s, WAIT_S_MAX))
    response = await run_in_threadpool(_answer, call, "changes", changes, message)
    if say.wait_s > 0:  # the right may have gone meanwhile
        await run_in_threadpool(call.visit.check_again)
    return response


async def unknown(call: Call) -> Response:
    """Another verb, or another method: a newer version may have more to say, and is to know that it was understood so far."""
    hint = "Where the other end has a newer version of notes-replica, install that here, too."
    raise NotSupported(
        f"{call.request.method} _replica/{call.part('verb')[:40]} is nothing that is known here", hint=hint
    )


def peer_for(call: Call) -> DirectPeer:
    """The database as whoever asks meets it."""
    rights = call.rights
    return Depository(call.peer) if rights.level is Level.DEPOSITOR else call.peer


def _endpoint(verb: str, handler: Callable[[Call], Awaitable[Response]], needs: Need) -> Endpoint:
    return Endpoint(("POST",), f"/{{db}}/_replica/{verb}", handler, needs)


def _answer(call: Call, verb: str, act: Act, message: Message) -> Response:
    said = act(peer_for(call), message)
    if isinstance(said, Tally):
        call.note_refused(said.refused.get(NotAllowed.code, 0))
    answer, rows = said if isinstance(said, tuple) and isinstance(said[-1], Rows) else (said, None)
    name = said.ids[-1] if verb == "greet" else message.name or call.replica.identity.instance_id
    chosen = coding_for(call)
    content = coding.compress(chosen, written(verb, name, answer, rows))
    return Response(content, headers=headers_for(chosen), media_type=MEDIA_TYPE)


ENDPOINTS = [
    _resource("greet", greet, Need.OFFER),
    _endpoint("changes", changes_in_time, Need.COPY),
    _resource("changes-up-to", changes_up_to),
    _resource("changes-of", changes_of),
    _resource("withdrawn", withdrawn),
    _resource("withheld", withheld, Need.OFFER),
    _resource("missing", missing, Need.OFFER),
    _resource("changed-leaves", changed_leaves),
    _resource("fetch", fetch),
    _resource("texts", texts),
    _resource("accept", accept, Need.WRITE),
    _resource("remember", remember, Need.NOTE),
    Endpoint(("GET", "POST", "PUT", "DELETE"), "/{db}/_replica/{verb:path}", unknown, Need.OFFER),
]
