"""What people and programs do to documents here: save, delete, resolve. Inside somebody's transaction."""

from __future__ import annotations

from sqlalchemy import Connection

from replica.conflict import Version, live, unite, versions, winner
from replica.errors import NotFound, StaleRevision, TooLarge
from replica.leaf import NOTHING, Leaf, next_revision
from replica.naming import Saving, saved_by, stub_by
from replica.revision import Revision
from replica.rights import check_access_list
from replica.store.eviction import check_not_evicted, evicted_among
from replica.store.leaves import Stored, Writer, conflict_leaf, leaves_of
from replica.store.settings import read_setting

DELETED = "Saving a document under that UNID brings it back; `replicate revisions DB UNID` shows what it was."


def save(connection: Connection, unid: str, base: Revision | None, items: bytes, saving: Saving) -> Leaf:
    """Save `items` as the revision that follows `base`; without a base, as a new document or over a deletion stub.

    `StaleRevision` if `base` is no leaf (any more), or if without a base the document is live, or a conflict document.
    `TooLarge`, `BadAccessList`; `NotAllowed` if the document was evicted.
    """
    items = _checked(connection, unid, items, saving)
    here = leaves_of(connection, unid)
    if not here:
        check_not_evicted(unid, evicted_among(connection, [unid]))
    parents = parents_for(unid, [row.leaf for row in here], base)
    if base is None and conflict_leaf(connection, unid) is not None:
        raise StaleRevision(f"{unid!r} is the UNID of a conflict document", hint="Read it, change it and save that.")
    return _write(connection, here, unid, parents, items, saving)


def delete(connection: Connection, unid: str, base: Revision | None, saving: Saving) -> Leaf:
    """Write the deletion stub that follows `base`, or the winner. `NotFound` if there is nothing to delete."""
    here = leaves_of(connection, unid)
    leaves = [row.leaf for row in here]
    shown = winner(leaves)
    if shown is None:
        raise NotFound(f"there is no document {unid!r}")
    if base is None and shown.deleted:
        raise NotFound(f"there is no document {unid!r}: it was deleted", hint=DELETED, deleted=True)
    parents = parents_for(unid, leaves, shown.revision if base is None else base)
    if parents[0].deleted:
        raise NotFound(f"revision {base} of {unid!r} is deleted already", hint=DELETED, deleted=True)
    return _write(connection, here, unid, parents, stub_by(saving.by, parents[0], NOTHING), saving, deleted=True)


def resolve(connection: Connection, unid: str, items: bytes, saving: Saving) -> Leaf:
    """Write one revision whose parents are all live leaves."""
    items = _checked(connection, unid, items, saving)
    here = leaves_of(connection, unid)
    return _write(connection, here, unid, live(row.leaf for row in here), items, saving)


def save_conflict(connection: Connection, unid: str, base: Revision, items: bytes, saving: Saving) -> Leaf:
    """Save a conflict document: it becomes a document of its own, and the leaf that it showed is closed."""
    close_conflict(connection, unid, base, saving)
    return save(connection, unid, None, items, saving)


def close_conflict(connection: Connection, unid: str, base: Revision | None, saving: Saving) -> Leaf:
    """Delete a conflict document: the leaf that it shows gets a deletion stub; the document that won is not touched."""
    leaf = conflict_leaf(connection, unid)
    if leaf is None:
        raise NotFound(f"there is no document {unid!r}")
    if base is not None and base != leaf.revision:
        raise StaleRevision(f"conflict document {unid!r} shows revision {leaf.revision}, not {base}")
    return delete(connection, leaf.unid, leaf.revision, saving)


def versions_of(connection: Connection, unid: str) -> list[Version]:
    """What there is to see of a document, the winner first."""
    return versions(row.leaf for row in leaves_of(connection, unid))


def find_version(leaves: list[Leaf], revision: Revision) -> Version | None:
    """The live leaves of equal content among which `revision` is."""
    for version in versions(leaves):
        if any(leaf.revision == revision for leaf in version.leaves):
            return version
    return None


def parents_for(unid: str, leaves: list[Leaf], base: Revision | None) -> list[Leaf]:
    """What a save that was based on `base` has as parents; `StaleRevision` as `save` says."""
    shown = winner(leaves)
    if base is None:
        if shown is not None and not shown.deleted:
            raise StaleRevision(f"document {unid!r} is there already, as revision {shown.revision}")
        return [] if shown is None else [shown]
    version = find_version(leaves, base)
    if version is not None:
        return version.leaves
    stubs = [leaf for leaf in leaves if leaf.revision == base]
    if not stubs:
        there = "is not there" if shown is None else f"is now at revision {shown.revision}"
        raise StaleRevision(f"document {unid!r} {there}; the change was made to {base}")
    return stubs


def _write(
    connection: Connection,
    here: list[Stored],
    unid: str,
    parents: list[Leaf],
    items: bytes,
    saving: Saving,
    deleted: bool = False,
) -> Leaf:
    limit: int = read_setting(connection, "ancestry-limit")
    leaf = next_revision(unid, parents, items, saving.at_ms, limit, deleted)
    writer = Writer(connection, saving.at_ms)
    writer.put(here, unite([row.leaf for row in here], [leaf], limit))
    writer.flush()
    return leaf


def _checked(connection: Connection, unid: str, items: bytes, saving: Saving) -> bytes:
    """The items as they are saved: with who saved them."""
    items = saved_by(saving.by, items)
    check_size(items, read_setting(connection, "document-size-max"), f"document {unid[:80]!r}")
    check_access_list(unid, items)
    return items


def check_size(items: bytes, size_max: int, what: str) -> None:
    """Refuse (`TooLarge`) more bytes than a document may have."""
    if len(items) > size_max:
        raise TooLarge(f"{what} has {len(items):,} bytes; the limit is {size_max:,}")
