"""A replica of ours behind a server: our own conversation over HTTP. docs/conversation.md defines it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import pairwise
from typing import Any

from replica.changes import Entry, Offer, Page
from replica.engine.peer import Batch, Changed, Fetched, Greeting, Withdrawn, Withheld
from replica.errors import Garbled, TooLarge
from replica.leaf import Leaf
from replica.revision import Revision
from replica.rows import Rows
from replica.store.sessions import START, Position, Session
from replica.tally import Failure, Tally
from replica.transports.exchange import Exchange, NotOurs
from replica.transports.halving import halves
from replica.transports.web import Web
from replica.wire import verbs
from replica.wire.bodies import sifted
from replica.wire.bounds import SaidFailure, SaidGreeting, SaidSession
from replica.wire.verbs import ANSWERS, WAIT_S_MAX

SILENCE_S = WAIT_S_MAX + 10  # after which a peer that was to answer counts as gone


class HTTPPeer:
    """A replica of ours on a server, as a peer. Threads may share it. What it cannot reach or understand it raises as
    `TransportError`; what the server refuses comes as the same error that the server had.
    """

    def __init__(self, web: Web) -> None:
        self.web = web
        self._exchange = Exchange(web)
        self._greeted: tuple[Greeting | None, bool, int, Greeting] | None = None  # by `introduce`
        self._fetched: tuple[Sequence[Leaf], dict[bytes, str]] = ((), {})
        self._reached: tuple[str, Position] = ("", START)  # in which session, by what was accepted last

    def greet(self, other: Greeting | None, dry_run: bool = False) -> Greeting:
        """Greet the replica there; from now on only that one is spoken to."""
        before, self._greeted = self._greeted, None
        if before is not None and before[:3] == (other, dry_run, self._exchange.asked):  # nothing was asked since
            return before[3]
        self._exchange.name = ""
        said = None if other is None else SaidGreeting.of(other)
        greeting: Greeting = self._exchange.ask("greet", verbs.Greet(said, dry_run)).meant()
        self._exchange.name = greeting.instance_id
        return greeting

    def changes(self, since: Position, limit: int) -> Page:
        """What changed there after `since`."""
        page: Page = self._exchange.ask("changes", verbs.Changes(since, limit))
        return page

    def newer(self, since: Position) -> bool:
        """Whether something changed there after `since`: waits for it, for a while, in which the peer may be silent.

        Not tried again if it fails: whoever waits for long should know soon that nobody is there any more.
        """
        page: Page = self._exchange.ask_once("changes", verbs.Changes(since, 1, WAIT_S_MAX), SILENCE_S)
        return page.position.number > since.number

    def changes_up_to(self, position: Position, limit: int) -> list[Entry]:
        """What is left of the last changes up to `position`."""
        entries: list[Entry] = self._exchange.ask("changes-up-to", verbs.UpTo(position, limit))
        return entries

    def changes_of(self, unids: list[str]) -> list[Entry]:
        """The present state of these documents."""
        entries: list[Entry] = self._exchange.ask("changes-of", unids)
        return entries

    def changed_leaves(self, since: Position, limit: int, size: int) -> Changed:
        """What changed there after `since`, with all leaves of these documents."""
        head, rows = self._exchange.said("changed-leaves", verbs.Since(since, limit, size)).batch(
            ANSWERS["changed-leaves"]
        )
        sound, refused = sifted(rows)
        return Changed(sound, dict(head.texts), head.read, head.position, head.last, refused)

    def withdrawn(self, since: Position, limit: int) -> Withdrawn:
        """What can be seen no more there, by changes after `since`."""
        answer: Withdrawn = self._exchange.ask("withdrawn", verbs.Changes(since, limit))
        return answer

    def withheld(self, held: list[tuple[str, list[Revision]]]) -> Withheld:
        """Which of these documents are not to be seen there."""
        answer: Withheld = self._exchange.ask("withheld", held)
        return answer

    def missing(self, offers: list[Offer]) -> list[Offer]:
        """Which of the offered leaves to send there."""
        places: list[int] = self._exchange.ask("missing", offers)
        if any(at <= before for before, at in pairwise([-1, *places])) or places[-1:] > [len(offers) - 1]:
            raise Garbled("the other end wants what it was not offered, or wants it twice")
        return [offers[at] for at in places]

    def fetch(self, wanted: list[tuple[str, Revision]]) -> Fetched:
        """These leaves, as far as they still are leaves there; `texts` has come with them."""
        head, rows = self._exchange.said("fetch", wanted).batch(verbs.Leaves)
        sound, refused = sifted(rows)
        self._fetched = (sound, dict(head.texts))
        return Fetched(sound, refused)

    def texts(self, leaves: Iterable[Leaf]) -> dict[bytes, str]:
        """The texts of foreign revisions in the ancestries of these leaves."""
        fetched, texts = self._fetched
        if leaves is fetched:
            return texts
        return dict(self._exchange.ask("texts", Rows.of(leaves).rows))

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
        texts, session = list(batch.texts.items()), SaidSession.of(batch.session)
        refused = [SaidFailure(failure.unid, failure.revision, failure.code) for failure in batch.refused]
        head = verbs.Accept(rows.rows, texts, session, batch.ancestry_limit, refused, dry_run)
        tally: Tally = self._exchange.said("accept", head, rows).understood(ANSWERS["accept"])
        return tally

    def remember(self, *sessions: Session) -> None:
        """Let the replica there note what the receiving side has."""
        self._exchange.ask("remember", list(map(SaidSession.of, sessions)))

    def evict(self, judged: dict[str, list[str]], by: Greeting) -> int:
        """Nothing goes."""
        return 0

    def streamed(self, verb: str) -> AbstractContextManager[tuple[Any, Iterator[bytes]]]:
        """What the replica there says to this, and the content behind it, which is read within the block."""
        return self._exchange.streamed(verb)


def introduce(web: Web, mine: Greeting | None = None, dry_run: bool = False) -> HTTPPeer | None:
    """The replica of ours at this address, or None if a database of another kind is there. One request: the greeting.

    `mine`: how the other end greets. If it greets so again at once, as it does when the two meet, nothing is sent twice.
    Raises what the server refuses (such as a database that is not there), and all of `TransportError`.
    """
    peer = HTTPPeer(web)
    try:
        greeting = peer.greet(mine, dry_run)
    except Garbled as error:
        if isinstance(error.__cause__, NotOurs):
            return None
        raise
    peer._greeted = (mine, dry_run, peer._exchange.asked, greeting)
    return peer
