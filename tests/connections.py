"""A machine with a configuration: `Site` writes it, runs the command with it, and reads the log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import replica
from tests.servers import serving
from tests.system.command import Outcome, run

Table = Mapping[str, Any]


class Site:
    """A folder with databases, `replica.toml` and the log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "replica.toml"
        self.log = folder / "state" / "log.db"

    def write(self, *connections: Table, head: str = 'log = "state/log.db"') -> None:
        """The configuration: these connections, with `here` and `peer` unless they say otherwise."""
        lines = [head]
        for table in connections:
            lines += ["", "[[connection]]"]
            said = {"here": "laptop.db", "peer": "hub.db", **table}
            lines += [f"{key.replace('_', '-')} = {_toml(value)}" for key, value in said.items()]
        self.file.write_text("\n".join([*lines, ""]), encoding="utf-8")

    def run(self, *words: object, **variables: str) -> Outcome:
        """A command with this configuration."""
        return run("--config", self.file, *words, **variables)

    def done(self, *words: object, **variables: str) -> Outcome:
        """A command that must work."""
        outcome = self.run(*words, **variables)
        assert 0 == outcome.code, outcome.err
        return outcome

    def records(self, kind: str = "run") -> list[dict[str, Any]]:
        """What is in the log, the oldest first."""
        if not self.log.exists():
            return []
        with replica.open(self.log) as log:
            return [document.items for document in log.documents() if document["type"] == kind]

    def outcomes(self) -> list[str]:
        """What became of the runs that are in the log."""
        return [record["outcome"] for record in self.records()]

    def pair(self) -> None:
        """Make `hub.db`, and `laptop.db` as its replica; each has a document that the other has not."""
        with replica.create(self.folder / "hub.db", title="Orders") as hub:
            hub.put({"n": 0}, unid="both")
            with hub.copy(self.folder / "laptop.db") as laptop:
                hub.put({"n": 1}, unid="from hub")
                laptop.put({"n": 2}, unid="from laptop")

    def count(self, name: str) -> int:
        """How many documents a database has."""
        with replica.open(self.folder / name) as db:
            return len(db)


@contextmanager
def behind_a_server(site: Site) -> Iterator[str]:
    """A server of the databases in the folder `data`, where `hub.db` is the other replica from now on."""
    data = site.folder / "data"
    data.mkdir()
    (site.folder / "hub.db").rename(data / "hub.db")
    with serving(data) as url:
        yield url


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + "}"
    return json.dumps(str(value) if isinstance(value, Path) else value)
