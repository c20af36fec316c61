"""A document as CouchDB's clients see it: its leaves with the closing stubs, the winner first, and what can be told of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from replica.canonical import Json
from replica.conflict import rank
from replica.couchdb import revisions, to_json, with_closing_stubs
from replica.leaf import Leaf
from replica.revision import WIDTH, Ancestor, Ancestry, Revision
from replica.store.leaves import Stored


class Wanted(NamedTuple):
    """Which members about revisions a reader asks for beside the document."""

    revs: bool = False
    revs_info: bool = False
    conflicts: bool = False
    deleted_conflicts: bool = False
    local_seq: bool = False

    @property
    def depends_on_others(self) -> bool:
        """Whether the answer may change while the revision stays."""
        return self.revs_info or self.conflicts or self.deleted_conflicts or self.local_seq


PLAIN = Wanted()


class Seen:
    """The leaves of one document, the winner first; `not self` if it was never there."""

    def __init__(self, rows: Iterable[Stored]) -> None:
        rows = list(rows)
        self.sequence = max((row.seq for row in rows), default=0)
        self.leaves = sorted(with_closing_stubs(row.leaf for row in rows), key=rank, reverse=True)

    def __bool__(self) -> bool:
        return bool(self.leaves)

    @property
    def winner(self) -> Leaf:
        """What is shown as the document."""
        return self.leaves[0]

    def leaf(self, revision: Revision) -> Leaf | None:
        """The leaf that is this revision."""
        return next((leaf for leaf in self.leaves if leaf.revision == revision), None)

    def latest(self, revision: Revision) -> list[Leaf]:
        """The leaves that follow this revision, or are it, the highest first.

        Along the straight lines, which are all that CouchDB knows; else those that merged it.
        """
        wanted = Ancestor.of(revision)
        along = [leaf for leaf in self.leaves if leaf.revision == revision or self._at(leaf, wanted) is not None]
        return along or [leaf for leaf in self.leaves if leaf.covers(wanted)]

    def covers(self, revision: Revision) -> bool:
        """Whether one of the leaves is this revision or descends from it."""
        ancestor = Ancestor.of(revision)
        return any(leaf.covers(ancestor) for leaf in self.leaves)

    def placed(self, old: Leaf) -> Leaf:
        """A superseded revision with the ancestry that the leaves after it know of."""
        ancestor = Ancestor.of(old.revision)
        for leaf in self.leaves:
            at = self._at(leaf, ancestor)
            if at is not None:
                return old._replace(ancestry=Ancestry(line=leaf.ancestry.line[at + WIDTH :]))
        return old

    @staticmethod
    def _at(leaf: Leaf, ancestor: Ancestor) -> int | None:
        """Where in the straight line of a leaf an ancestor is."""
        at = (leaf.revision.number - 1 - ancestor.number) * WIDTH
        return at if at >= 0 and leaf.ancestry.line[at : at + WIDTH] == ancestor.packed else None

    def json(
        self,
        leaf: Leaf,
        wanted: Wanted = PLAIN,
        texts: Mapping[bytes, str] | None = None,
        kept: Mapping[Ancestor, bool] | None = None,
    ) -> bytes:
        """A revision of this document in CouchDB's JSON, with what is wanted. `Corrupt` if it is damaged.

        `texts`: those of the foreign revisions among the ancestors; `kept`: the superseded ones whose content is here.
        """
        return to_json(leaf, dict(self._about(leaf, wanted, texts or {}, kept or {})))

    def _about(
        self, leaf: Leaf, wanted: Wanted, texts: Mapping[bytes, str], kept: Mapping[Ancestor, bool]
    ) -> Iterable[tuple[str, Json]]:
        if wanted.revs:
            yield "_revisions", revisions(leaf, texts)
        if wanted.revs_info:
            yield "_revs_info", _statuses(leaf, texts, kept)
        if wanted.local_seq:
            yield "_local_seq", self.sequence
        for name, deleted in (("_conflicts", False), ("_deleted_conflicts", True)):
            if wanted.deleted_conflicts if deleted else wanted.conflicts:
                others = [str(other.revision) for other in self.leaves[1:] if other.deleted == deleted]
                if others:
                    yield name, others


def _statuses(leaf: Leaf, texts: Mapping[bytes, str], kept: Mapping[Ancestor, bool]) -> list[dict[str, str]]:
    rows = [{"rev": str(leaf.revision), "status": "deleted" if leaf.deleted else "available"}]
    for ancestor in leaf.ancestry.in_line(leaf.revision.number):
        text = texts.get(ancestor.packed, ancestor.packed.hex())
        deleted = kept.get(ancestor)
        status = "missing" if deleted is None else "deleted" if deleted else "available"
        rows.append({"rev": f"{ancestor.number}-{text}", "status": status})
    return rows
