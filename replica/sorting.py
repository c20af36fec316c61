"""Putting found documents in order."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from typing import Any

from replica.canonical import Json
from replica.document import Document
from replica.errors import BadSelector
from replica.selection import sort_key


def arranged(
    documents: Iterator[Document], sort: list[Json] | None, skip: int, limit: int | None
) -> Iterator[Document]:
    """The documents as `sort` says, without the first `skip`, at most `limit`."""
    if any(type(n) is not int or n < 0 for n in (skip, 0 if limit is None else limit)):
        raise BadSelector("skip and limit are whole numbers from 0", hint="Leave them out for all documents.")
    end = None if limit is None else skip + limit
    if sort is None:
        return itertools.islice(documents, skip, end)
    by_items = sort_key(sort)

    def key(document: Document) -> Any:
        return by_items(document.items | {"_id": document.unid})

    if end is None:
        return itertools.islice(iter(sorted(documents, key=key)), skip, None)
    return itertools.islice(iter(heapq.nsmallest(end, documents, key=key)), skip, None)
