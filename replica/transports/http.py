"""A replica of ours behind a server: our own conversation over HTTP. docs/conversation.md defines it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx2

from replica.changes import Entry, Offer, Page
from replica.engine.peer import Batch, Fetched, Greeting
from replica.errors import Garbled, TooLarge
from replica.leaf import Leaf
from replica.revision import Revision
from replica.rows import Rows
from replica.store.sessions import START, Position, Session
from replica.tally import Failure, Tally
from replica.transports.halving import halves
from replica.transports.web import Web, complaint, is_our_complaint, our_errors
from replica.wire import coding
from replica.wire.messages import MEDIA_TYPE, Message, read, read_streamed, written
from replica.wire.verbs import ANSWERS, WAIT_S_MAX, Accept, Changes, Greet, Leaves, UpTo

_KNOWS_NOTHING = (400, 404, 405, 406, 415, 501)  # what others answer to a path that they do not know
SILENCE_S = WAIT_S_MAX + 10  # after which a peer that was to answer counts as gone
ANSWER_BYTES_MAX = 2**30  # what SQLite can hold of one document, and no batch comes near


class _NotOurs(Exception):
    """Something answers there, and it has never heard of this conversation."""


class HTTPPeer:
    """A replica of ours on a server, as a peer. Threads may share it. What it cannot reach or understand it raises as
    `TransportError`; what the server refuses comes as the same error that the server had.
    """

    def __init__(self, web: Web) -> None:
        self.web = web
        self.greeted_before: tuple[Greeting | None, bool, Greeting] | None = None
        self._name = ""  # of the replica that has greeted, so that no other one answers in its place
        self._coding = coding.IDENTITY  # until the server has said what it inflates
        self._fetched: tuple[Sequence[Leaf], dict[bytes, str]] = ((), {})
        self._reached: tuple[str, Position] = ("", START)  # in which session, by what was accepted last

    def greet(self, other: Greeting | None, dry_run: bool = False) -> Greeting:
        """Greet the replica there; from now on only that one is spoken to."""
        before, self.greeted_before = self.greeted_before, None
        if before is not None and before[:2] == (other, dry_run):
            return before[2]
        self._name = ""
        greeting: Greeting = self._ask("greet", Greet(other, dry_run))
        self._name = greeting.instance_id
        return greeting

    def changes(self, since: Position, limit: int) -> Page:
        """What changed there after `since`."""
        page: Page = self._ask("changes", Changes(since, limit))
        return page

    def newer(self, since: Position) -> bool:
        """Whether something changed there after `since`: waits for it, for a while, in which the peer may be silent.

        Not tried again if it fails: whoever waits for long should know soon that nobody is there any more.
        """
        say = Changes(since, 1, WAIT_S_MAX)
        page: Page = self._exchanged("changes", say, None, self.web.hasty, SILENCE_S).understood(ANSWERS["changes"])
        return page.position.number > since.number

    def changes_up_to(self, position: Position, limit: int) -> list[Entry]:
        """What is left of the last changes up to `position`."""
        entries: list[Entry] = self._ask("changes-up-to", UpTo(position, limit))
        return entries

    def changes_of(self, unids: list[str]) -> list[Entry]:
        """The present state of these documents."""
        entries: list[Entry] = self._ask("changes-of", unids)
        return entries

    def missing(self, offers: list[Offer]) -> list[Offer]:
        """Which of the offered leaves to send there."""
        try:
            return [offers[at] for at in self._ask("missing", offers)]
        except IndexError as error:
            raise Garbled("the other end wants what it was not offered") from error

    def fetch(self, wanted: list[tuple[str, Revision]]) -> Fetched:
        """These leaves, as far as they still are leaves there; `texts` has come with them."""
        head, rows = self._said("fetch", wanted).batch(Leaves)
        self._fetched = (rows, dict(head.texts))
        return Fetched(rows)

    def texts(self, leaves: Iterable[Leaf]) -> dict[bytes, str]:
        """The texts of foreign revisions in the ancestries of these leaves."""
        fetched, texts = self._fetched
        if leaves is fetched:
            return texts
        return dict(self._ask("texts", Rows.of(leaves).rows))

    def accept(self, batch: Batch, dry_run: bool) -> Tally:
        """Let a batch be taken in there. What is too large for one request goes in several, and only the last of them says
        that all has come; a document that is too large alone is refused by itself, and that is noted there.
        """
        rows = Rows.of(batch.leaves)
        try:
            tally = self._accept(batch, rows, dry_run)
        except TooLarge:
            if not rows:
                raise
            tally = self._accept_in_parts(batch, rows, dry_run)
        self._reached = (batch.session.id, batch.session.reached)
        return tally

    def _accept_in_parts(self, batch: Batch, rows: Rows, dry_run: bool) -> Tally:
        first, second = halves(rows)
        if not second:
            most = max(rows, key=lambda leaf: len(leaf.body))
            refused = Failure(most.unid, str(most.revision), TooLarge.code)
            rest = [leaf for leaf in first if leaf != most]
            return self.accept(batch._replace(leaves=rest, refused=(*batch.refused, refused)), dry_run)
        session, (last_id, last) = batch.session, self._reached
        number, token = last if last_id == session.id else START
        begun = session._replace(position=number, token=token, witnesses=None)
        tally = self.accept(batch._replace(leaves=first, session=begun), dry_run)
        done = session.counting(tally)
        tally.add(self.accept(batch._replace(leaves=second, session=done, refused=()), dry_run))
        return tally

    def _accept(self, batch: Batch, rows: Rows, dry_run: bool) -> Tally:
        head = Accept(
            rows.rows, list(batch.texts.items()), batch.session, batch.ancestry_limit, list(batch.refused), dry_run
        )
        tally: Tally = self._said("accept", head, rows).understood(ANSWERS["accept"])
        return tally

    def remember(self, session: Session) -> None:
        """Let the replica there note what the receiving side has."""
        self._ask("remember", session)

    def _ask(self, verb: str, say: Any) -> Any:
        return self._said(verb, say).understood(ANSWERS[verb])

    def _said(self, verb: str, say: Any, rows: Rows | None = None) -> Message:
        """What the replica there says to this."""
        try:
            return self._exchanged(verb, say, rows, self.web)
        except _NotOurs as error:
            raise Garbled(str(error)) from error

    def _exchanged(self, verb: str, say: Any, rows: Rows | None, web: Web, silence_s: float | None = None) -> Message:
        data, how = written(verb, self._name, say, rows), self._coding
        content = coding.compress(how, data)

        def attempt() -> Message:
            with self._answered(verb, content, how, silence_s) as (response, raw):
                answer = b"".join(raw)
            message = read(verb, coding.inflate(_coding_of(response), [answer], ANSWER_BYTES_MAX))
            self._coding = coding.chosen(response.headers.get("accept-encoding", ""))
            return message

        return self._checked(web.patiently(attempt))

    @contextmanager
    def streamed(self, verb: str) -> Iterator[tuple[Any, Iterator[bytes]]]:
        """What the replica there says to this, and the content behind it, which is read within the block."""
        try:
            data = written(verb, self._name, None)
            with self._answered(verb, data, coding.IDENTITY) as (response, raw):
                message, content = read_streamed(verb, coding.inflated(_coding_of(response), raw))
                yield self._checked(message).understood(ANSWERS[verb]), content
        except _NotOurs as error:
            raise Garbled(str(error)) from error

    @contextmanager
    def _answered(
        self, verb: str, content: bytes, how: str, silence_s: float | None = None
    ) -> Iterator[tuple[httpx2.Response, Iterator[bytes]]]:
        """An answer of our own kind, and its bytes as they arrive. `how` the content of the question is coded."""
        self.greeted_before = None
        headers = {
            "Content-Type": MEDIA_TYPE,
            "Content-Encoding": how,
            "Accept": MEDIA_TYPE,
            "Accept-Encoding": ", ".join(coding.CODINGS),
        }
        path = f"_replica/{verb}"
        with self.web.exchange("POST", path, content=content, headers=headers, timeout=silence_s) as response:
            if not response.is_success:
                raise _complaint(response, self.web)
            if response.headers.get("content-type") != MEDIA_TYPE:
                raise _NotOurs(f"{self.web.address} does not speak to replicas")
            yield response, self._arriving(response)

    def _arriving(self, response: httpx2.Response) -> Iterator[bytes]:
        with our_errors(self.web.address):
            yield from response.iter_raw()

    def _checked(self, message: Message) -> Message:
        if self._name and message.name != self._name:
            raise Garbled("another replica has answered")
        return message


def _coding_of(response: httpx2.Response) -> str:
    return str(response.headers.get("content-encoding", coding.IDENTITY))


def _complaint(response: httpx2.Response, web: Web) -> Exception:
    with our_errors(web.address):
        response.read()
    if response.status_code in _KNOWS_NOTHING and not is_our_complaint(response):
        return _NotOurs(f"{web.address} does not speak to replicas ({response.status_code})")
    return complaint(response, web.address)


def introduce(web: Web, mine: Greeting | None = None, dry_run: bool = False) -> HTTPPeer | None:
    """The replica of ours at this address, or None if a database of another kind is there. One request: the greeting.

    `mine`: how the other end greets. If it greets so again at once, as it does when the two meet, nothing is sent twice.
    Raises what the server refuses (such as a database that is not there), and all of `TransportError`.
    """
    peer = HTTPPeer(web)
    try:
        greeting = peer.greet(mine, dry_run)
    except Garbled as error:
        if isinstance(error.__cause__, _NotOurs):
            return None
        raise
    peer.greeted_before = (mine, dry_run, greeting)
    return peer
