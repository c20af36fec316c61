"""Documents into a CouchDB, as they are: `_bulk_docs` without new revisions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from replica import couchdb
from replica.errors import BadDocument, BadRequest, Refused, TooLarge, TransportError
from replica.leaf import Leaf
from replica.tally import Failure
from replica.transports.couchdb.words import CODES, JSON, understand
from replica.transports.web import Web

BYTES = 4 * 2**20  # of one request; a single larger document goes alone
COUNT = 500  # documents in one request


class Outgoing(NamedTuple):
    """A leaf as it is sent."""

    leaf: Leaf
    text: bytes


def outgoing(leaves: Iterable[Leaf], texts: Mapping[bytes, str]) -> Iterator[Outgoing]:
    """The leaves, each behind the stubs that close what was merged into it: CouchDB may be read in between."""
    for leaf in leaves:
        for each in [*couchdb.closing_stubs(leaf), leaf]:
            yield Outgoing(each, couchdb.to_json(each, {"_revisions": couchdb.revisions(each, texts)}))


def write(web: Web, documents: Iterable[Outgoing]) -> Iterator[Failure]:
    """Send them; those that were not taken come back, each with a code of ours."""
    for batch in _batches(documents):
        yield from _write(web, batch)


def _batches(documents: Iterable[Outgoing]) -> Iterator[list[Outgoing]]:
    batch: list[Outgoing] = []
    size = 0
    for document in documents:
        if batch and (size + len(document.text) > BYTES or len(batch) == COUNT):
            yield batch
            batch, size = [], 0
        batch.append(document)
        size += len(document.text)
    if batch:
        yield batch


def _write(web: Web, batch: list[Outgoing]) -> Iterator[Failure]:
    content = b'{"new_edits":false,"docs":[%b]}' % b",".join(document.text for document in batch)
    try:
        answer = web.call("POST", "_bulk_docs", content=content, headers=JSON)
    except (TooLarge, BadRequest) as error:  # of all, because of one
        if len(batch) == 1:
            yield _failure(batch[0].leaf, TooLarge.code if isinstance(error, TooLarge) else BadDocument.code)
            return
        middle = len(batch) // 2
        yield from _write(web, batch[:middle])
        yield from _write(web, batch[middle:])
        return
    for row in understand(web, answer, list[dict[str, Any]]):
        if "error" in row:
            yield from _failures(web, row, batch)


def _failures(web: Web, row: dict[str, Any], batch: list[Outgoing]) -> Iterator[Failure]:
    """What a row with an error is about: servers name the document, and not always its revision."""
    word = row["error"] if isinstance(row["error"], str) else row.get("name")
    code = CODES.get(str(word), Refused.code)
    hit = [each.leaf for each in batch if each.leaf.unid == row.get("id")]
    if not hit:
        raise TransportError(f"{web.address} refused a document that was not sent: {msgspec.json.encode(row)!r}")
    for leaf in hit:
        if row.get("rev") in (None, str(leaf.revision)):
            yield _failure(leaf, code)


def _failure(leaf: Leaf, code: str) -> Failure:
    return Failure(leaf.unid, str(leaf.revision), code)
