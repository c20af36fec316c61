"""Which heads of requests are beyond doubt."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replica.server.framing import HEAD_BYTES_MAX, HEADERS_MAX, TARGET_BYTES_MAX, check_head

HEAD = b"GET /a%2Fb?c=d HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nX:\t a b \r\n\r\n"


def test_a_usual_head_is_fine_also_with_a_body_behind_it_and_while_it_arrives() -> None:
    for end in range(len(HEAD)):
        check_head(HEAD[:end])
    check_head(HEAD + b"\n\r\x00 \n\n")
    check_head(b"OPTIONS * HTTP/1.0\r\n\r\n")


@pytest.mark.parametrize(
    ("status", "head"),
    [
        (414, b"GET /" + b"x" * TARGET_BYTES_MAX),
        (431, b"GET / HTTP/1.1\r\nX: " + b"x" * HEAD_BYTES_MAX + b"\r\n\r\n"),
        (431, b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * (HEADERS_MAX + 1) + b"\r\n"),
        (505, b"GET / HTTP/3.0\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nX: x\n\r\n"),
    ],
)
def test_what_is_wrong_has_its_status(status: int, head: bytes) -> None:
    with pytest.raises(h11.RemoteProtocolError) as caught:
        check_head(head)
    assert status == caught.value.error_status_hint


@given(
    st.lists(
        st.sampled_from([b"\r\n", b"\n", b"\r", b" ", b"Content-Length: 1", b"Transfer-Encoding: chunked", b":", b"\t"])
    )
)
def test_what_passes_is_understood_by_h11_with_one_length(pieces: list[bytes]) -> None:
    """Whatever passes the check is either refused by the parser, or has at most one way to say its length."""
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\n" + b"".join(pieces) + b"\r\n\r\n"
    try:
        check_head(head)
        connection = h11.Connection(h11.SERVER)
        connection.receive_data(head)
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return
    assert isinstance(event, h11.Request)
    told = head[: head.index(b"\r\n\r\n")].lower()
    assert 1 >= told.count(b"content-length") + told.count(b"transfer-encoding")
