"""Documents, as programs see them. Values, no I/O."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from replica.canonical import Json, canonical, check, parse
from replica.errors import BadDocument, NotSupported
from replica.leaf import Leaf
from replica.revision import Revision

UNID_MAX = 4096  # bytes


def check_unid(unid: object) -> str:
    """`unid` itself, or `BadDocument`: empty, longer than 4,096 bytes, holding NUL, or led by `_` (`_design/…` excepted)."""
    if not isinstance(unid, str):
        raise BadDocument(f"a UNID is a text, not {type(unid).__name__}")
    problem = _unid_problem(unid)
    if problem:
        raise BadDocument(f"the UNID {unid[:80]!r} {problem}")
    return unid


def _unid_problem(unid: str) -> str | None:
    if not unid:
        return "is empty"
    if "\0" in unid:
        return "holds a NUL character"
    if unid.startswith("_") and not (unid.startswith("_design/") and len(unid) > len("_design/")):
        return "begins with `_`"
    try:
        size = len(unid.encode())
    except UnicodeEncodeError:
        return "holds a lone surrogate"
    return f"is longer than {UNID_MAX} bytes" if size > UNID_MAX else None


def check_items(items: object) -> bytes:
    """The canonical bytes of `items`, or `BadDocument`."""
    if not isinstance(items, dict):
        raise BadDocument(f"a document is an object, not {type(items).__name__}")
    check(items)
    return canonical_items(items)


def canonical_items(items: dict[str, Json]) -> bytes:
    """The canonical bytes of parsed `items`, or `BadDocument` if a name begins with `_`."""
    _check_names(items)
    return canonical(items)


def _check_names(items: dict[str, Json]) -> None:
    for name in items:
        if name[:1] == "_":
            raise BadDocument(
                f"the item name {name!r} begins with `_`",
                hint="Such names are reserved. In Python, the UNID is given as unid=, or `_id` to Document.from_json.",
            )


class Document:
    """A document as programs see it: a UNID, a revision, and `items`, a plain dict that is yours to change.

    ``doc["Total"] = 8`` changes this object only; `Replica.put` saves it as the next revision. Iterating gives the item
    names. `revision` is None before the first save. A document with `conflict` set is a losing version of another.
    """

    __slots__ = ("_extra", "_items", "_leaf", "conflict", "deleted", "revision", "sequence_time", "unid")

    def __init__(
        self,
        items: dict[str, Json] | None = None,
        *,
        unid: str | None = None,
        revision: str | None = None,
        deleted: bool = False,
        conflict: bool = False,
        sequence_time: datetime | None = None,
    ) -> None:
        self._items = {} if items is None else items
        self._leaf: Leaf | None = None  # where the items are until somebody asks for them
        self._extra: dict[str, Json] = {}
        self.unid = unid
        self.revision = revision
        self.deleted = deleted
        self.conflict = conflict
        self.sequence_time = sequence_time

    @classmethod
    def of(cls, leaf: Leaf, *, unid: str | None = None, extra: dict[str, Json] | None = None) -> Document:
        """What a leaf shows: under its own UNID, or as a conflict document with another one and `extra` items."""
        time = leaf.revision.time if leaf.verified else None
        document = cls(
            unid=unid or leaf.unid,
            revision=str(leaf.revision),
            deleted=leaf.deleted,
            conflict=unid is not None,
            sequence_time=time,
        )
        document._leaf, document._extra = leaf, extra or {}
        return document

    @property
    def items(self) -> dict[str, Json]:
        """The items by name."""
        if self._leaf is not None:
            self._items, self._leaf = self._leaf.items | self._extra, None
        return self._items

    @items.setter
    def items(self, items: dict[str, Json]) -> None:
        self._items, self._leaf = items, None

    @property
    def sequence(self) -> int:
        """How often the document was saved: the number in front of its revision; 0 before the first save."""
        return Revision.parse(self.revision).number if self.revision else 0

    def __getitem__(self, name: str) -> Any:
        return self.items[name]

    def __setitem__(self, name: str, value: Json) -> None:
        self.items[name] = value

    def __delitem__(self, name: str) -> None:
        del self.items[name]

    def __contains__(self, name: object) -> bool:
        return name in self.items

    def __iter__(self) -> Iterator[str]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __bool__(self) -> bool:
        return True

    def get(self, name: str, default: Any = None) -> Any:
        """The value of an item, or `default`."""
        return self.items.get(name, default)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Document):
            return NotImplemented
        return self.unid == other.unid and self.revision == other.revision and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        self.items  # noqa: B018 - read now: what is pickled is the document, not how it is stored
        return None, {name: getattr(self, name) for name in self.__slots__}

    def __repr__(self) -> str:
        shown = "".join(f", {word}=True" for word in ("deleted", "conflict") if getattr(self, word))
        return f"Document({self.items!r}, unid={self.unid!r}, revision={self.revision!r}{shown})"

    def to_json(self) -> str:
        """One JSON object on one line: `_id`, `_rev`, `_deleted` if it is, then the items by name."""
        head: dict[str, Json] = {}
        if self.unid is not None:
            head["_id"] = self.unid
        if self.revision is not None:
            head["_rev"] = self.revision
        if self.deleted:
            head["_deleted"] = True
        parts = [f'"{name}":{canonical(value).decode()}' for name, value in head.items()]
        body = check_items(self.items) if self._leaf is None or self._extra else self._leaf.intact_body
        items = body.decode()[1:-1]
        return "{" + ",".join([*parts, items] if items else parts) + "}"

    @classmethod
    def from_json(cls, text: str | bytes) -> Document:
        """The document in a JSON object with `_id`, `_rev` and `_deleted`, all optional; `BadDocument` if it is none.

        `NotSupported` if it has `_attachments`.
        """
        value = parse(text)
        if not isinstance(value, dict):
            raise BadDocument("a document is a JSON object")
        unid, revision, deleted = value.pop("_id", None), value.pop("_rev", None), value.pop("_deleted", False)
        if unid is not None:
            check_unid(unid)
        if revision is not None:
            revision = str(Revision.parse(revision))
        if not isinstance(deleted, bool):
            raise BadDocument("`_deleted` is true or false")
        if value.pop("_attachments", None):
            raise NotSupported("attachments are not offered yet")
        _check_names(value)
        return cls(value, unid=unid, revision=revision, deleted=deleted)
