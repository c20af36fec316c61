"""What a replication did to the documents on the receiving side, counted."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from replica.conflict import versions, winner
from replica.leaf import Leaf

FAILURES_MAX = 1000  # named in a report; the counts go on, and the receiving side keeps the whole list


@dataclass(frozen=True, slots=True)
class Failure:
    """A revision that was not taken, and why."""

    unid: str
    revision: str
    code: str


@dataclass(slots=True)
class Tally:
    """Counts of documents on the receiving side. `added`, `updated` and `deleted` are disjoint.

    `added`: the UNID is new there, as a document or a deletion stub. `deleted`: a live document became a stub. `updated`:
    any other change of its leaves. `conflicts`: documents with more versions to see than before. `resurrected`: an edit
    survived a concurrent deletion. `replaced`: bytes of a known revision gave way to verified ones. `merged`: revisions
    made by merging. `evicted`: documents that left, because they may not be read any more at the source; `unsent`: those
    that would have, and stay because of edits that the source does not know. `failed`: damaged, or not what the id says.
    `refused`: by reason. `read`: feed rows read; `bytes`: document bytes received; `wire_bytes`: bytes on the wire.
    """

    added: int = 0
    updated: int = 0
    deleted: int = 0
    conflicts: int = 0
    merged: int = 0
    replaced: int = 0
    resurrected: int = 0
    failed: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    read: int = 0
    bytes: int = 0
    wire_bytes: int = 0
    evicted: int = 0
    unsent: int = 0

    @property
    def ok(self) -> bool:
        """Whether everything offered was taken."""
        return not self.failed and not self.refused

    def count(self, before: list[Leaf], after: list[Leaf]) -> None:
        """Count what became of one document whose leaves were `before` and are now `after`."""
        if not before and len(after) == 1:  # nearly every document of a first replication
            self.added += 1
            return
        was, now = winner(before), winner(after)
        assert now is not None
        self.replaced += _replaced(before, after)
        if {leaf.revision for leaf in before} == {leaf.revision for leaf in after}:
            return
        if was is None:
            self.added += 1
        elif now.deleted and not was.deleted:
            self.deleted += 1
        else:
            self.updated += 1
        self.conflicts += len(versions(after)) > max(1, len(versions(before)))
        self.resurrected += _resurrected(before, after)

    def refuse(self, leaf: Leaf | Failure, code: str) -> None:
        """Count a leaf that was not taken by a rule."""
        self.refused[code] = self.refused.get(code, 0) + 1
        self._name(leaf, code)

    def fail(self, leaf: Leaf, code: str) -> None:
        """Count a leaf that could not be taken."""
        self.failed += 1
        self._name(leaf, code)

    def _name(self, leaf: Leaf | Failure, code: str) -> None:
        self.failures.append(Failure(leaf.unid, str(leaf.revision), code))

    def add(self, other: Tally) -> None:
        """Add the counts of another part of the same replication; of the failures, at most `FAILURES_MAX` are named."""
        for name in ("added", "updated", "deleted", "conflicts", "merged", "replaced", "resurrected", "failed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("read", "bytes", "wire_bytes", "evicted", "unsent"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for code, number in other.refused.items():
            self.refused[code] = self.refused.get(code, 0) + number
        self.failures.extend(other.failures[: FAILURES_MAX - len(self.failures)])

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of one direction of a report."""
        return asdict(self)


def _replaced(before: list[Leaf], after: list[Leaf]) -> int:
    hashes = {leaf.revision: leaf.hash for leaf in before}
    return sum(hashes.get(leaf.revision, leaf.hash) != leaf.hash for leaf in after)


def _resurrected(before: list[Leaf], after: list[Leaf]) -> bool:
    """A live winner stands beside a stub, it did not before, and the stub is not just the end of a conflict seen here."""
    return _beside_stub(after) and not _beside_stub(before) and len(versions(after)) >= len(versions(before))


def _beside_stub(leaves: list[Leaf]) -> bool:
    return len({leaf.deleted for leaf in leaves}) == 2
