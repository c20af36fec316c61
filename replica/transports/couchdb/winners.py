"""What a CouchDB shows before something is sent there, by which it is counted what became of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from replica.conflict import unite
from replica.leaf import NOTHING, Leaf
from replica.revision import Ancestry
from replica.tally import Tally
from replica.transports.couchdb.feed import offered
from replica.transports.couchdb.words import ask
from replica.transports.web import Web

ANY_LENGTH = 2**31  # of an ancestry: nothing is stored here


class State(msgspec.Struct):
    """What `_all_docs` tells of a document's winner."""

    rev: str
    deleted: bool = False


class Row(msgspec.Struct):
    """A row of `_all_docs`; without a value if there is no such document."""

    key: str
    value: State | None = None


class Rows(msgspec.Struct):
    """The answer of `_all_docs`."""

    rows: list[Row]


def winners(web: Web, unids: Iterable[str]) -> dict[str, Leaf]:
    """The winners of documents that are there: all that is told cheaply, and enough to count by."""
    keys = sorted(unids)
    rows = ask(web, "_all_docs", Rows, {"keys": keys}).rows if keys else []
    return {row.key: _shown(row.key, row.value) for row in rows if row.value is not None}


def _shown(unid: str, state: State) -> Leaf:
    """A leaf that stands for one of which only the revision is known; its content is taken for different from any other."""
    other = hashlib.sha256(state.rev.encode()).digest()
    return Leaf(unid, offered(state.rev), state.deleted, False, Ancestry(), None, other, NOTHING)


def count(tally: Tally, before: dict[str, Leaf], leaves: Iterable[Leaf], refused: set[tuple[str, str]]) -> None:
    """Count what became of the documents of these leaves, of which some, by UNID and revision, were refused."""
    taken: dict[str, list[Leaf]] = {}
    for leaf in leaves:
        if (leaf.unid, str(leaf.revision)) not in refused:
            taken.setdefault(leaf.unid, []).append(leaf)
    for unid, added in taken.items():
        shown = [before[unid]] if unid in before else []
        new = [leaf for leaf in added if all(leaf.revision != each.revision for each in shown)]
        tally.count(shown, unite(shown, new, ANY_LENGTH))
