"""A real server that speaks CouchDB's protocol and is not ours: `pouchdb-server` from npm, on a free port."""

from __future__ import annotations

import itertools
import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.needs import need, need_packages
from tests.servers import serving

_client = httpx2.Client(timeout=60, trust_env=False)
_numbers = itertools.count()
FORCED = "couchdb+"


class CouchDB:
    """A running server. `make` gives a new database's address; `ask` speaks to one without any code of ours.

    `force`: what goes before an address of a server of ours, that it is spoken to as if it were none.
    """

    def __init__(self, url: str, force: str = "") -> None:
        self.url = url
        self._force = force

    def make(self, name: str = "") -> str:
        """The address of a new, empty database."""
        address = f"{self.url}/{name or f'db{next(_numbers)}'}"
        assert 201 == _client.put(address).status_code
        return f"{self._force}{address}"

    @staticmethod
    def ask(address: str, method: str = "GET", value: Any = None, **params: str) -> Any:
        """The JSON that is answered."""
        return _client.request(method, address.removeprefix(FORCED), json=value, params=params).json()

    @staticmethod
    def fill(address: str, documents: list[dict[str, Any]]) -> None:
        """Let the server save many documents."""
        for saved in CouchDB.ask(f"{address}/_bulk_docs", "POST", {"docs": documents}):
            assert saved["ok"]

    @staticmethod
    def leaves(address: str) -> dict[str, set[tuple[str, bool, str]]]:
        """All leaves by UNID, as the server tells them: revision, deleted, and the items as JSON."""
        feed = CouchDB.ask(f"{address}/_changes", style="all_docs")["results"]
        found: dict[str, set[tuple[str, bool, str]]] = {row["id"]: set() for row in feed}
        asked = [{"id": row["id"], "rev": each["rev"]} for row in feed for each in row["changes"]]
        for result in CouchDB.ask(f"{address}/_bulk_get", "POST", {"docs": asked})["results"]:
            (document,) = (each["ok"] for each in result["docs"])
            items = {name: value for name, value in document.items() if name[:1] != "_"}
            leaf = (document["_rev"], document.get("_deleted", False), json.dumps(items, sort_keys=True))
            found[result["id"]].add(leaf)
        return found


@contextmanager
def running(folder: Path, port: int = 0, in_memory: bool = True) -> Iterator[CouchDB]:
    """A server as long as the block lasts; its data, if they are not in memory only, are in `folder`."""
    program = need_packages("pouchdb-server") / "node_modules" / "pouchdb-server" / "bin" / "pouchdb-server"
    port = port or _free_port()
    words = [
        need("node"),
        str(program),
        "-p",
        str(port),
        "-o",
        "127.0.0.1",
        "--no-color",
        *(["-m"] if in_memory else []),
    ]
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            said = []
            for line in process.stdout:
                said.append(line)
                if "has started on" in line:
                    break
            else:
                raise AssertionError("the server did not start:\n" + "".join(said))
            threading.Thread(target=process.stdout.read, daemon=True).start()  # a full pipe would stop it
            yield CouchDB(f"http://127.0.0.1:{port}")
        finally:
            process.kill()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(scope="session")
def couchdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CouchDB]:
    """One server that is not ours, in memory, for all tests of a process."""
    with running(tmp_path_factory.mktemp("couchdb")) as server:
        yield server


@pytest.fixture(scope="session")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CouchDB]:
    """Our own server, which speaks the same protocol."""
    with serving(tmp_path_factory.mktemp("own")) as url:
        yield CouchDB(url, FORCED)


@pytest.fixture(params=["couchdb", "own"])
def server(request: pytest.FixtureRequest) -> CouchDB:
    """Each of the two in turn."""
    found: CouchDB = request.getfixturevalue(request.param)
    return found
