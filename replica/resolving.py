"""Conflicts as people see them, and their end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from replica.canonical import Json
from replica.conflict import Version, conflict_unid, differences
from replica.document import check_items, check_unid
from replica.errors import Mistake, NotFound
from replica.leaf import Leaf
from replica.naming import Saving
from replica.revision import Revision
from replica.store.leaves import conflict_leaf
from replica.store.reading import conflicted_unids
from replica.store.saving import resolve, versions_of
from replica.store.sqlite import SQLiteFile

KEEP = ("winner", "newest")


@dataclass(frozen=True, slots=True)
class ConflictLeaf:
    """A losing version: `differs` has the winner's value and this one's of every item that is not the same."""

    unid: str  # of the conflict document
    revision: str
    time: datetime | None
    differs: dict[str, list[Json]]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A document with conflict documents; `winner` is the revision shown as the document."""

    unid: str
    winner: str
    leaves: list[ConflictLeaf]

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        leaves = [
            {"_id": x.unid, "_rev": x.revision, "time": x.time and _iso(x.time), "differs": x.differs}
            for x in self.leaves
        ]
        return {"_id": self.unid, "winner": self.winner, "leaves": leaves}


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def find_conflicts(file: SQLiteFile) -> Iterator[Conflict]:
    """The documents that have conflict documents, in UNID order."""
    for unid in conflicted_unids(file):
        with file.read() as connection:
            found = versions_of(connection, unid)
        if len(found) > 1:
            yield conflict_of(unid, found)


def conflict_of(unid: str, found: list[Version]) -> Conflict:
    """The conflict of a document of which this is to see, the winner first."""
    winner = found[0].shown
    return Conflict(unid, str(winner.revision), [_losing(winner, version.shown) for version in found[1:]])


def _losing(winner: Leaf, leaf: Leaf) -> ConflictLeaf:
    time = leaf.revision.time if leaf.verified else None
    return ConflictLeaf(conflict_unid(leaf), str(leaf.revision), time, differences(winner, leaf))


def resolve_one(
    file: SQLiteFile, saving: Callable[[], Saving], unid: str, keep: str | None, items: dict[str, Json] | None
) -> Leaf:
    """Write one revision over all live leaves: the content of revision `keep`, or `items`."""
    check_unid(unid)
    choose = chosen(keep, items)
    with file.write() as connection:
        losing = conflict_leaf(connection, unid)
        unid = unid if losing is None else losing.unid
        found = versions_of(connection, unid)
        return resolve(connection, unid, choose(unid, found), saving())


def chosen(keep: str | None, items: dict[str, Json] | None) -> Callable[[str, list[Version]], bytes]:
    """What a resolution holds, found when it is known what there is to see: of the revision `keep`, or `items`."""
    if (keep is None) == (items is None):
        raise Mistake("say either which revision to keep, or the items")
    body = None if items is None else check_items(items)
    kept = None if keep is None else Revision.parse(keep)

    def choose(unid: str, found: list[Version]) -> bytes:
        if len(found) < 2:
            raise NotFound(f"document {unid!r} has no conflict", hint="`replicate conflicts DB` lists those that have.")
        return _body_of(unid, found, kept) if body is None else body

    return choose


def _body_of(unid: str, found: list[Version], revision: Revision | None) -> bytes:
    for version in found:
        if any(leaf.revision == revision for leaf in version.leaves):
            return version.shown.intact_body
    there = ", ".join(str(version.shown.revision) for version in found)
    raise NotFound(f"{revision} is none of the clashing revisions of {unid!r}", hint=f"They are {there}.")


def resolve_all(file: SQLiteFile, saving: Callable[[], Saving], keep: str, dry_run: bool) -> list[str]:
    """End all conflicts, each in a transaction of its own."""
    if keep not in KEEP:
        raise Mistake(f"keep is one of {', '.join(KEEP)}, not {keep!r}")
    resolved = []
    for unid in list(conflicted_unids(file)):
        if dry_run:
            resolved.append(unid)
            continue
        with file.write() as connection:
            found = versions_of(connection, unid)
            if len(found) > 1:
                chosen = found[0].shown if keep == "winner" else max((v.shown for v in found), key=_saved)
                resolve(connection, unid, chosen.intact_body, saving())
                resolved.append(unid)
    return resolved


def _saved(leaf: Leaf) -> tuple[int, Revision]:
    """When a leaf was saved; of foreign ones that is not known, and they count as oldest."""
    return (leaf.revision.time_ms if leaf.verified else -1, leaf.revision)
