"""Two hundred who listen and twenty who write, at once: everyone hears everything, and memory stays bounded."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

import replica
from tests.system.serving import Served, has_proc, request, server_process

LISTENERS, WRITERS, SAVES = 200, 20, 10
GROWTH_BYTES_MAX = 100 * 2**20

pytestmark = pytest.mark.system


async def listen(served: Served, ready: asyncio.Queue[None], wanted: set[str]) -> list[str]:
    """The UNIDs that a live feed tells, until all that are wanted came."""
    reader, writer = await asyncio.open_connection(*served.address)
    writer.write(request("GET", "/db/_changes?feed=continuous&since=0&heartbeat=5000"))
    await reader.readuntil(b"\r\n\r\n")
    heard: list[str] = []
    while not wanted <= set(heard):
        line = (await reader.readline()).strip()
        if line.startswith(b"{"):
            heard.append(json.loads(line)["id"])
            if len(heard) == 1:
                ready.put_nowait(None)
    writer.close()
    return heard


async def write(served: Served, number: int) -> None:
    """Save some documents on a connection that is kept."""
    reader, writer = await asyncio.open_connection(*served.address)
    for save in range(SAVES):
        body = json.dumps({"docs": [{"_id": f"{number}/{save}", "Total": save}]}).encode()
        writer.write(request("POST", "/db/_bulk_docs", body))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 201"), head
        length = next(line for line in head.decode().lower().splitlines() if line.startswith("content-length:"))
        await reader.readexactly(int(length.partition(":")[2]))
    writer.close()


async def everything(served: Served) -> list[list[str]]:
    wanted = {f"{number}/{save}" for number in range(WRITERS) for save in range(SAVES)}
    ready: asyncio.Queue[None] = asyncio.Queue()
    async with asyncio.timeout(300), asyncio.TaskGroup() as group:
        listeners = [group.create_task(listen(served, ready, wanted)) for _ in range(LISTENERS)]
        for _ in range(LISTENERS):
            await ready.get()
        for number in range(WRITERS):
            group.create_task(write(served, number))
    return [listener.result() for listener in listeners]


def test_everyone_hears_everything(tmp_path: Path) -> None:
    with replica.create(str(tmp_path / "db.db")) as made:
        made.put({}, unid="first")
    with server_process(tmp_path, "--access-log", "none") as served:
        assert 200 == served.ask("GET", "/db").status
        before = served.memory_bytes("VmRSS") if has_proc() else 0
        heard = asyncio.run(everything(served))
        if has_proc():
            assert GROWTH_BYTES_MAX >= served.memory_bytes("VmHWM") - before
        assert 1 + WRITERS * SAVES == served.ask("GET", "/db").json["doc_count"]
        assert 0 == served.stop()
    assert [1 + WRITERS * SAVES] * LISTENERS == [len(set(each)) for each in heard]
    assert [len(set(each)) for each in heard] == [len(each) for each in heard], "something was told twice"
