"""Questions to a CouchDB and its answers, in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from replica.errors import BadDocument, NotAllowed, NotAuthenticated, TooLarge, TransportError
from replica.transports.web import Web

T = TypeVar("T")

CODES = {  # what servers say of single documents, as codes of ours
    "forbidden": NotAllowed.code,
    "unauthorized": NotAuthenticated.code,
    "too_large": TooLarge.code,
    "document_too_large": TooLarge.code,
    "request_entity_too_large": TooLarge.code,
    "max_document_size": TooLarge.code,
    "bad_request": BadDocument.code,
    "doc_validation": BadDocument.code,
    "illegal_docid": BadDocument.code,
    "invalid_design_doc": BadDocument.code,
}

JSON = {"Content-Type": "application/json", "Accept": "application/json"}


def ask(
    web: Web,
    path: str,
    kind: type[T],
    value: Any = None,
    *,
    method: str | None = None,
    params: Mapping[str, str] = MappingProxyType({}),
    timeout: float | None = None,
) -> T:
    """The answer to a GET, or to a POST of `value`. `TransportError` if it is not what CouchDB answers."""
    content = None if value is None else msgspec.json.encode(value)
    method = method or ("GET" if value is None else "POST")
    answer = web.call(method, path, content=content, headers=JSON, params=params, timeout=timeout)
    return understand(web, answer, kind)


def understand(web: Web, answer: bytes, kind: type[T]) -> T:
    """What an answer says."""
    try:
        return msgspec.json.decode(answer, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        hint = "Check the address: it names a database, as in https://host/database."
        raise TransportError(f"{web.address} does not answer as CouchDB does: {error}", hint=hint) from error


def path_of(unid: str) -> str:
    """Where a document is, below its database. `BadDocument` for a UNID that would lead out of it on the way."""
    parts = unid.split("/", 1) if unid[:1] == "_" else [unid]
    if not {".", ".."}.isdisjoint(parts):
        raise BadDocument(f"the document {unid!r} cannot be asked for by name: on its way the name is taken for a path")
    return "/".join(quote(part, safe="") for part in parts)


def seq_text(seq: Any) -> str:
    """A sequence as it is handed back: the text itself; of a number, or an old server's list, its JSON."""
    return seq if isinstance(seq, str) else msgspec.json.encode(seq).decode()


def seq_number(seq: Any) -> int:
    """The number in front of a sequence: about how many changes there were. Nothing but progress may depend on it."""
    first = seq[0] if isinstance(seq, list) and seq else seq
    digits = str(first).partition("-")[0]
    return int(digits) if digits.isdecimal() and len(digits) < 18 else 0
