"""The forms in which the rows of `_changes` are written."""

from __future__ import annotations

from replica.server.answers import JSON, encode
from replica.server.couchdb.feed import Rows


class Form:
    """How rows are written: one JSON object around all."""

    media_type = JSON
    opening = b'{"results":[\n'
    beat = b"\n"

    def __init__(self) -> None:
        self._any = False

    def rows(self, page: Rows) -> bytes:
        """The rows of a page."""
        text = b",\n".join(row for _, row in page.rows)
        before, self._any = (b",\n" if self._any else b""), True
        return before + text

    def closing(self, last_seq: str, pending: int | None) -> bytes:
        """The end."""
        return b'\n],\n"last_seq":%b,"pending":%b}\n' % (encode(last_seq), encode(pending))


class Lines(Form):
    """One JSON object a line."""

    opening = b""

    def rows(self, page: Rows) -> bytes:
        """The rows of a page."""
        return b"".join(row + b"\n" for _, row in page.rows)

    def closing(self, last_seq: str, pending: int | None) -> bytes:
        """The end."""
        return encode({"last_seq": last_seq, "pending": pending}) + b"\n"


class Events(Form):
    """Server-sent events, as browsers read them."""

    media_type = "text/event-stream"
    opening = b""
    beat = b"event: heartbeat\ndata: \n\n"

    def rows(self, page: Rows) -> bytes:
        """The rows of a page."""
        return b"".join(b"data: %b\nid: %b\n\n" % (row, place.encode()) for place, row in page.rows)

    def closing(self, last_seq: str, pending: int | None) -> bytes:
        """Nothing: a browser comes again from the last id."""
        return b""


_FORMS: dict[str, type[Form]] = {"continuous": Lines, "eventsource": Events}


def form_of(feed: str) -> Form:
    """The form of an answer to a request with that `feed`."""
    return _FORMS.get(feed, Form)()
