"""A server in a process of its own, as it comes, and what it has used of memory and processor."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from http_plan import POUCHDB_SERVER
from lanes import PEERS, Failed
from machine import ROOT
from plan import OURS

START_S = 30
LOG = "log.txt"


class Server:
    """A running server."""

    def __init__(self, process: subprocess.Popen[bytes], url: str) -> None:
        self.url = url
        self._process = process

    def used(self) -> dict[str, Any]:
        """The most memory it has held so far and its processor seconds; nothing where the system does not tell."""
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text()
            times = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return {}
        peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
        seconds = (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")
        return {"server_peak_bytes": int(peak) * 1024, "server_cpu_seconds": seconds}

    def make(self, path: str) -> None:
        """Make an empty database."""
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}{path}", method="PUT")) as answer:
            answer.read()

    def show(self, user: str) -> None:
        """Let it prove a password, which it remembers."""
        proof = base64.b64encode(user.encode()).decode()
        request = urllib.request.Request(f"{self.url}/_all_dbs", headers={"Authorization": f"Basic {proof}"})
        with urllib.request.urlopen(request) as answer:
            answer.read()


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def command(kind: str, port: int) -> list[str]:
    """How the server is started, in the folder of its databases."""
    return {
        OURS: [str(Path(sys.executable).parent / "replicate"), "serve", "--data", ".", "--port", str(port)],
        POUCHDB_SERVER: [
            "node",
            str(PEERS / "node_modules" / "pouchdb-server" / "bin" / "pouchdb-server"),
            *("--port", str(port), "--host", "127.0.0.1", "--dir", ".", "--no-color", "--no-stdout-logs"),
        ],
    }[kind]


@contextmanager
def running(kind: str, folder: Path, port: int) -> Iterator[Server]:
    """The server of that kind, as long as the block lasts."""
    log = folder.parent / LOG
    with log.open("ab") as out:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command(kind, port), cwd=folder, env=environment, stdout=out, stderr=out)
    try:
        server = Server(process, f"http://127.0.0.1:{port}")
        _wait(server, process, log)
        yield server
    finally:
        process.terminate()
        process.wait()


def _wait(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until it answers."""
    end = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(server.url) as answer:
                json.load(answer)
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    raise Failed(f"{process.args!r} does not start\n{log.read_text()}")
