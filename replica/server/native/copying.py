"""The whole database as a file, for a first copy."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from replica.server.call import Call
from replica.server.endpoint import Endpoint
from replica.server.gate.rights import Need
from replica.server.native.conversation import coding_for, headers_for, heard
from replica.server.streaming import Streamed
from replica.store.tables import SCHEMA
from replica.transports.snapshot import file_to_send
from replica.wire import coding
from replica.wire.messages import MEDIA_TYPE, streamed
from replica.wire.verbs import QUESTIONS, Snapshot

PIECE = 2**20


async def snapshot(call: Call) -> Response:
    """The database as it is now: a file, without what is about this replica alone."""
    (await heard(call, "snapshot")).understood(QUESTIONS["snapshot"])
    stack = ExitStack()
    chosen = coding_for(call)
    pieces = await run_in_threadpool(_pieces, call, chosen, stack)
    return Streamed(_sent(pieces, stack), MEDIA_TYPE, headers_for(chosen))


def _pieces(call: Call, chosen: str, stack: ExitStack) -> Iterator[bytes]:
    name = call.replica.identity.instance_id
    file = stack.enter_context(file_to_send(call.replica.peer.file))
    said = Snapshot(SCHEMA, os.fstat(file.fileno()).st_size)
    return coding.compressed(chosen, streamed("snapshot", name, said, iter(lambda: file.read(PIECE), b"")))


async def _sent(pieces: Iterator[bytes], stack: ExitStack) -> AsyncGenerator[bytes]:
    with stack:
        while (piece := await run_in_threadpool(next, pieces, None)) is not None:
            if piece:  # what compresses keeps back until there is enough of it
                yield piece


ENDPOINTS = [Endpoint(("POST",), "/{db}/_replica/snapshot", snapshot, Need.COPY)]
