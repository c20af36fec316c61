"""Those who wait for changes: told at once, told that the server lives, told the end; and many of them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2
import pytest

import replica
from replica import Replica
from replica.server.app import create_app
from tests.servers import serving

pytestmark = pytest.mark.system

LISTENERS = 200
WRITERS = 20
EACH = 10
SOON_S = 2.0  # what is promised is a second; the machine may be busy


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Replica]:
    with replica.create(tmp_path / "db.db") as made:
        yield made


@pytest.fixture
def url(tmp_path: Path, db: Replica) -> Iterator[str]:
    with serving(tmp_path) as made:
        yield made


@asynccontextmanager
async def listening(url: str, body: Any = None, **query: Any) -> AsyncIterator[asyncio.StreamReader]:
    """A request to `_changes` over a connection of its own; its answer from behind the headers."""
    place = urlsplit(url)
    assert place.hostname
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    text = b"" if body is None else json.dumps(body).encode()
    head = f"{'GET' if body is None else 'POST'} /db/_changes?{urlencode(query)} HTTP/1.1\r\nHost: localhost\r\n"
    writer.write(f"{head}Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text)
    try:
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        while await reader.readline() != b"\r\n":
            pass
        yield reader
    finally:
        writer.close()


async def chunk(reader: asyncio.StreamReader) -> bytes:
    """The next chunk; empty at the end."""
    size = int(await reader.readline(), 16)
    return (await reader.readexactly(size + 2))[:-2]


async def rest(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while part := await chunk(reader):
        parts.append(part)
    return b"".join(parts)


async def lines(reader: asyncio.StreamReader) -> AsyncIterator[dict[str, Any]]:
    """The objects of a continuous feed."""
    while part := await chunk(reader):
        for line in part.split(b"\n"):
            if line:
                yield json.loads(line)


def run(coroutine: Any) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(60):
            return await coroutine

    return asyncio.run(bounded())


# -- one who waits


def test_the_first_chunk_comes_at_once_and_a_change_ends_the_wait(url: str, db: Replica) -> None:
    async def scenario() -> None:
        async with listening(url, feed="longpoll", since="now") as reader:
            assert await chunk(reader) == b'{"results":[\n'
            document = await asyncio.to_thread(db.put, {"n": 1}, unid="x")
            started = time.monotonic()
            answer = json.loads(b'{"results":[\n' + await rest(reader))
            assert time.monotonic() - started < SOON_S
        assert [row["id"] for row in answer["results"]] == ["x"]
        assert answer["results"][0]["changes"] == [{"rev": document.revision}]
        assert answer["last_seq"] == answer["results"][0]["seq"]

    run(scenario())


def test_what_is_there_already_is_told_without_waiting(url: str, db: Replica) -> None:
    db.put({"n": 1}, unid="x")

    async def scenario() -> None:
        async with listening(url, feed="longpoll") as reader:
            assert [row["id"] for row in json.loads(await rest(reader))["results"]] == ["x"]

    run(scenario())


@pytest.mark.parametrize("feed", ["longpoll", "continuous"])
def test_the_wait_ends_when_its_time_is_over_with_the_place_to_go_on_from(url: str, db: Replica, feed: str) -> None:
    db.put({"n": 1}, unid="x")

    async def scenario() -> None:
        async with listening(url, feed=feed, since="now", timeout=200) as reader:
            started = time.monotonic()
            answer = json.loads(await rest(reader))
            assert 0.15 < time.monotonic() - started < SOON_S
        assert answer.get("results", []) == []
        assert answer["last_seq"].startswith("1-")
        assert answer["pending"] == 0

    run(scenario())


def test_signs_of_life_come_while_a_filter_lets_nothing_through(url: str, db: Replica) -> None:
    ended = threading.Event()

    def write() -> None:
        for n in range(10_000):
            if ended.wait(0.02):
                return
            db.put({"n": n})

    writer = threading.Thread(target=write)
    writer.start()

    async def scenario() -> None:
        query = {"feed": "longpoll", "heartbeat": 100, "filter": "_selector"}
        async with listening(url, {"selector": {"wanted": True}}, **query) as reader:
            assert await chunk(reader) == b'{"results":[\n'
            for _ in range(5):
                assert await chunk(reader) == b"\n"
            await asyncio.to_thread(db.put, {"wanted": True}, unid="x")
            answer = json.loads(b'{"results":[\n' + await rest(reader))
            assert [row["id"] for row in answer["results"]] == ["x"]

    try:
        run(scenario())
    finally:
        ended.set()
        writer.join()


def test_a_continuous_feed_goes_on_and_ends_with_its_limit(url: str, db: Replica) -> None:
    db.put({"n": 0}, unid="0")

    async def scenario() -> None:
        async with listening(url, feed="continuous", limit=3, heartbeat="true") as reader:
            told = lines(reader)
            assert (await anext(told))["id"] == "0"
            for n in "12":
                await asyncio.to_thread(db.put, {"n": n}, unid=n)
                assert (await anext(told))["id"] == n
            last = await anext(told)
            assert (last["last_seq"].split("-")[0], last["pending"]) == ("3", 0)
            assert [row async for row in told] == []

    run(scenario())


def test_browsers_get_events_and_go_on_from_the_last_one(url: str, db: Replica) -> None:
    for n in range(3):
        db.put({"n": n}, unid=f"{n}")
    with httpx2.Client(base_url=url) as client:
        query = {"feed": "eventsource", "timeout": "100"}
        got = client.get("/db/_changes", params=query)
        assert got.headers["content-type"].startswith("text/event-stream")
        events = [dict(line.split(": ", 1) for line in event.splitlines()) for event in got.text.split("\n\n")[:-1]]
        assert [json.loads(event["data"])["id"] for event in events] == ["0", "1", "2"]
        again = client.get("/db/_changes", params=query, headers={"Last-Event-ID": events[1]["id"]})
        assert again.text == f"data: {events[2]['data']}\nid: {events[2]['id']}\n\n"


def test_another_process_is_heard_within_a_second(url: str, db: Replica) -> None:
    save = "import replica, sys; replica.open(sys.argv[1]).put({}, unid='x')"

    async def scenario() -> None:
        async with listening(url, feed="continuous", since="now") as reader:
            await asyncio.to_thread(subprocess.run, [sys.executable, "-c", save, db.path], check=True)
            started = time.monotonic()
            assert (await anext(lines(reader)))["id"] == "x"
            assert time.monotonic() - started < SOON_S

    run(scenario())


def test_what_is_saved_through_the_server_is_heard_at_once(
    url: str, db: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("replica.server.watching.POLL_S", 3600)

    async def scenario() -> None:
        async with listening(url, feed="continuous", since="now", heartbeat="true") as reader:
            told = lines(reader)
            for n in range(3):
                saved = await asyncio.to_thread(httpx2.put, f"{url}/db/{n}", json={})
                assert (await anext(told))["changes"] == [{"rev": saved.json()["rev"]}]

    run(scenario())


# -- the end


async def ending(url: str, feed: str, end: Any) -> Any:
    """What a listener is told when `end` happens."""
    async with listening(url, feed=feed, since="now", heartbeat=30_000) as reader:
        opening = await chunk(reader) if feed == "longpoll" else b""
        await asyncio.sleep(0.05)
        await asyncio.to_thread(end)
        return json.loads(opening + await rest(reader))


@pytest.mark.parametrize("feed", ["longpoll", "continuous"])
def test_a_deleted_database_ends_the_wait(url: str, db: Replica, feed: str) -> None:
    db.put({}, unid="x")
    answer = run(ending(url, feed, lambda: httpx2.delete(f"{url}/db").raise_for_status()))
    assert answer["last_seq"].startswith("1-")


def test_a_replaced_file_ends_the_wait(url: str, db: Replica, tmp_path: Path) -> None:
    replica.create(tmp_path / "new.sqlite").close()
    answer = run(ending(url, "continuous", lambda: (tmp_path / "new.sqlite").replace(db.path)))
    assert answer["last_seq"].startswith("0-")


@pytest.mark.parametrize("feed", ["longpoll", "continuous"])
def test_a_server_that_stops_ends_the_wait(tmp_path: Path, db: Replica, feed: str) -> None:
    db.put({}, unid="x")
    with ExitStack() as server:
        url = server.enter_context(serving(tmp_path))
        answer = run(ending(url, feed, server.close))
    assert answer["last_seq"].startswith("1-")


def test_who_hangs_up_is_not_waited_for(tmp_path: Path, db: Replica) -> None:
    """Without a sign of life: only the news that the client has gone ends this request."""
    sent: list[dict[str, Any]] = []
    app = create_app(str(tmp_path))
    query = b"feed=continuous&heartbeat=60000"
    scope = {"type": "http", "method": "GET", "path": "/db/_changes", "query_string": query, "headers": []}

    async def scenario() -> None:
        gone = asyncio.Event()
        messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        messages.put_nowait({"type": "http.request", "body": b"", "more_body": False})

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)
            if message["type"] == "http.response.start":
                gone.set()

        async def hang_up() -> None:
            await gone.wait()
            messages.put_nowait({"type": "http.disconnect"})

        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            group.create_task(hang_up())
            group.create_task(app(scope, messages.get, send))

    asyncio.run(scenario())
    assert [message["type"] for message in sent][:1] == ["http.response.start"]
    assert not any(message.get("more_body") is False for message in sent)


# -- many


def test_many_listeners_hear_of_everything_that_many_writers_save(url: str, db: Replica, tmp_path: Path) -> None:
    wanted = {f"{writer}/{n}" for writer in range(WRITERS) for n in range(EACH)}

    def write(writer: int) -> None:
        """Half of them beside the server, in the file, and half through it."""
        with replica.open(db.path) as own, httpx2.Client(base_url=url, timeout=60) as client:
            for n in range(EACH):
                if writer % 2:
                    own.put({"n": n}, unid=f"{writer}/{n}")
                else:
                    client.put(f"/db/{writer}%2F{n}", json={"n": n}).raise_for_status()

    async def continuous(ready: asyncio.Semaphore) -> None:
        async with listening(url, feed="continuous", heartbeat=1000) as reader:
            ready.release()
            heard: list[str] = []
            told = lines(reader)
            while len(heard) < len(wanted):
                heard.append((await anext(told))["id"])
            assert len(heard) == len(set(heard))
            assert set(heard) == wanted

    async def longpoll(ready: asyncio.Semaphore) -> None:
        heard: set[str] = set()
        since = "0"
        while heard != wanted:
            async with listening(url, feed="longpoll", heartbeat=1000, since=since) as reader:
                ready.release()
                answer = json.loads(await rest(reader))
            since = answer["last_seq"]
            heard |= {row["id"] for row in answer["results"]}

    async def scenario() -> None:
        ready = asyncio.Semaphore(0)
        async with asyncio.TaskGroup() as group:
            for n in range(LISTENERS):
                group.create_task((longpoll if n % 4 == 0 else continuous)(ready))
            for _ in range(LISTENERS):
                await ready.acquire()
            await asyncio.gather(*(asyncio.to_thread(write, writer) for writer in range(WRITERS)))
            got = await asyncio.to_thread(httpx2.get, f"{url}/db")  # nobody who waits holds a thread
            assert got.json()["doc_count"] == len(wanted)

    run(scenario())
