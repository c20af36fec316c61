"""Indexes as CouchDB writes them: views of design documents in the language `query`. Values, no I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from replica.canonical import Json, canonical
from replica.errors import BadRequest, NotSupported
from replica.selection import compile_selector
from replica.server.couchdb import writing

DESIGN = "_design/"
SPECIAL: dict[str, Any] = {
    "ddoc": None,
    "name": "_all_docs",
    "type": "special",
    "partitioned": False,
    "def": {"fields": [{"_id": "asc"}]},
}


class Index(NamedTuple):
    """One index: the design document and the name of the view in it, the items, which documents are in it."""

    design: str
    name: str
    fields: list[dict[str, str]]
    partial: dict[str, Json]

    @property
    def own_name(self) -> str:
        """What SQLite's index is called."""
        return f"{self.design.removeprefix(DESIGN)}/{self.name}"

    def described(self) -> dict[str, Json]:
        """As CouchDB lists it."""
        definition: dict[str, Json] = {"fields": self.fields}
        if self.partial:
            definition["partial_filter_selector"] = self.partial
        head = {"ddoc": self.design, "name": self.name, "type": "json", "partitioned": False}
        return {**head, "def": definition}

    def view(self) -> dict[str, Json]:
        """As it stands in the design document; the order of the items is in `options`."""
        fields = {name: way for field in self.fields for name, way in field.items()}
        definition: dict[str, Json] = {"fields": self.fields}
        if self.partial:
            definition["partial_filter_selector"] = self.partial
        by = {"fields": fields, "partial_filter_selector": self.partial}
        return {"map": by, "reduce": "_count", "options": {"def": definition}}


def described(own_name: str) -> dict[str, Json]:
    """An index by the name that SQLite's has."""
    design, _, name = own_name.partition("/")
    return {"ddoc": f"{DESIGN}{design}" if name else None, "name": name or design, "type": "json", "partitioned": False}


def index_asked(body: dict[str, Json]) -> Index:
    """The index that a client asks for. `BadRequest`, `BadSelector`, `NotSupported` if it is of another type."""
    if body.get("type", "json") != "json":
        raise NotSupported(f"indexes of the type {str(body['type'])[:40]!r} are not offered", hint="Use json.")
    definition = body.get("index", body.get("def"))
    fields = definition.get("fields") if isinstance(definition, dict) else None
    if not isinstance(definition, dict) or not isinstance(fields, list) or not fields:
        raise BadRequest("`index` is an object with a list of `fields`")
    partial = definition.get("partial_filter_selector", body.get("partial_filter_selector")) or {}
    compile_selector(partial)
    settled = [_field(field) for field in fields]
    digest = hashlib.sha256(canonical([settled, partial])).hexdigest()[:40]
    design, name = body.get("ddoc", digest), body.get("name", digest)
    if not all(isinstance(text, str) and text for text in (design, name)):
        raise BadRequest("`ddoc` and `name` are texts")
    design = writing.checked_unid(DESIGN + design.removeprefix(DESIGN))
    return Index(design, name, settled, partial)


def _field(field: Json) -> dict[str, str]:
    if isinstance(field, str) and field:
        return {field: "asc"}
    if isinstance(field, dict) and len(field) == 1 and next(iter(field.values())) in ("asc", "desc"):
        return dict(field)
    raise BadRequest(f"{str(field)[:80]!r} is no item name and direction")


def defined(design: str, items: dict[str, Json]) -> Iterator[Index]:
    """The indexes in a design document, wherever it came from; what is no index is passed over."""
    if items.get("language") != "query":
        return
    for name, view in views_of(items).items():
        options = view.get("options") if isinstance(view, dict) else None
        definition = options.get("def") if isinstance(options, dict) else None
        fields = definition.get("fields") if isinstance(definition, dict) else None
        if not isinstance(definition, dict) or not isinstance(fields, list):
            continue
        try:
            settled = [_field(field) for field in fields]
        except BadRequest:
            continue
        partial = definition.get("partial_filter_selector")
        yield Index(design, name, settled, partial if isinstance(partial, dict) else {})


def views_of(items: dict[str, Json]) -> dict[str, Json]:
    """The views of a design document."""
    views = items.get("views")
    return views if isinstance(views, dict) else {}
