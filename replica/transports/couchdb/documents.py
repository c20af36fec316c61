"""Documents out of a CouchDB: many together with `_bulk_get`, or one by one where a server does not have that."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from replica import couchdb
from replica.canonical import parse
from replica.engine.peer import Fetched
from replica.errors import BadDocument, BadRequest, NotAllowed, NotFound, NotSupported, Refused, ReplicaError, TooLarge
from replica.leaf import Leaf
from replica.revision import Revision
from replica.tally import Failure
from replica.transports.couchdb.words import CODES, JSON, path_of, understand
from replica.transports.web import Web, read_bounded

ENOUGH = 8 * 2**20  # bytes of documents that are handed over together
MOST = 32 * 2**20  # bytes of an answer; a document alone that is larger is refused
AIM = 2 * 2**20  # bytes of an answer, on the average
COUNT = 500  # documents in one question, at most

_Wanted = Sequence[tuple[str, Revision]]
_Answered = bytes | str | None  # a document, the code of an error, or nothing


class Found(msgspec.Struct):
    """One revision in an answer: the document, or what is wrong."""

    ok: msgspec.Raw = msgspec.Raw()
    error: Any = None


class Result(msgspec.Struct):
    """What was found of one question."""

    docs: list[Found]


class Answer(msgspec.Struct):
    """The answer of `_bulk_get`."""

    results: list[Result]


class Documents:
    """Reads documents, as many in one question as experience says. `texts`: of the foreign revisions in the last ones."""

    def __init__(self, web: Web) -> None:
        self.texts: dict[bytes, str] = {}
        self._web = web
        self._many = True
        self._count = 100

    def fetch(self, wanted: _Wanted) -> Fetched:
        """The first of these leaves, until it is enough; those that are not there are left out."""
        leaves: list[Leaf] = []
        refused: list[Failure] = []
        self.texts = {}
        at = size = 0
        while at < len(wanted) and size < ENOUGH:
            asked = wanted[at : at + self._count]
            answer = self._ask(asked)
            if answer is None:
                continue
            at += len(asked)
            for (unid, revision), found in zip(asked, answer, strict=True):
                size += len(found or "")
                each = None if found is None else self._read(unid, revision, found)
                if isinstance(each, Leaf):
                    leaves.append(each)
                elif each is not None:
                    refused.append(Failure(unid, str(revision), each))
        return Fetched(leaves, tuple(refused), len(wanted) - at)

    def _read(self, unid: str, revision: Revision, found: bytes | str) -> Leaf | str:
        """The leaf that was answered, or the code of what is wrong with it."""
        if isinstance(found, str):
            return found
        try:
            leaf, texts = couchdb.from_json(parse(found))
        except ReplicaError as error:
            return error.code
        if (leaf.unid, leaf.revision) != (unid, revision):
            return BadDocument.code
        self.texts |= texts
        return leaf

    def _ask(self, asked: _Wanted) -> list[_Answered] | None:
        """What there is, in the order of the question; None if it was too much, or must be asked for otherwise."""
        if not self._many:
            return [self._single(unid, revision) for unid, revision in asked]
        docs = [{"id": unid, "rev": str(revision)} for unid, revision in asked]
        try:
            text = self._bounded(docs)
        except (NotFound, NotSupported, BadRequest, NotAllowed):
            self._many = False
            return None
        if text is None:
            if len(asked) == 1:
                return [TooLarge.code]
            self._count = len(asked) // 2
            return None
        self._count = max(1, min(COUNT, 2 * len(asked), len(asked) * AIM // (len(text) + 1)))
        answer = understand(self._web, text, Answer).results
        if len(answer) != len(asked):
            self._many = False
            return None
        return [_first(result.docs) for result in answer]

    def _bounded(self, docs: list[dict[str, str]]) -> bytes | None:
        """The answer of `_bulk_get`, or None if it is too long."""
        content = msgspec.json.encode({"docs": docs})
        params = {"revs": "true", "latest": "false"}
        return self._read_bounded("POST", "_bulk_get", content=content, params=params)

    def _single(self, unid: str, revision: Revision) -> _Answered:
        params = {"revs": "true", "open_revs": json.dumps([str(revision)])}
        try:
            text = self._read_bounded("GET", path_of(unid), params=params)
        except NotFound:
            return None
        except BadDocument as error:
            return error.code
        return TooLarge.code if text is None else _first(understand(self._web, text, list[Found]))

    def _read_bounded(
        self, method: str, path: str, *, params: Mapping[str, str], content: bytes | None = None
    ) -> bytes | None:
        """The answer, or None if it is too long; patiently, as its end may get lost like that of any other."""

        def attempt() -> bytes | None:
            with self._web.stream(method, path, content=content, headers=JSON, params=params) as response:
                return read_bounded(response, self._web.address, MOST)

        return self._web.patiently(attempt)


def _first(found: list[Found]) -> _Answered:
    """The document; nothing if it is not there any more; else a code, so that nobody takes it for gone."""
    for each in found:
        document = bytes(each.ok)
        if document:
            return document
        word = each.error.get("error") if isinstance(each.error, dict) else each.error
        if word not in (None, "not_found", "missing"):
            return CODES.get(str(word), Refused.code)
    return None
