"""What is new in a database, at once, when it comes, or for as long as the client listens: `/{db}/_changes`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from replica.errors import Replaced, ReplicaError
from replica.server.call import Call
from replica.server.compressed import AS_IT_IS
from replica.server.couchdb.feed import Feed, Rows
from replica.server.couchdb.feed_forms import form_of
from replica.server.couchdb.feed_pace import Pace
from replica.server.couchdb.wanted_changes import Wanted, wanted
from replica.server.endpoint import Endpoint
from replica.server.gate.rights import Need
from replica.server.streaming import Streamed

HELD_CHUNKS = 3  # an answer of no more goes out in one piece, with its length: the opening, a page, the end
HELD_BACK_S = 0.2  # before it is asked again of somebody whom the gate is about to send away
LOOK_S = 10.0  # how often it is looked whether whoever waits still sees the same


async def changes(call: Call) -> Response:
    """The feed of a database."""
    asked = await wanted(call)
    feed = await run_in_threadpool(Feed, call.replica.file, call.held.pending, asked)
    position = await run_in_threadpool(feed.start)
    chunks = _chunks(call, feed, asked, position)
    media_type = form_of(asked.feed).media_type
    if asked.feed != "normal":
        return Streamed(chunks, media_type, {"Cache-Control": f"no-cache, {AS_IT_IS}"})
    held = []
    async for chunk in chunks:
        held.append(chunk)
        if len(held) > HELD_CHUNKS:
            return Streamed(_all(held, chunks), media_type)
    return Response(b"".join(held), media_type=media_type, headers={"Cache-Control": "must-revalidate"})


async def _all(held: list[bytes], chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    yield b"".join(held)
    held.clear()
    async with aclosing(chunks):
        async for chunk in chunks:
            yield chunk


async def _chunks(call: Call, feed: Feed, wanted: Wanted, position: int) -> AsyncGenerator[bytes]:
    """The answer, piece by piece."""
    form, pace, watch = form_of(wanted.feed), Pace(wanted), call.held.watch
    left, waited = wanted.limit, False
    yield form.opening
    try:
        while True:
            page = await run_in_threadpool(_page, call, feed, position, left)
            if page is None:
                await asyncio.sleep(HELD_BACK_S)
                continue
            position = page.position
            if page.rows:
                yield form.rows(page)
                pace.told()
                left = None if left is None else left - len(page.rows)
            elif pace.beat_is_due():
                yield form.beat
            if left == 0 or (page.last and not wanted.waits):
                break
            if wanted.feed == "longpoll" and pace.has_told and (page.last or waited):
                break
            if not page.last:
                continue
            while not await watch.newer(position, min(pace.rest_s, LOOK_S)) and not watch.ended and not pace.is_over:
                feed.check_sight()
                if pace.beat_is_due():
                    yield form.beat
            if watch.ended or pace.is_over:
                break
            waited = True
        last_seq, pending = await run_in_threadpool(feed.end, position)
    except ReplicaError as error:
        if not watch.ended and not isinstance(error, Replaced):
            raise
        last_seq, pending = feed.place(position), None  # the database is gone or another one, or other eyes look at it
    yield form.closing(last_seq, pending)


def _page(call: Call, feed: Feed, position: int, left: int | None) -> Rows | None:
    """The next rows. None if whoever asks may not have them: they may be of what was written after the right was taken."""
    page = feed.page(position, left)
    return page if not page.rows or call.may_go_on() else None


PARAMETERS = (
    "feed",
    "since",
    "last-event-id",
    "limit",
    "descending",
    "style",
    "include_docs",
    "conflicts",
    "heartbeat",
    "timeout",
    "seq_interval",
    "filter",
    "doc_ids",
    "selector",
    "view",
)

ENDPOINTS = [Endpoint(("GET", "POST"), "/{db}/_changes", changes, Need.COPY, PARAMETERS)]
