"""A server that lies to whoever replicates with it: answers without end, or that are not what they say they are."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import replica
from replica.errors import ReplicaError, TransportError
from replica.remote import RemoteReplica
from replica.transports import exchange, web
from replica.wire.messages import MEDIA_TYPE
from tests.servers import running

pytestmark = pytest.mark.system

MB = 2**20
BOUND = MB
SENT_MAX = 16 * MB  # what lies in the buffers of the sockets is on its way, too
JSON = "application/json"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[replica.Replica]:
    with replica.create(tmp_path / "hub.db") as made:
        made.put({"n": 1}, unid="here")
        yield made


@pytest.fixture(autouse=True)
def bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (exchange, web):
        monkeypatch.setattr(module, "ANSWER_BYTES_MAX", BOUND)


class Liar:
    """Answers everything alike, with this content as often as it is taken, and counts the bytes."""

    def __init__(self, status: int, headers: dict[str, str], content: bytes, times: int = 1) -> None:
        self.sent = 0
        self._status, self._content, self._times = status, content, times
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    def dismiss(self) -> None:
        """Nobody waits."""

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        gone = asyncio.create_task(self._gone(receive))
        await send({"type": "http.response.start", "status": self._status, "headers": self._headers})
        for _ in range(self._times):
            await asyncio.sleep(0)  # so that it is noticed
            if gone.done():
                break
            await send({"type": "http.response.body", "body": self._content, "more_body": True})
            self.sent += len(self._content)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        await gone

    @staticmethod
    async def _gone(receive: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass


ENDLESS = 256  # times a MiB
BOMB = gzip.compress(bytes(ENDLESS * MB))


@pytest.mark.parametrize("force", ["", "couchdb+"])
@pytest.mark.parametrize("status", [200, 400, 404, 500])
@pytest.mark.parametrize("kind", [MEDIA_TYPE, JSON])
def test_an_answer_without_end_is_not_read_to_its_end(
    hub: replica.Replica, monkeypatch: pytest.MonkeyPatch, kind: str, status: int, force: str
) -> None:
    monkeypatch.setattr("replica.transports.retrying.ATTEMPTS", 1)
    liar = Liar(status, {"content-type": kind}, b" " * MB, ENDLESS)
    with running(liar) as url, pytest.raises(ReplicaError):
        replica.replicate(hub, f"{force}{url}/hub")
    assert liar.sent < 4 * SENT_MAX, "four questions at most are asked"
    assert hub.verify()["ok"]


@pytest.mark.parametrize("force", ["", "couchdb+"])
@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("kind", [MEDIA_TYPE, JSON])
@pytest.mark.parametrize("content", [BOMB, b"this is no gzip", BOMB[:1000]])
def test_compressed_content_that_is_none_or_too_much_is_a_failure_of_the_way(
    hub: replica.Replica, kind: str, status: int, force: str, content: bytes
) -> None:
    liar = Liar(status, {"content-type": kind, "content-encoding": "gzip"}, content)
    with running(liar) as url, pytest.raises(TransportError):
        replica.replicate(hub, f"{force}{url}/hub")
    assert hub.verify()["ok"]


NONSENSE = {
    "nothing": b"",
    "deep lists": b"[" * 200_000,
    "deep objects": b'{"a":' * 200_000,
    "a long number": b'{"update_seq":' + b"9" * 100_000 + b"}",
    "a number beyond all": b'{"update_seq":1e999,"doc_count":1e999}',
    "no UTF-8": b'{"db_name":"\xff"}',
    "half a character": b'{"db_name":"\\ud800","uuid":"\\ud800","update_seq":"\\ud800"}',
    "null": b"null",
    "members of other kinds": b'{"db_name":7,"update_seq":{},"doc_count":"x","uuid":[],"features":7,"error":7,"code":[]}',
    "control characters": b'{"error":"\\u001b[2J","reason":"\\r\\n\\u0000","hint":"\\u001b]0;x\\u0007","code":"not_found"}',
}


@pytest.mark.parametrize("force", ["", "couchdb+"])
@pytest.mark.parametrize("status", [200, 302, 404, 500])
@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_an_error_of_ours_and_harms_nothing(
    hub: replica.Replica, monkeypatch: pytest.MonkeyPatch, name: str, status: int, force: str
) -> None:
    monkeypatch.setattr("replica.transports.retrying.ATTEMPTS", 1)
    before = hub.info()["update_seq"]
    headers = {"content-type": JSON, "location": "http://127.0.0.1:1/"}
    with running(Liar(status, headers, NONSENSE[name])) as url:
        with pytest.raises(ReplicaError):
            replica.replicate(hub, f"{force}{url}/hub")
        with RemoteReplica(f"{force}{url}/hub") as there:
            uses = (there.info, lambda: there.get("a"), lambda: list(there.documents()), lambda: there.delete("a"))
            for use in uses:
                with suppress(ReplicaError):
                    use()
    assert before == hub.info()["update_seq"]
    assert hub.verify()["ok"]
