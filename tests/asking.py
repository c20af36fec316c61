"""Asking a server as programs do: over a socket, with every answer's status at hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from tests.servers import serving


class Answer(NamedTuple):
    """A status and what came with it, read as JSON where it is."""

    status: int
    body: Any
    headers: httpx2.Headers

    @property
    def error(self) -> tuple[int, str, str]:
        """Status, word and reason."""
        return self.status, self.body["error"], self.body["reason"]


class Database:
    """One database on a server."""

    def __init__(self, client: httpx2.Client, name: str, path: Path) -> None:
        self.client, self.name, self.path = client, name, path

    def ask(self, method: str, path: str, value: Any = None, *, content: bytes | None = None, **headers: str) -> Answer:
        """What the server says to a request below the database; underscores in header names are dashes."""
        sent = {"Accept": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
        if content is not None or value is not None or method == "POST":
            sent.setdefault("Content-Type", "application/json")
            content = json.dumps(value).encode() if content is None else content
        answer = self.client.request(method, f"/{self.name}{path}", content=content, headers=sent)
        text = answer.text
        is_json = answer.headers.get("content-type", "").startswith("application/json") and text
        return Answer(answer.status_code, json.loads(text) if is_json else text, answer.headers)

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def put(self, path: str, value: Any, **headers: str) -> Answer:
        return self.ask("PUT", path, value, **headers)

    def post(self, path: str, value: Any, **headers: str) -> Answer:
        return self.ask("POST", path, value, **headers)

    def delete(self, path: str, **headers: str) -> Answer:
        return self.ask("DELETE", path, **headers)

    def saved(self, unid: str, value: Any) -> str:
        """Save a document that must be taken; its revision."""
        answer = self.put(f"/{unid}", value)
        assert answer.status in (200, 201), answer
        return str(answer.body["rev"])

    def pushed(self, *documents: Any) -> list[Any]:
        """Take in revisions made elsewhere; what was refused."""
        answer = self.post("/_bulk_docs", {"docs": documents, "new_edits": False})
        assert 201 == answer.status, answer
        refused: list[Any] = answer.body
        return refused

    def leaves(self, unid: str) -> list[tuple[str, bool]]:
        """The leaves as CouchDB's clients see them, sorted; which are deleted."""
        answer = self.get(f"/{unid}?open_revs=all")
        assert 200 == answer.status, answer
        return sorted((row["ok"]["_rev"], row["ok"].get("_deleted", False)) for row in answer.body)


class House:
    """A server, and new databases in it."""

    def __init__(self, folder: Path, client: httpx2.Client) -> None:
        self.folder, self.client = folder, client
        self._number = 0

    def database(self) -> Database:
        self._number += 1
        name = f"db{self._number}"
        assert 201 == self.client.put(f"/{name}").status_code
        return Database(self.client, name, self.folder / f"{name}.db")


@contextmanager
def house(folder: Path, **options: Any) -> Iterator[House]:
    """A server for as long as the block takes."""
    with serving(folder, **options) as url, httpx2.Client(base_url=url, timeout=60, trust_env=False) as client:
        yield House(folder, client)


def revision(unid: str, rev: str, *above: str, **items: Any) -> dict[str, Any]:
    """A document as a replicator pushes it: `rev` is like ``3-c``, `above` the texts of its ancestors, newest first."""
    number, _, text = rev.partition("-")
    return {"_id": unid, "_rev": rev, "_revisions": {"start": int(number), "ids": [text, *above]}, **items}
