"""Many saves as CouchDB's clients make them: each on top of the one leaf it names, each by itself, all in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from replica.conflict import unite, winner
from replica.couchdb import with_closing_stubs
from replica.errors import NotAllowed, ReplicaError, StaleRevision
from replica.leaf import Leaf, next_revision
from replica.naming import Saving, saved_by, stub_by
from replica.revision import Revision
from replica.rights import Rule, check_access_list, hides
from replica.store.eviction import check_not_evicted, evicted_among
from replica.store.leaves import Writer, leaves_of_many
from replica.store.saving import check_size
from replica.store.settings import read_setting

NOT_TO_SAVE = "You are not allowed to save this document."
NOT_YOURS = "The access list of the database says who may; `replicate acl DB list` shows it."


def check_seen(rule: Rule | None, leaves: list[Leaf]) -> None:
    """Refuse (`NotAllowed`) what is about a document that whoever asks does not see, before more is said about it."""
    if hides(rule, leaves):
        raise NotAllowed(NOT_TO_SAVE, hint=NOT_YOURS)


class Edit(NamedTuple):
    """What to save on top of `base`; without a base, as a new document or over a deletion stub. A stub may have items."""

    unid: str
    base: Revision | None
    items: bytes
    deleted: bool


def save_edits(
    connection: Connection, edits: Sequence[Edit], saving: Saving, rule: Rule | None = None
) -> list[Leaf | ReplicaError]:
    """Save them in their order. In the place of each stands the new leaf, or why there is none: `StaleRevision`, `TooLarge`,
    `BadAccessList`, and `NotAllowed` if the `rule` is against it.

    Unlike `saving.save`, only the leaf that is named is followed, also where others have the same content: CouchDB's
    clients see each of them.
    """
    here = leaves_of_many(connection, {edit.unid for edit in edits})
    gone = evicted_among(connection, {edit.unid for edit in edits} - here.keys())
    limit: int = read_setting(connection, "ancestry-limit")
    size_max: int = read_setting(connection, "document-size-max")
    present = {unid: [row.leaf for row in rows] for unid, rows in here.items()}
    changed: dict[str, None] = {}
    results: list[Leaf | ReplicaError] = []
    for edit in edits:
        leaves = present.get(edit.unid, [])
        try:
            check_seen(rule, leaves)
            check_not_evicted(edit.unid, gone)
            leaf = _next(edit, leaves, size_max, limit, saving)
            if rule is not None and rule(leaves, leaf) is not None:
                raise NotAllowed(NOT_TO_SAVE, hint=NOT_YOURS)
        except ReplicaError as error:
            results.append(error)
            continue
        present[edit.unid] = unite(leaves, [leaf], limit) if leaves else [leaf]
        changed[edit.unid] = None
        results.append(leaf)
    writer = Writer(connection, saving.at_ms)
    for unid in changed:
        writer.put(here.get(unid, []), present[unid])
    writer.flush()
    return results


def _next(edit: Edit, leaves: list[Leaf], size_max: int, limit: int, saving: Saving) -> Leaf:
    items = edit.items if edit.deleted else saved_by(saving.by, edit.items)
    check_size(items, size_max, f"document {edit.unid[:80]!r}")
    if not edit.deleted:
        check_access_list(edit.unid, items)
    parents = _parents(leaves, edit.base)
    if edit.deleted:
        items = stub_by(saving.by, parents[0] if parents else None, items)
    return next_revision(edit.unid, parents, items, saving.at_ms, limit, edit.deleted)


def _parents(leaves: list[Leaf], base: Revision | None) -> list[Leaf]:
    """The leaf to follow: as CouchDB sees them, so that a merged or resolved branch can be gone on with from its stub."""
    shown = winner(leaves)
    if base is None and (shown is None or shown.deleted):
        return [] if shown is None else [shown]
    parents = [leaf for leaf in with_closing_stubs(leaves) if leaf.revision == base]
    if not parents:
        raise StaleRevision("Document update conflict.")
    return parents
