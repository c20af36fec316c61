"""Compressed answers: to whom asks for them, the same as without, never a live feed, and as soon as there is something."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

import replica
from replica.server.compressed import SIZE_MIN, Compressed
from replica.wire import coding
from replica.wire.messages import MEDIA_TYPE, written
from replica.wire.verbs import Greet
from tests.servers import serving

COUNT = 300
JSON = {"Accept": "application/json", "Content-Type": "application/json"}
TEXT = "What a document says. " * 100


class Reply(NamedTuple):
    """An answer as it came over the wire."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def inflated(self) -> bytes:
        return coding.inflate(self.headers.get("content-encoding", coding.IDENTITY), [self.body], 2**30)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("served")
    with replica.create(folder / "hub.db") as hub:
        with hub.batch():
            for number in range(COUNT):
                hub.put({"Text": TEXT, "Number": number}, unid=f"d{number:03}")
        hub.put({"Text": "short"}, unid="short")
    with serving(folder) as url:
        yield url


def ask(url: str, method: str, path: str, body: Any = None, **headers: str) -> Reply:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if body is None or isinstance(body, bytes) else json.dumps(body)
        connection.request(method, f"/hub{path}", content, {**JSON, **named})
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


ALL = {"docs": [{"id": f"d{number:03}"} for number in range(COUNT)]}
LARGE = [
    ("GET", "/_all_docs", None),
    ("GET", "/_all_docs?include_docs=true", None),
    ("POST", "/_all_docs/queries", {"queries": [{}, {"include_docs": True}]}),
    ("GET", "/_changes", None),
    ("GET", "/_changes?include_docs=true", None),
    ("GET", "/_changes?limit=50", None),
    ("POST", "/_bulk_get", ALL),
    ("POST", "/_bulk_get?revs=true", ALL),
    ("POST", "/_find", {"selector": {"Number": {"$lt": 100}}, "limit": 1000}),
    ("POST", "/_revs_diff", {f"new{number:03}": ["1-0123456789abcdef0123456789abcdef"] for number in range(COUNT)}),
    ("GET", "/d007", None),
    ("GET", "/d007?open_revs=all&revs=true", None),
    ("GET", "/d007?conflicts=true", None),
]


@pytest.mark.parametrize("name", coding.CODINGS)
@pytest.mark.parametrize(("method", "path", "body"), LARGE)
def test_a_large_answer_is_compressed_and_says_the_same(url: str, method: str, path: str, body: Any, name: str) -> None:
    plain = ask(url, method, path, body, Accept_Encoding="identity")
    packed = ask(url, method, path, body, Accept_Encoding=name)
    assert (200, None) == (plain.status, plain.headers.get("content-encoding"))
    assert (200, name) == (packed.status, packed.headers.get("content-encoding"))
    assert json.loads(plain.body) == json.loads(packed.inflated)
    assert 2 * len(packed.body) < len(plain.body)
    for reply in (plain, packed):
        assert "Accept-Encoding" == reply.headers["vary"], "or a cache hands it to the wrong client"
        assert len(reply.body) == int(reply.headers.get("content-length", len(reply.body)))


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "gzip; Q = 0.000, zstd;q=0"])
def test_nobody_gets_what_was_not_asked_for(url: str, accepted: str) -> None:
    reply = ask(url, "GET", "/_all_docs", Accept_Encoding=accepted)
    assert COUNT + 1 == len(json.loads(reply.body)["rows"])
    assert None is reply.headers["content-encoding"]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("GET", "/short"), ("GET", "/nothing"), ("GET", "/_all_docs?limit=3")]
)
def test_a_short_answer_is_not_worth_it(url: str, method: str, path: str) -> None:
    reply = ask(url, method, path, Accept_Encoding="gzip")
    assert json.loads(reply.body)
    assert len(reply.body) == int(reply.headers["content-length"]) < SIZE_MIN
    assert None is reply.headers["content-encoding"]
    assert None is reply.headers["vary"]


