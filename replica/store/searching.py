"""Finding documents: SQL narrows, Python decides. Indexes of items are SQLite's, on expressions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, text

from replica.document import Document
from replica.errors import BadSelector, Exists, NotFound
from replica.leaf import Leaf
from replica.selection import Selector, item_expression
from replica.store.enough import until_enough
from replica.store.leaves import leaf_query, stored
from replica.store.reading import conflict_documents, in_order, live_leaves
from replica.store.sqlite import SQLiteFile
from replica.store.texts import is_readable, stored_unid, unid_of

CHUNK = 200
_PREFIX = "items: "
INDEX_MAX = 100  # items of one index
_INDEX_HINT = 'A list of names: ["Form", "Total"].'
_NAME_HINT = "Give another name (name=, --name); capitals are not told apart."

_LIVE = "leaf.winner = 1 AND leaf.deleted = 0"
# Of the table itself, also where `leaf` is what somebody may see: through a view SQLite would not use an index of items.
# Nothing but UNIDs comes of it, and what they are of is looked up in `leaf`.
_NARROWED = f"SELECT {stored_unid('leaf.unid')} FROM main.leaf WHERE {_LIVE} AND ({{}})"
_BY_UNID = leaf_query(f"FROM leaf WHERE unid IN (SELECT value FROM json_each(:unids)) AND {_LIVE} ORDER BY leaf.unid")
_INDEXES = text("SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE :prefix || '%' ORDER BY name")


def search(file: SQLiteFile, selector: Selector, conflicts: bool) -> Iterator[Document]:
    """The live documents that match, and the conflict documents if asked for, in UNID order."""
    losing = conflict_documents(file) if conflicts else iter(())
    for document in in_order(map(Document.of, _candidates(file, selector, "")), losing):
        if selector.matches(document.items | {"_id": document.unid, "_rev": document.revision}):
            yield document


def matching_leaves(
    file: SQLiteFile, selector: Selector, after: str = "", on_look: Callable[[], object] = lambda: None
) -> Iterator[Leaf]:
    """The live documents that match, as they are stored, in UNID order, those after the UNID `after`.

    `on_look` is told of each that is looked at, before that; it may raise.
    """
    for leaf in _candidates(file, selector, after):
        on_look()
        if selector.matches(leaf.items | {"_id": leaf.unid, "_rev": str(leaf.revision)}):
            yield leaf


def _candidates(file: SQLiteFile, selector: Selector, after: str) -> Iterator[Leaf]:
    narrowing = selector.narrow()
    if narrowing.sql == "1":
        yield from live_leaves(file, after)
        return
    statement = text(_NARROWED.format(narrowing.sql))
    with file.read() as connection:  # sorted here: asked for an order, SQLite would rather read all than use an index
        stored_unids = connection.execute(statement, narrowing.parameters).scalars()
        found_unids = (unid_of(stored, 0) for stored in stored_unids)
        unids = sorted(unid for unid in found_unids if unid > after and is_readable(unid))
        found, at = _chunk(connection, unids, 0)  # so what fits in one chunk is of one moment
    yield from found
    while at < len(unids):
        with file.read() as connection:
            found, at = _chunk(connection, unids, at)
        yield from found


def _chunk(connection: Connection, unids: list[str], at: int) -> tuple[list[Leaf], int]:
    """The next documents from `at` on, as they are now, and where to go on: what was saved since they were looked up has
    other rows, and is still there.
    """
    some = unids[at : at + CHUNK]
    rows, complete = until_enough(connection.execute(_BY_UNID, {"unids": json.dumps(some)}))
    found = [stored(row).leaf for row in rows]
    return found, at + (len(some) if complete else some.index(found[-1].unid) + 1)


def index_for(connection: Connection, selector: Selector) -> str | None:
    """The index of items with which SQLite would look for candidates, if it would use one."""
    names = indexes(connection)
    narrowing = selector.narrow()
    schema = connection.exec_driver_sql("PRAGMA schema_version").scalar()  # a plan prepared before is never made anew
    statement = f"EXPLAIN QUERY PLAN {_NARROWED.format(narrowing.sql)} /* {schema} */"
    plan = connection.execute(text(statement), narrowing.parameters)
    said = "\n".join(row.detail for row in plan)
    used = [name for name in names if f"INDEX {_PREFIX}{name} (" in said]
    return max(used, key=len, default=None)


def create_index(connection: Connection, items: list[str], name: str | None) -> str:
    """Make an index of these items, which `find` uses by itself; its name. `Exists` if there is one of that name."""
    if not 1 <= len(items) <= INDEX_MAX:
        raise BadSelector(f"an index is of 1 to {INDEX_MAX} items", hint="Name those that selectors ask for.")
    for item in items:
        if not isinstance(item, str):
            raise BadSelector(f"the name of an item is a text, not {type(item).__name__}", hint=_INDEX_HINT)
    expressions = [item_expression(item, "body") for item in items]
    for item, expression in zip(items, expressions, strict=True):
        if expression is None:
            raise BadSelector(f"the item {item!r} cannot be indexed", hint="Quotes and control characters cannot be.")
    name = name or ",".join(items)
    for taken in indexes(connection):
        if _folded(name) == _folded(taken):
            raise Exists(f"there is an index {taken!r} already", hint=_NAME_HINT)
    columns = ", ".join(str(expression) for expression in expressions)
    connection.exec_driver_sql(f"CREATE INDEX {_quoted(name)} ON leaf ({columns}) WHERE winner = 1 AND deleted = 0")
    return name


def indexes(connection: Connection) -> list[str]:
    """The names of the indexes of items."""
    return [str(row.name)[len(_PREFIX) :] for row in connection.execute(_INDEXES, {"prefix": _PREFIX})]


def drop_index(connection: Connection, name: str) -> None:
    """Remove an index; `NotFound` if there is none of that name."""
    if name not in indexes(connection):
        raise NotFound(f"there is no index {name!r}", hint="`replicate index DB` lists the indexes.")
    connection.exec_driver_sql(f"DROP INDEX {_quoted(name)}")


def _folded(name: str) -> str:
    """Names that SQLite takes for one are equal."""
    return "".join(c.lower() if c.isascii() else c for c in name)


def _quoted(name: str) -> Any:
    return '"' + (_PREFIX + name).replace('"', '""') + '"'
