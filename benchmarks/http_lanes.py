"""Databases of clients and servers for the measurements over HTTP, and running them: both ends are processes of their own."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from http_plan import EMPTY, HUB, LANES, NATIVE, OTHERS, POUCHDB_SERVER, REQUESTS, Lane
from lanes import HERE, Outcome, checked, run
from lanes import command as file_command
from plan import CORPUS, OURS, POUCHDB, Measurement
from relay import Relay
from servers import Server, free_port, running

SCRIPTS = {OURS: "ours_http.py", REQUESTS: "singles.py"}


def client(lane: Lane) -> list[str]:
    """How the lane's client is called."""
    return file_command(POUCHDB) if lane.client == POUCHDB else [sys.executable, str(HERE / SCRIPTS[lane.client])]


class HTTPWorkplace:
    """As `Workplace`, for both ends. A kind of server always has the same address: replications are remembered by it."""

    def __init__(self, work: Path, lanes: Mapping[str, Lane] = LANES) -> None:
        self.work = work
        self._lanes = lanes
        self.place = work / "place"
        self._ports = {kind: free_port() for kind in (OURS, POUCHDB_SERVER)}
        self._counted: dict[str, dict[str, int]] = {}

    def prepare(self, name: str) -> None:
        """Make the lane's databases at both ends, and put them aside."""
        lane = self._lanes[name]
        theirs = self._made(POUCHDB if lane.server == POUCHDB_SERVER else OURS)
        ours = self._made(POUCHDB if lane.client == POUCHDB else OURS)
        shutil.copytree(theirs / "server", self.place / "server")
        shutil.copytree(ours / "client", self.place / "client")
        if lane.client != REQUESTS:
            with self._serving(lane):
                self._client(lane, ("sync", "b", HUB))
        self.place.rename(self.work / name)

    def _made(self, kind: str) -> Path:
        """What the lanes of a kind begin with, made by the first of them."""
        made = self.work / f"made-{kind}"
        if not made.is_dir():
            for end in ("server", "client"):
                (self.place / end).mkdir(parents=True)
            corpus = str(self.work / CORPUS)
            if kind == OURS:
                run([*client(NATIVE), "prepare", corpus, "server", "client"], self.place)
            else:
                run([*client(OTHERS), "import", corpus, "a"], self.place / "client")
                with self._serving(OTHERS):
                    self._client(OTHERS, ("replicate", "a", HUB))
            self.place.rename(made)
        return made

    def measure(self, measurement: Measurement) -> Outcome:
        """One run of one measurement, on fresh databases. Before the first, one more for what goes over the wire."""
        if measurement.key not in self._counted:
            self._counted[measurement.key] = self._count(measurement)
        lane = self._fresh(measurement)
        with self._serving(lane) as server:
            before = server.used()
            outcome = self._asked(lane, server, measurement)
            used = server.used()
        if used:
            used["server_cpu_seconds"] -= before["server_cpu_seconds"]
        return {**outcome, **used, **self._counted[measurement.key]}

    def _count(self, measurement: Measurement) -> dict[str, int]:
        lane = self._fresh(measurement)
        hidden = free_port()
        at = self.place / "server"
        with running(lane.server, at, hidden) as server, Relay(self._ports[lane.server], hidden) as relay:
            self._asked(lane, server, measurement)
        return {"sent_bytes": relay.sent, "received_bytes": relay.received, "round_trips": relay.round_trips}

    def _asked(self, lane: Lane, server: Server, measurement: Measurement) -> Outcome:
        if lane.server == POUCHDB_SERVER and EMPTY in measurement.command:
            server.make(EMPTY)  # now: it forgets what it was asked for just before it ended
        if lane.user:
            server.show(lane.user)
        return checked(measurement, self._client(lane, measurement.command))

    def _fresh(self, measurement: Measurement) -> Lane:
        lane = self._lanes[measurement.lane]
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(self.work / lane.name, self.place)
        for edit in measurement.edits:
            self._edit(lane, edit.where, str(edit.count), edit.tag)
        return lane

    def _edit(self, lane: Lane, where: str, *rest: str) -> None:
        """By the server's own kind of program: at files of ours, at the address of another."""
        if lane.server == OURS:
            run([*file_command(OURS), "edit", f"{where[1:]}.db", *rest], self.place / "server")
            return
        with self._serving(lane) as server:
            run([*file_command(POUCHDB), "edit", f"{server.url}{where}", *rest], self.place)

    @contextmanager
    def _serving(self, lane: Lane) -> Iterator[Server]:
        with running(lane.server, self.place / "server", self._ports[lane.server]) as server:
            yield server

    def _client(self, lane: Lane, words: tuple[str, ...]) -> Outcome:
        """What the client has to say; databases of the server by their addresses."""
        who = f"{lane.user}@" if lane.user else ""
        url = f"{lane.scheme}http://{who}127.0.0.1:{self._ports[lane.server]}"
        said = [f"{url}{word}" if word in (HUB, EMPTY) else word for word in words]
        return run([*client(lane), *said], self.place / "client")