def test_head_tells_of_the_document_itself(url: str) -> None:
    plain, head = ask(url, "GET", "/d007"), ask(url, "HEAD", "/d007", Accept_Encoding="gzip")
    assert (200, b"") == (head.status, head.body)
    assert "Accept-Encoding" == head.headers["vary"]
    assert None is head.headers["content-encoding"]
    assert f'"{json.loads(plain.body)["_rev"]}"' == head.headers["etag"] == plain.headers["etag"]
    assert len(plain.body) == int(head.headers["content-length"])


def test_other_bytes_of_a_document_have_a_weak_tag_that_is_as_good(url: str) -> None:
    packed = ask(url, "GET", "/d007", Accept_Encoding="gzip")
    tag = packed.headers["etag"]
    assert f'W/"{json.loads(packed.inflated)["_rev"]}"' == tag
    for accepted in ("gzip", "identity"):
        known = ask(url, "GET", "/d007", Accept_Encoding=accepted, If_None_Match=tag)
        assert (304, b"", "Accept-Encoding") == (known.status, known.body, known.headers["vary"])
    saved = ask(
        url, "PUT", "/d008", {"Text": "new"}, If_Match=ask(url, "GET", "/d008", Accept_Encoding="gzip").headers["etag"]
    )
    assert 201 == saved.status


@pytest.mark.parametrize(
    ("path", "first"),
    [
        ("/_changes?feed=continuous&heartbeat=100&since=now", b"\n"),
        ("/_changes?feed=longpoll&heartbeat=100&since=now", b'{"results":[\n'),
        ("/_changes?feed=eventsource&heartbeat=100&since=now", b"event: heartbeat\n"),
        ("/_changes?feed=continuous&heartbeat=100", b'{"seq":'),
    ],
)
def test_a_live_feed_goes_out_as_it_is(url: str, path: str, first: bytes) -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    connection.request("GET", f"/hub{path}", headers={**JSON, "Accept-Encoding": "gzip, zstd"})
    answer = connection.getresponse()
    assert answer.readline().startswith(first)
    assert None is answer.headers["content-encoding"]
    assert "no-transform" in answer.headers["cache-control"], "for proxies, too"
    connection.close()


def test_our_own_conversation_is_compressed_once(url: str) -> None:
    question = written("greet", "", Greet(None, False))
    reply = ask(url, "POST", "/_replica/greet", question, Content_Type=MEDIA_TYPE, Accept_Encoding="gzip")
    assert (200, "gzip") == (reply.status, reply.headers["content-encoding"])
    assert reply.inflated.startswith(b'{"protocol":')


def answered(app: Any, accepted: bytes = b"gzip") -> tuple[dict[str, Any], list[bytes]]:
    """What an application says to a GET through the wrapper: the start, and the body piece by piece."""
    said: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    scope = {"type": "http", "method": "GET", "headers": [(b"accept-encoding", accepted)]}
    asyncio.run(Compressed(app)(scope, None, send))
    start, *pieces = said
    return start, [piece["body"] for piece in pieces]


PIECES = [b"[", b'"a",' * 20_000, b"", b'"b"', b"]"]


def test_every_piece_of_an_answer_arrives_whole_before_the_next_is_made() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        for piece in PIECES:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    start, sent = answered(app)
    assert (b"content-encoding", b"gzip") in start["headers"]
    inflating = zlib.decompressobj(wbits=31)
    assert [*PIECES, b""] == [inflating.decompress(piece) for piece in sent]
    assert inflating.eof


def test_what_is_said_to_be_no_json_or_compressed_already_is_let_through() -> None:
    body = gzip.compress(b"x" * 10_000, mtime=0) * 50
    for headers in (
        [(b"content-type", b"text/plain")],
        [(b"content-type", b"application/json"), (b"content-encoding", b"x")],
    ):

        async def app(scope: Any, receive: Any, send: Any, headers: Any = headers) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

        assert ({"type": "http.response.start", "status": 200, "headers": headers}, [body]) == answered(app)


def test_an_answer_that_fails_before_it_has_a_body_was_not_begun() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        raise OSError

    async def never(message: Any) -> None:
        raise AssertionError(message)

    with pytest.raises(OSError, match=r"^$"):
        asyncio.run(Compressed(app)({"type": "http", "method": "GET", "headers": []}, None, never))
