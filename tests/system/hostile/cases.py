"""Requests that mean no good, one an entry: what is sent, the statuses that are right, how much memory it may cost."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable
from typing import NamedTuple

from tests.system.serving import request

MB = 2**20
LIMIT = 64 * MB  # of a body
CLOSED = 0  # hung up without an answer
REFUSED = frozenset(range(400, 500))


class Case(NamedTuple):
    """What is sent on a connection of its own, in pieces; `route` must exist for the case to make sense."""

    name: str
    pieces: Callable[[], Iterable[bytes]]
    expected: frozenset[int] = REFUSED
    growth_bytes_max: int = 16 * MB
    route: str = ""
    closes: bool = False  # the connection must be closed, because nobody knows where the next request begins
    forms: bool = True  # the answer is JSON with `error` and `reason`


def raw(name: str, text: bytes, *expected: int, **more: object) -> Case:
    """The bytes as they stand."""
    return Case(name, lambda: [text], frozenset(expected) or REFUSED, **more)  # type: ignore[arg-type]


def framing(name: str, text: bytes, *expected: int) -> Case:
    """A request that cannot be told apart from the next one: refused and hung up; what is smuggled in is not served."""
    return Case(name, lambda: [text], frozenset(expected or (400,)), closes=True)


def asked(name: str, method: str, path: str, *expected: int, **more: object) -> Case:
    """A request without a body."""
    return Case(name, lambda: [request(method, path)], frozenset(expected) or REFUSED, **more)  # type: ignore[arg-type]


def sent(name: str, method: str, path: str, body: bytes | str, *expected: int, **more: object) -> Case:
    """A request with a body."""
    text = body.encode() if isinstance(body, str) else body
    return Case(name, lambda: [request(method, path, text)], frozenset(expected) or REFUSED, **more)  # type: ignore[arg-type]


def head(*lines: str, body: str = "") -> bytes:
    return "\r\n".join([*lines, "", body]).encode("latin-1")


SMUGGLED = "GET /_all_dbs HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST, HOST, TYPE = "POST /good/_find HTTP/1.1", "Host: localhost", "Content-Type: application/json"
TE = "Transfer-Encoding: chunked"

FRAMING = [
    framing("two lengths", head(POST, HOST, "Content-Length: 0", "Content-Length: 44", body=SMUGGLED)),
    framing("two equal lengths", head(POST, HOST, "Content-Length: 2", "Content-Length: 2", body="{}")),
    framing("a list of lengths", head(POST, HOST, "Content-Length: 2, 2", body="{}")),
    framing("length and coding", head(POST, HOST, "Content-Length: 4", TE, body="0\r\n\r\n" + SMUGGLED)),
    framing("coding and length", head(POST, HOST, TE, "Content-Length: 4", body="0\r\n\r\n" + SMUGGLED)),
    framing("a length with a sign", head(POST, HOST, "Content-Length: +2", body="{}")),
    framing("a length with an underscore", head(POST, HOST, "Content-Length: 1_0", body="{}        ")),
    framing("a negative length", head(POST, HOST, "Content-Length: -1", body="{}")),
    framing("a hexadecimal length", head(POST, HOST, "Content-Length: 0x2", body="{}")),
    framing("an empty length", head(POST, HOST, "Content-Length:", body="{}")),
    framing("a length of 30 digits", head(POST, HOST, "Content-Length: " + "9" * 30, body="{}")),
    framing("a space before the colon", head(POST, HOST, "Content-Length : 44", body=SMUGGLED)),
    framing("a folded header", head(POST, HOST, "X: a", " Content-Length: 44", body=SMUGGLED)),
    framing(
        "a bare line feed", b"POST /good/_find HTTP/1.1\nHost: localhost\nContent-Length: 0\n\n" + SMUGGLED.encode()
    ),
    framing("one bare line feed", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\nContent-Length: 4\r\n\r\n"),
    framing("a bare carriage return", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\rContent-Length: 4\r\n\r\n"),
    framing("a NUL in a header", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n"),
    framing("a NUL in the path", b"GET /go\0od HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    framing("an unknown coding", head(POST, HOST, "Transfer-Encoding: xchunked", body=SMUGGLED), 400, 501),
    framing("an identity coding", head(POST, HOST, "Transfer-Encoding: identity", body=SMUGGLED), 400, 501),
    framing("two codings", head(POST, HOST, TE, "Transfer-Encoding: identity", body="0\r\n\r\n"), 400, 501),
    framing("a coding with a tab", head(POST, HOST, "Transfer-Encoding:\x0bchunked", body="0\r\n\r\n"), 400, 501),
    framing("a coding in HTTP/1.0", head("POST /good/_find HTTP/1.0", HOST, TE, body="0\r\n\r\n")),
    framing("a negative chunk", head(POST, HOST, TYPE, TE, body="-1\r\n{}\r\n0\r\n\r\n"), 400, 404),
    framing("a chunk size with 0x", head(POST, HOST, TYPE, TE, body="0x2\r\n{}\r\n0\r\n\r\n"), 400, 404),
    framing("a huge chunk size", head(POST, HOST, TYPE, TE, body="f" * 40 + "\r\n{}\r\n"), 400, 404),
    framing("a chunk that is longer than it says", head(POST, HOST, TYPE, TE, body="1\r\n{}\r\n0\r\n\r\n"), 400, 404),
    framing(
        "a chunk that ends with a line feed", head(POST, HOST, TYPE, TE, body="2\n{}\n0\n\n" + "x" * 70_000), 400, 404
    ),
    framing("no host", head("GET / HTTP/1.1")),
    framing("two hosts", head("GET / HTTP/1.1", "Host: a", "Host: b")),
    framing("a name without a colon", head("GET / HTTP/1.1", HOST, "Content-Length")),
    framing("an empty header name", head("GET / HTTP/1.1", HOST, ": 4")),
    framing("HTTP/0.9", b"GET /\r\n\r\n"),
    framing("HTTP/2 in plain text", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 505),
    framing("HTTP/1.2", head("GET / HTTP/1.2", HOST), 505),
    framing("a URL of another server", head("GET http://example.com/ HTTP/1.1", HOST)),
    framing("a tunnel", head("CONNECT example.com:443 HTTP/1.1", HOST)),
    framing("two spaces in the first line", head("GET  / HTTP/1.1", HOST)),
    framing("an empty first line", b"\r\n\r\n\r\n"),
    framing("TLS", bytes.fromhex("16030100c8010000c40303") + bytes(190)),
    framing("random bytes", bytes(range(256)) * 8 + b"\r\n\r\n"),
    framing("a path that is not ASCII", "GET /größe HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()),
    framing("101 headers", head("GET / HTTP/1.1", HOST, *(f"X-{n}: y" for n in range(101))), 431),
    framing("a header of 100 kB", head("GET / HTTP/1.1", HOST, "X: " + "y" * 100_000), 431),
    framing("headers without end", head("GET / HTTP/1.1", HOST)[:-2] + b"X: y\r\n" * 200_000, 431, CLOSED),
    framing("a path of 100 kB", head(f"GET /{'x' * 100_000} HTTP/1.1", HOST), 414, CLOSED),
    framing("a first line without end", b"G" * MB, 414, CLOSED),
]

NAMES = {
    "parent": "..",
    "parent, encoded": "%2e%2e",
    "parent and slash": "..%2fgood",
    "parent, all encoded": "%2e%2e%2fgood",
    "parent in the middle": "a%2f..%2fgood",
    "twice encoded": "%252e%252e%252fgood",
    "backslash": "..%5cgood",
    "absolute": "%2fetc%2fpasswd",
    "NUL": "good%00.db",
    "not UTF-8": "%ff%fe",
    "overlong slash": "..%c0%afgood",
    "reserved": "_users",
    "reserved, new": "_x",
    "hidden file": ".replica-server",
    "hidden folder": ".hidden%2fx",
    "empty part": "a%2f%2fb",
    "only a slash": "%2f",
    "very long": "x" * 5_000,
    "many folders": "%2f".join("a" * 1_000),
    "upper case": "GOOD",
    "the suffix": "good.db",
    "a link to elsewhere": "linked",
    "a linked folder": "folder%2fsecret",
    "a file that SQLite keeps": "good.db-wal",
    "a carriage return": "a%0d%0aX:%20y",
    "a wild card": "*",
    "a half of an escape": "a%2",
}

PATHS = [
    case
    for name, path in NAMES.items()
    for case in (
        asked(f"show {name}", "GET", f"/{path}", 400, 404, 431, 414),
        asked(f"make {name}", "PUT", f"/{path}", 400, 404, 412, 414, 431),
        asked(f"remove {name}", "DELETE", f"/{path}", 400, 404, 405, 414, 431),
    )
]

QUERIES = [
    asked("a count without end", "GET", "/_uuids?count=99999999999999999999999"),
    asked("a count of 10^9", "GET", "/_uuids?count=1000000000"),
    asked("a negative count", "GET", "/_uuids?count=-1"),
    asked("a count that is no number", "GET", "/_uuids?count=x"),
    asked("a count in Arabic digits", "GET", "/_uuids?count=%D9%A3"),
    asked("a count that is not UTF-8", "GET", "/_uuids?count=%ff"),
    asked("a count with a NUL", "GET", "/_uuids?count=1%00"),
    asked("a parameter 3,000 times", "GET", "/_uuids?" + "&".join(["count=-1"] * 3_000)),
    asked("a method that is not there", "BREW", "/"),
    asked("POST where it means nothing", "POST", "/_up"),
    asked("TRACE", "TRACE", "/"),
    asked("an unknown server resource", "GET", "/_nothing"),
    asked("1,000 slashes", "GET", "/" * 1_000, 200, 400, 404),
]

DEEP = "[" * 100_000 + "]" * 100_000
JSON_BODIES = {
    "nothing": b"",
    "not JSON": b"{",
    "no object": b"[]",
    "a number": b"7",
    "a text that is not UTF-8": b'{"docs":[{"_id":"\xff\xfe"}]}',
    "UTF-16": '{"docs":[]}'.encode("utf-16"),
    "a byte-order mark": b'\xef\xbb\xbf{"docs":[]}',
    "a lone surrogate": b'{"docs":[{"_id":"\\ud800"}]}',
    "a key twice": b'{"docs":[],"docs":[{"_id":"x"}]}',
    "deep nesting": DEEP.encode(),
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "NaN": b'{"docs":[{"a":NaN}]}',
    "Infinity": b'{"docs":[{"a":-Infinity}]}',
    "1e999": b'{"docs":[{"a":1e999}]}',
    "a number of 10,000 digits": b'{"docs":[{"a":' + b"9" * 10_000 + b"}]}",
    "trailing text": b'{"docs":[]} x',
}
BODIES = [
    sent(f"{route.rsplit('/', 1)[1]}: {name}", "POST", route.replace("{db}", "good"), body, route=route)
    for route in ("/{db}/_bulk_docs", "/{db}/_revs_diff", "/{db}/_bulk_get", "/{db}/_find")
    for name, body in JSON_BODIES.items()
    if not (name == "no object" and route == "/{db}/_revs_diff")
]


def _streamed(method: str, path: str, header: str, size: int, fill: bytes = b" ") -> Callable[[], Iterable[bytes]]:
    def pieces() -> Iterable[bytes]:
        yield head(f"{method} {path} HTTP/1.1", HOST, TYPE, header)
        block = fill * MB
        for _ in range(size // MB):
            yield f"{MB:x}\r\n".encode() + block + b"\r\n" if "chunked" in header else block
        if "chunked" in header:
            yield b"0\r\n\r\n"

    return pieces


def _zipped(body: bytes, path: str, coding: str = "gzip") -> Callable[[], Iterable[bytes]]:
    return lambda: [request("POST", path, body, Content_Encoding=coding)]


BULK = "/{db}/_bulk_docs"
GOOD = "/good/_bulk_docs"
TOO_LARGE = frozenset({413, CLOSED})
BOMB = gzip.compress(bytes(200 * MB), 9)
COSTS = [
    Case(
        "a body of 100 MB", _streamed("POST", GOOD, f"Content-Length: {100 * MB}", 100 * MB), TOO_LARGE, 16 * MB, BULK
    ),
    Case("a body of 100 MB in chunks", _streamed("POST", GOOD, TE, 100 * MB), TOO_LARGE, 160 * MB, BULK),
    Case("a length of 10^17", _streamed("POST", GOOD, f"Content-Length: {10**17}", MB), TOO_LARGE, 16 * MB, BULK),
    Case("a bomb", _zipped(BOMB, GOOD), frozenset({413}), 160 * MB, BULK),
    Case("a bomb in a bomb", _zipped(gzip.compress(BOMB), GOOD), REFUSED, 16 * MB, BULK),
    Case("a bomb twice wrapped", _zipped(gzip.compress(BOMB), GOOD, "gzip, gzip"), frozenset({415}), 16 * MB, BULK),
    Case("80,000 empty members", _zipped(gzip.compress(b"") * 80_000, GOOD), frozenset({400}), 16 * MB, BULK),
    Case("a cut gzip", _zipped(gzip.compress(b'{"docs":[]}')[:-4], GOOD), frozenset({400}), 16 * MB, BULK),
    Case("no gzip", _zipped(b'{"docs":[]}', GOOD), frozenset({400}), 16 * MB, BULK),
    Case("gzip and more", _zipped(gzip.compress(b'{"docs":[]}') + b"x", GOOD), frozenset({400}), 16 * MB, BULK),
    Case("another coding", _zipped(b"{}", GOOD, "br"), frozenset({415}), 16 * MB, BULK),
    sent(
        "20 million empty lists",
        "POST",
        GOOD,
        b'{"docs":[' + b"[]," * 20_000_000 + b"1]}",
        413,
        400,
        route=BULK,
        growth_bytes_max=220 * MB,
    ),
    sent("too many documents", "POST", GOOD, b'{"docs":[' + b"{}," * 10_000 + b"{}]}", 413, route=BULK),
    sent(
        "too many revisions to get",
        "POST",
        "/good/_bulk_get",
        b'{"docs":[' + b'{"id":"a"},' * 10_000 + b'{"id":"a"}]}',
        413,
        route="/{db}/_bulk_get",
        growth_bytes_max=48 * MB,
    ),
    sent(
        "thousands of ancestors",
        "POST",
        GOOD,
        json.dumps(
            {
                "new_edits": False,
                "docs": [
                    {
                        "_id": f"old/{number}",
                        "_rev": f"5000-{0:032x}",
                        "_revisions": {"start": 5_000, "ids": [f"{n:032x}" for n in range(5_000)]},
                    }
                    for number in range(20)
                ],
            }
        ),
        201,
        413,
        route=BULK,
        growth_bytes_max=64 * MB,
    ),
    Case(
        "text as a body",
        lambda: [request("POST", GOOD, b'{"docs":[]}', Content_Type="text/plain")],
        frozenset({415}),
        16 * MB,
        BULK,
    ),
]


def _bulk(name: str, document: object, *expected: int) -> Case:
    """Refused as a whole, or by itself in an answer that says so; the test looks that it was not stored."""
    body = json.dumps({"new_edits": False, "docs": [document]})
    return sent(f"forged: {name}", "POST", GOOD, body, *(expected or (201, 400, 413)), route=BULK, forms=False)


def _history(start: object, ids: object, revision: str = "2-b", **more: object) -> dict[str, object]:
    return {"_id": "forged", "_rev": revision, "_revisions": {"start": start, "ids": ids}, **more}


FORGED = [
    _bulk("an ancestry that does not fit", _history(5, ["x", "y"])),
    _bulk("a start that does not fit", _history(1, ["b", "a"])),
    _bulk("a number of 10^18", _history(10**18, ["b"], f"{10**18}-b")),
    _bulk("a number of 10^30", _history(10**30, ["b"], f"{10**30}-b")),
    _bulk("a negative number", _history(-1, ["b"], "-1-b")),
    _bulk("no number", _history("2", ["b", "a"])),
    _bulk("ids that are no list", _history(2, "ba")),
    _bulk("ids that are numbers", _history(2, [1, 2])),
    _bulk("no ids", _history(2, [])),
    _bulk("a revision without a number", _history(2, ["b", "a"], "b")),
    _bulk("a revision of 100 kB", _history(2, ["b" * 100_000, "a"], "2-" + "b" * 100_000)),
    _bulk("more ancestors than numbers", _history(2, [f"{n:x}" for n in range(10)], "2-0")),
    _bulk("an id that is a number", {"_id": 7, "_rev": "1-a"}),
    _bulk("an id of 100 kB", {"_id": "x" * 100_000, "_rev": "1-a"}),
    _bulk("an empty id", {"_id": "", "_rev": "1-a"}),
    _bulk("a reserved id", {"_id": "_x", "_rev": "1-a"}),
    _bulk("a reserved item", {"_id": "forged", "_rev": "1-a", "_x": 1}),
    _bulk("deleted, said with a number", {"_id": "forged", "_rev": "1-a", "_deleted": 1}),
    _bulk("no revision at all", {"_id": "forged"}),
    _bulk("no document", 7),
    _bulk("a NUL in the id", {"_id": "a\0b", "_rev": "1-a"}),
]

CHANGES = "/{db}/_changes"
FEEDS = [
    asked("since nonsense", "GET", "/good/_changes?since=nonsense", route=CHANGES),
    asked("since a huge number", "GET", "/good/_changes?since=" + "9" * 40, 200, 400, route=CHANGES, forms=False),
    asked("an unknown feed", "GET", "/good/_changes?feed=x", route=CHANGES),
    asked("a negative limit", "GET", "/good/_changes?limit=-1", route=CHANGES),
    asked("a heartbeat of 0", "GET", "/good/_changes?feed=normal&heartbeat=x", route=CHANGES),
    asked("a time-out of nonsense", "GET", "/good/_changes?feed=longpoll&timeout=x", route=CHANGES),
    asked("an unknown filter", "GET", "/good/_changes?filter=a/b", 400, 404, 501, route=CHANGES),
    sent("a selector that is none", "POST", "/good/_changes?filter=_selector", '{"selector":{"$x":1}}', route=CHANGES),
    asked("a key that is not JSON", "GET", "/good/_all_docs?key=x", route="/{db}/_all_docs"),
    asked("a skip of nonsense", "GET", "/good/_all_docs?skip=x", route="/{db}/_all_docs"),
]

CASES = [*FRAMING, *PATHS, *QUERIES, *BODIES, *COSTS, *FORGED, *FEEDS]
