"""The head of an HTTP request, looked at before it is parsed: what two programs could understand differently is refused.

Behind a proxy such a request is two requests: one that the proxy lets pass, and another one smuggled inside it.
h11 parses strictly except for what is looked at here. A pure function of bytes.
"""

from __future__ import annotations

import re

from h11 import RemoteProtocolError

HEAD_BYTES_MAX = 64 * 2**10  # CouchDB's replicator and PouchDB put revisions and ids into the query: up to some kB
TARGET_BYTES_MAX = 32 * 2**10
HEADERS_MAX = 100

_END = re.compile(rb"\n\r?\n")  # where h11 takes a head as complete
_REQUEST = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) (/[\x21-\x7e]*|\*) HTTP/([0-9]\.[0-9])")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00]*?)[ \t]*")
_DIGITS = re.compile(rb"[0-9]{1,18}")


def check_head(data: bytes) -> None:
    """Refuse (`RemoteProtocolError`, with a status) a head that is complete in `data` and not beyond doubt, or too large."""
    if len(data) > TARGET_BYTES_MAX and b"\r\n" not in data[:TARGET_BYTES_MAX]:
        raise RemoteProtocolError(f"the path and query have more than {TARGET_BYTES_MAX:,} bytes", 414)
    end = _END.search(data)
    if end is None:
        return
    head = data[: end.end()]
    if len(head) > HEAD_BYTES_MAX:
        raise RemoteProtocolError(f"the headers have more than {HEAD_BYTES_MAX:,} bytes", 431)
    if not head.endswith(b"\r\n\r\n") or not head.count(b"\r") == head.count(b"\n") == head.count(b"\r\n"):
        raise RemoteProtocolError("a line does not end with CR LF")
    request, *lines = head[:-4].split(b"\r\n")
    if len(lines) > HEADERS_MAX:
        raise RemoteProtocolError(f"there are more than {HEADERS_MAX} headers", 431)
    version = _version(request)
    fields = [_field(line) for line in lines]
    _check_length(version, fields)


def _version(request: bytes) -> bytes:
    parts = _REQUEST.fullmatch(request)
    if parts is None:
        raise RemoteProtocolError("the first line is not METHOD /PATH HTTP/1.1")
    if parts[3] not in (b"1.0", b"1.1"):
        raise RemoteProtocolError("only HTTP/1.0 and HTTP/1.1 are spoken here", 505)
    return parts[3]


def _field(line: bytes) -> tuple[bytes, bytes]:
    parts = _FIELD.fullmatch(line)
    if parts is None:  # also what continues the line before, and a space before the colon
        raise RemoteProtocolError("a header is not NAME: VALUE on one line")
    return parts[1].lower(), parts[2]


def _check_length(version: bytes, fields: list[tuple[bytes, bytes]]) -> None:
    lengths = [value for name, value in fields if name == b"content-length"]
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    if len(lengths) > 1 or (lengths and codings):
        raise RemoteProtocolError("the length of the body is said twice")
    if lengths and not _DIGITS.fullmatch(lengths[0]):
        raise RemoteProtocolError("Content-Length is not a whole number")
    if codings and version == b"1.0":
        raise RemoteProtocolError("HTTP/1.0 has no Transfer-Encoding")
