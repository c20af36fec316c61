"""A server with users, and a database in it whose access list is what is tested."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

import replica
from replica.access import Directory
from replica.rights import checked_entry
from replica.transports.network import Network
from tests.servers import serving

LIST = "_design/access"
SCHEMES = ("", "couchdb+")


def entries(**levels: str) -> dict[str, Any]:
    """The items of an access list; `default` is the level of all others."""
    names = {"default": "-default-"}
    return {"entries": [checked_entry(names.get(name, name), level).to_json() for name, level in levels.items()]}


class Hub:
    """A server; `there` is the file of its database, which is opened beside it, and so by somebody who may do everything."""

    def __init__(self, folder: Path, url: str, directory: Directory) -> None:
        self.folder, self.url, self.directory = folder, url, directory
        self.path = folder / "db.db"
        self.tokens: dict[str, str] = {}

    def add(self, *names: str) -> None:
        """Make users."""
        for name in names:
            self.directory.add(name, "x" * 9)

    def token(self, name: str) -> str:
        """A token of a user."""
        if name not in self.tokens:
            self.tokens[name] = self.directory.create_token(name)
        return self.tokens[name]

    def grant(self, **levels: str) -> None:
        """Save the access list beside the server."""
        with replica.open(self.path) as there:
            found = there.get(LIST, None)
            if found is None:
                there.put(entries(**levels), unid=LIST)
            else:
                found.items = entries(**levels)
                there.put(found)

    @contextmanager
    def opened(self, name: str, scheme: str = "") -> Iterator[replica.Replica]:
        """The database over HTTP, as a user."""
        with replica.open(f"{scheme}{self.url}/db", network=Network(token=self.token(name))) as remote:
            yield remote

    def push(self, here: replica.Replica, name: str, scheme: str = "") -> Any:
        """Push as a user; what was done there."""
        report = replica.replicate(here, f"{scheme}{self.url}/db", "push", network=Network(token=self.token(name)))
        assert report.push is not None
        return report.push

    def pull(self, here: replica.Replica, name: str, scheme: str = "") -> Any:
        """Pull as a user."""
        report = replica.replicate(here, f"{scheme}{self.url}/db", "pull", network=Network(token=self.token(name)))
        assert report.pull is not None
        return report.pull

    def ask(self, name: str | None, method: str, path: str, value: Any = None) -> httpx2.Response:
        """What a user is answered; None: nobody who has logged in."""
        headers = {} if name is None else {"Authorization": f"Bearer {self.token(name)}"}
        url = f"{self.url}/db{path}"
        with httpx2.Client(trust_env=False, timeout=60, headers=headers) as client:
            return client.request(method, url) if value is None else client.request(method, url, json=value)

    def refused(self) -> list[tuple[str, str]]:
        """What the database has refused: UNIDs and codes."""
        with replica.open(self.path) as there:
            return [(failure.unid, failure.code) for failure in there.refused()]

    def unids(self) -> set[str]:
        """Its documents."""
        with replica.open(self.path) as there:
            return {document.unid for document in there.documents()}


@contextmanager
def hub(folder: Path, *users: str) -> Iterator[Hub]:
    """A server with an administrator `root`, these users and an empty database."""
    served = folder / "served"
    served.mkdir()
    replica.create(served / "db.db").close()
    directory = Directory(str(served))
    try:
        directory.add("root", "x" * 9, roles=["_admin"])
        with serving(served) as url:
            made = Hub(served, url, directory)
            made.add(*users)
            yield made
    finally:
        directory.close()
