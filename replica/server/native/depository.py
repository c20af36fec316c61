"""A database as depositors meet it: they bring documents, and learn nothing of what is there."""

from __future__ import annotations

from replica.changes import Offer
from replica.engine.peer import Greeting, Withheld
from replica.revision import Revision
from replica.transports.direct import DirectPeer


class Depository(DirectPeer):
    """What is asked before something is brought, answered without a look at the documents."""

    def __init__(self, peer: DirectPeer) -> None:
        super().__init__(peer.file, peer.clock, peer.ruling)

    def greet(self, other: Greeting | None, dry_run: bool = False) -> Greeting:
        """Who this is. Of what was refused it names what the asker offered, as to all who do not see everything; by whose
        eyes means nothing.
        """
        return super().greet(other, dry_run)._replace(token="")

    def withheld(self, held: list[tuple[str, list[Revision]]]) -> Withheld:
        """Nothing: of what is here a depositor has had nothing."""
        return Withheld([], [])

    def missing(self, offers: list[Offer]) -> list[Offer]:
        """All of them: what is here already is passed over when it comes."""
        return offers
