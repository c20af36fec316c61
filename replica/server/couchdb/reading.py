"""Reading documents for CouchDB's clients: one of them, chosen revisions, many at once, and what is missing here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from replica.errors import NotFound, ReplicaError, http_form
from replica.leaf import Leaf
from replica.revision import Ancestor, Revision
from replica.server.answers import encode
from replica.server.couchdb.seen import Seen, Wanted
from replica.store.enough import few_enough
from replica.store.leaves import foreign_texts, leaves_of, leaves_of_many
from replica.store.reading import superseded_ancestors, superseded_revision
from replica.store.sqlite import SQLiteFile

PAGE = 100  # documents read at once

Old = Callable[[str, Revision], Leaf | None]


class Shown(NamedTuple):
    """A revision as it is answered."""

    revision: str
    body: bytes


def read_one(
    file: SQLiteFile, unid: str, revision: Revision | None, wanted: Wanted, latest: bool, deleted: bool
) -> Shown:
    """The winner, or that `revision`, or with `latest` the highest leaf that follows it. `NotFound`.

    `deleted`: a deletion stub is shown although no revision is asked for.
    """
    with file.read() as connection:
        seen = Seen(leaves_of(connection, unid))
        if revision is None:
            leaf = seen.winner if seen else None
            if leaf is not None and leaf.deleted and not deleted:
                raise NotFound("deleted", deleted=True)
        else:
            found = _find(seen, unid, revision, latest, lambda *key: superseded_revision(connection, *key))
            leaf = found[0] if found else None
        if leaf is None:
            raise NotFound("missing")
        texts = foreign_texts(connection, [leaf]) if wanted.revs or wanted.revs_info else {}
        kept = superseded_ancestors(connection, unid) if wanted.revs_info else {}
    return Shown(str(leaf.revision), seen.json(leaf, wanted, texts, kept))


def read_several(
    file: SQLiteFile, unid: str, revisions: Sequence[Revision] | None, wanted: Wanted, latest: bool
) -> list[tuple[str, bytes | None]]:
    """These revisions (None: all leaves) with their JSON, or None where one is missing; with `latest`, each leaf once.

    `NotFound` if all are asked for and there is no such document.
    """
    with file.read() as connection:
        seen = Seen(leaves_of(connection, unid))
        if revisions is None and not seen:
            raise NotFound("missing")
        chosen: dict[str, Leaf | None] = {}
        for revision in [leaf.revision for leaf in seen.leaves] if revisions is None else revisions:
            found = _find(seen, unid, revision, latest, lambda *key: superseded_revision(connection, *key))
            chosen.update({str(leaf.revision): leaf for leaf in found})
            if not found:
                chosen[str(revision)] = None
        leaves = [leaf for leaf in chosen.values() if leaf is not None]
        texts = foreign_texts(connection, leaves) if wanted.revs or wanted.revs_info else {}
        kept = superseded_ancestors(connection, unid) if wanted.revs_info else {}
    return [(name, None if leaf is None else seen.json(leaf, wanted, texts, kept)) for name, leaf in chosen.items()]


def _find(seen: Seen, unid: str, revision: Revision, latest: bool, old: Old) -> list[Leaf]:
    leaf = seen.leaf(revision)
    if leaf is not None:
        return [leaf]
    following = seen.latest(revision) if latest else []
    if following:
        return following
    superseded = old(unid, revision)
    return [] if superseded is None else [seen.placed(superseded)]


class Asked(NamedTuple):
    """One entry of `_bulk_get`: a revision, or all leaves; or why it cannot be answered."""

    unid: Any
    revision: Revision | None = None
    said: Any = None  # the revision as it was written
    error: ReplicaError | None = None


def read_bulk(file: SQLiteFile, asked: Sequence[Asked], wanted: Wanted, latest: bool) -> Iterator[bytes]:
    """The answer of `_bulk_get`, in pieces: one entry for each that was asked for, in the same order."""
    before = b'{"results":[\n'
    at = 0
    while at < len(asked):
        entries = _bulk_page(file, asked[at : at + PAGE], wanted, latest)
        yield before + b",\n".join(entries)
        before = b",\n"
        at += len(entries)
    yield b"\n]}\n" if asked else before + b"]}\n"


def _bulk_page(file: SQLiteFile, asked: Sequence[Asked], wanted: Wanted, latest: bool) -> list[bytes]:
    """The first entries, as many as are to be read at once."""
    with file.read() as connection:
        asked = asked[: few_enough(connection, [one.unid if one.error is None else None for one in asked])]
        rows = leaves_of_many(connection, {one.unid for one in asked if one.error is None})
        all_seen = {unid: Seen(found) for unid, found in rows.items()}
        chosen: list[tuple[Asked, Seen | None, list[Leaf]]] = []
        for one in asked:
            seen = all_seen.get(one.unid) if one.error is None else None
            if seen is None:
                chosen.append((one, None, []))
            elif one.revision is None:
                chosen.append((one, seen, seen.leaves))
            else:
                found = _find(seen, one.unid, one.revision, latest, lambda *key: superseded_revision(connection, *key))
                chosen.append((one, seen, found[:1]))
        leaves = [leaf for _, _, found in chosen for leaf in found]
        texts = foreign_texts(connection, leaves) if wanted.revs else {}
    return [_bulk_entry(*entry, wanted, texts) for entry in chosen]


def _bulk_entry(one: Asked, seen: Seen | None, leaves: list[Leaf], wanted: Wanted, texts: Mapping[bytes, str]) -> bytes:
    docs = []
    for leaf in leaves:
        assert seen is not None
        try:
            docs.append(b'{"ok":%b}' % seen.json(leaf, wanted, texts))
        except ReplicaError as error:  # damaged: the others are not
            docs.append(_bulk_error(one, error))
    if not docs:
        docs = [_bulk_error(one, one.error or NotFound("missing"))]
    return b'{"id":%b,"docs":[%b]}' % (encode(one.unid), b",".join(docs))


def _bulk_error(one: Asked, error: ReplicaError) -> bytes:
    said = "undefined" if one.said is None and one.error is None else one.said  # CouchDB's word for all
    return encode({"error": {"id": one.unid, "rev": said, "error": http_form(error)[1], "reason": str(error)}})


def missing(file: SQLiteFile, asked: Mapping[str, Sequence[Revision]]) -> dict[str, dict[str, list[str]]]:
    """What `_revs_diff` answers: the revisions that no leaf covers, and the leaves that may be ancestors of them."""
    with file.read() as connection:
        rows = leaves_of_many(connection, asked, bodies=False)
    answer = {}
    for unid, revisions in asked.items():
        leaves = [row.leaf for row in rows.get(unid, [])]
        unknown = [one for one in revisions if not any(leaf.covers(Ancestor.of(one)) for leaf in leaves)]
        if unknown:
            answer[unid] = {"missing": [str(revision) for revision in unknown]}
            highest = max(revision.number for revision in unknown)
            lower = [str(leaf.revision) for leaf in leaves if leaf.revision.number < highest]
            if lower:
                answer[unid]["possible_ancestors"] = lower
    return answer


def as_rows(pairs: Sequence[tuple[str, bytes | None]]) -> list[dict[str, Any]]:
    """What `open_revs` answers in JSON."""
    return [{"missing": name} if body is None else {"ok": msgspec.Raw(body)} for name, body in pairs]
