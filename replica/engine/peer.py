"""The verbs that either end of a replication understands. The in-process peer is their definition; transports move bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from replica.changes import Entry, Offer, Page
from replica.leaf import Leaf
from replica.revision import Ancestor, Revision
from replica.store.sessions import Position, Session
from replica.tally import Failure, Tally


class Greeting(NamedTuple):
    """Who a peer is, and what it remembers of the one it talks to."""

    replica_id: str
    ids: tuple[str, ...]  # its instance id last, those it had before in front of it
    place: str  # where the file is: equal places are the same file
    era: int
    update_seq: int
    empty: bool  # holds no document and no deletion stub, and not because they were evicted
    remembers: bool  # can write down sessions
    paused: bool
    ancestry_limit: int  # 0: a peer that has its own (CouchDB)
    sessions: Sequence[Session]  # with the other, newest first
    refused: list[str]  # UNIDs that were offered by the other and not taken
    token: str = ""  # what `update_seq` is called, as in `Position`

    @property
    def instance_id(self) -> str:
        """Its present name."""
        return self.ids[-1]

    @property
    def reached(self) -> Position:
        """The end of its feed."""
        return Position(self.update_seq, self.token)


class Batch(NamedTuple):
    """What one transaction of the receiving side takes in, and the memory of it."""

    leaves: Sequence[Leaf]
    texts: dict[bytes, str]  # of foreign revisions in the ancestries, by packed form
    session: Session
    ancestry_limit: int
    refused: tuple[Failure, ...] = ()  # as in `Fetched`


class Fetched(NamedTuple):
    """What was fetched. `refused`: what the source holds and no replica of ours can take, yet.

    `rest`: how many of the last ones that were wanted have to be asked for again, because these are enough for one
    transaction; for sources that cannot tell sizes beforehand.
    """

    leaves: Sequence[Leaf]
    refused: tuple[Failure, ...] = ()
    rest: int = 0


class Changed(NamedTuple):
    """A part of the feed with all leaves of its documents. `read`: how many documents; the rest as in `Batch` and `Page`."""

    leaves: Sequence[Leaf]
    texts: dict[bytes, str]
    read: int
    position: Position
    last: bool
    refused: tuple[Failure, ...] = ()  # as in `Fetched`


class Withdrawn(NamedTuple):
    """UNIDs that whoever asks could see before a change, and does not see now, each with the update sequence of the change.

    `position`: up to where these are all; `last`: there are no more.
    """

    unids: list[tuple[int, str]]
    position: Position
    last: bool


class Withheld(NamedTuple):
    """What of that which a replica holds is not to be seen at the source any more.

    `known`: UNIDs of which the source knows all revisions that were named; `unsent`: those of which it knows some.
    """

    known: list[str]
    unsent: list[str]


class Peer(Protocol):
    """Either end of a replication."""

    def greet(self, other: Greeting | None, dry_run: bool = False) -> Greeting:
        """Say who you are. A peer that learns here that another file uses its name takes a new one first (unless `dry_run`)."""

    def changes(self, since: Position, limit: int) -> Page:
        """What changed after `since`: at most `limit` documents."""

    def changes_up_to(self, position: Position, limit: int) -> list[Entry]:
        """What is left of the last changes up to `position`, about `limit`; documents that changed again since are left out.

        Asked again for the same position, it names nothing that it did not name before.
        """

    def changes_of(self, unids: list[str]) -> list[Entry]:
        """The present state of these documents."""

    def missing(self, offers: list[Offer]) -> list[Offer]:
        """Which of the offered leaves are `wanted`, in the same order. All leaves of a document are offered together."""

    def fetch(self, wanted: list[tuple[str, Revision]]) -> Fetched:
        """These leaves with their bodies; those that are none any more are left out."""

    def texts(self, leaves: Iterable[Leaf]) -> dict[bytes, str]:
        """The texts of foreign revisions in the ancestries of these leaves."""

    def accept(self, batch: Batch, dry_run: bool) -> Tally:
        """Take in a batch and remember it, with what it did, in one transaction; `dry_run` counts and takes nothing."""

    def remember(self, *sessions: Session) -> None:
        """Remember, as the source, what the receiving side has durably; all of it or nothing."""

    def evict(self, judged: dict[str, list[str]], by: Greeting) -> int:
        """Let these documents go, of which who greeted so knows these leaf revisions, if they have no others by now; how many
        went. On a server none does: that is no replica of one user.
        """


class Ours(Peer, Protocol):
    """A replica of ours as a peer: what it understands besides."""

    def changed_leaves(self, since: Position, limit: int, size: int) -> Changed:
        """What changed after `since`, with all leaves of these documents: what `changes`, `fetch` and `texts` say together.

        At most `limit` documents, and `size` bytes of bodies and ancestries; a larger document comes alone.
        """

    def withdrawn(self, since: Position, limit: int) -> Withdrawn:
        """What can be seen no more, by changes after `since`: at most `limit` of them."""

    def withheld(self, held: list[tuple[str, list[Revision]]]) -> Withheld:
        """Which of these documents, held elsewhere with these leaves, are not to be seen here.

        Nothing is said of one of which no revision is named that is known here: whoever has it has seen it.
        """


def wanted(offers: list[Offer], own: list[Leaf]) -> list[Offer]:
    """Which of the leaves of one document are to be sent to where its leaves are `own`: none if none would add anything.

    If one does, all are that are not here, also those that a leaf here covers: under a bound on the ancestry, the new
    leaf may cover that one and not them, and who unites has to see them together.
    """
    if not own:
        return offers
    adding = {offer.revision for offer in offers if is_wanted(offer, own)}
    here = {leaf.revision for leaf in own}
    return [offer for offer in offers if offer.revision in adding or (adding and offer.revision not in here)]


def is_wanted(offer: Offer, own: list[Leaf]) -> bool:
    """Whether an offered leaf would add something to the leaves `own` of its document.

    It does if it is unknown; if its bytes are verified and ours are not, or between two unverified copies have the
    smaller hash; or if more of its ancestry is known.
    """
    for leaf in own:
        if leaf.revision == offer.revision:
            better = offer.verified if offer.verified != leaf.verified else not leaf.verified and offer.hash < leaf.hash
            return better or offer.ancestors > leaf.ancestry.length
    ancestor = Ancestor.of(offer.revision)
    return not any(leaf.covers(ancestor) for leaf in own)
