"""Messages of our own conversation, sent to a server and answered. docs/conversation.md defines them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from replica.errors import Garbled, TooLarge
from replica.rows import Rows
from replica.transports.complaints import complaint, is_our_complaint, our_errors
from replica.transports.web import Web, complaint_text
from replica.wire import coding
from replica.wire.messages import MEDIA_TYPE, Message, is_ours, read, read_streamed, written
from replica.wire.verbs import ANSWERS

_KNOWS_NOTHING = (400, 404, 405, 406, 415, 501)  # what others answer to a path that they do not know
ANSWER_BYTES_MAX = 2**30  # what SQLite can hold of one document, and no batch comes near


class NotOurs(Exception):
    """Something answers there, and it has never heard of this conversation."""


class Exchange:
    """Questions to one replica there and its answers. `name`: its instance id once it has greeted, so that no other one
    answers in its place. Threads may share it.
    """

    def __init__(self, web: Web) -> None:
        self.name = ""
        self.asked = 0  # how often
        self._web = web
        self._coding = coding.IDENTITY  # until the server has said what it inflates

    def ask(self, verb: str, say: Any) -> Any:
        """What the replica there answers to this. `Garbled` if it is none of ours."""
        return self.said(verb, say).understood(ANSWERS[verb])

    def said(self, verb: str, say: Any, rows: Rows | None = None) -> Message:
        """The message that the replica there answers with."""
        try:
            return self._exchanged(verb, say, rows, self._web)
        except NotOurs as error:
            raise Garbled(str(error)) from error

    def ask_once(self, verb: str, say: Any, silence_s: float) -> Any:
        """As `ask`, but it is not tried again if it fails, and the server may be silent for so long."""
        try:
            return self._exchanged(verb, say, None, self._web.hasty, silence_s).understood(ANSWERS[verb])
        except NotOurs as error:
            raise Garbled(str(error)) from error

    def _exchanged(self, verb: str, say: Any, rows: Rows | None, web: Web, silence_s: float | None = None) -> Message:
        data, how = written(verb, self.name, say, rows), self._coding
        content = coding.compress(how, data)

        def attempt() -> Message:
            with self._answered(verb, content, how, silence_s) as (response, raw):
                answer = self._whole(response, raw)
            message = read(verb, answer)
            self._coding = coding.chosen(response.headers.get("accept-encoding", ""))
            return message

        return self._checked(web.patiently(attempt))

    @contextmanager
    def streamed(self, verb: str) -> Iterator[tuple[Any, Iterator[bytes]]]:
        """What the replica there says to this, and the content behind it, which is read within the block."""
        try:
            data = written(verb, self.name, None)
            with self._answered(verb, data, coding.IDENTITY) as (response, raw):
                message, content = read_streamed(verb, coding.inflated(_coding_of(response), raw))
                yield self._checked(message).understood(ANSWERS[verb]), content
        except NotOurs as error:
            raise Garbled(str(error)) from error

    @contextmanager
    def _answered(
        self, verb: str, content: bytes, how: str, silence_s: float | None = None
    ) -> Iterator[tuple[httpx2.Response, Iterator[bytes]]]:
        """An answer of our own kind, and its bytes as they arrive. `how` the content of the question is coded."""
        self.asked += 1
        headers = {
            "Content-Type": MEDIA_TYPE,
            "Content-Encoding": how,
            "Accept": MEDIA_TYPE,
            "Accept-Encoding": ", ".join(coding.CODINGS),
        }
        path = f"_replica/{verb}"
        with self._web.exchange("POST", path, content=content, headers=headers, timeout=silence_s) as response:
            if not response.is_success:
                raise _complaint(response, self._web)
            if not is_ours(response.headers.get("content-type", "")):
                raise NotOurs(f"{self._web.address} does not speak to replicas")
            yield response, self._arriving(response)

    def _whole(self, response: httpx2.Response, raw: Iterator[bytes]) -> bytes:
        try:
            return coding.inflate(_coding_of(response), raw, ANSWER_BYTES_MAX)
        except TooLarge as error:  # and not what was asked
            raise Garbled(f"the answer of {self._web.address} has more than {ANSWER_BYTES_MAX:,} bytes") from error

    def _arriving(self, response: httpx2.Response) -> Iterator[bytes]:
        with our_errors(self._web.address):
            yield from response.iter_raw()

    def _checked(self, message: Message) -> Message:
        if self.name and message.name != self.name:
            raise Garbled("another replica has answered")
        return message


def _coding_of(response: httpx2.Response) -> str:
    return str(response.headers.get("content-encoding", coding.IDENTITY))


def _complaint(response: httpx2.Response, web: Web) -> Exception:
    text = complaint_text(response, web.address)
    if response.status_code in _KNOWS_NOTHING and not is_our_complaint(text):
        return NotOurs(f"{web.address} does not speak to replicas ({response.status_code})")
    return complaint(response, text, web.address)
