"""`replicate serve` in a process of its own, and requests to it byte by byte."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from tests.system.command import spawn

TIMEOUT_S = 60


class Reply(NamedTuple):
    """An answer: 0 is the status if the connection was closed without one."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Served:
    """A server process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        assert process.stderr is not None
        self.first = process.stderr.readline().decode()
        self._log: list[bytes] = []
        self._reader = threading.Thread(target=self._read, args=(process.stderr,), daemon=True)
        self._reader.start()
        found = re.search(r"https?://(\S+):(\d+)", self.first)
        self.address = (found[1].strip("[]"), int(found[2])) if found else ("", 0)

    def _read(self, stderr: Any) -> None:
        self._log += iter(stderr.readline, b"")

    @property
    def log(self) -> str:
        """What it wrote on standard error after the ready line; complete once it has ended."""
        if self.process.poll() is not None:
            self._reader.join(TIMEOUT_S)
        return b"".join(self._log).decode()

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, TIMEOUT_S)

    def exchange(self, *pieces: bytes, answers: int = 1) -> list[Reply]:
        """Send these bytes on one connection, whether or not they are taken; the answers."""
        with self.connect() as connection:
            return exchange(connection, pieces, answers)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """One request as it should be."""
        (reply,) = self.exchange(request(method, path, body, **headers))
        return reply

    def memory_bytes(self, name: str) -> int:
        """`VmRSS` or `VmHWM` of the process, on Linux."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"{name}:\s+(\d+) kB", text)
        assert found is not None
        return int(found[1]) * 1024

    def forget_peak(self) -> None:
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(TIMEOUT_S)


@contextmanager
def server_process(folder: Path | str, *flags: object) -> Iterator[Served]:
    """A server on a free port (or what the flags say), killed at the end if it still runs."""
    port = () if "--socket" in flags else ("--port", 0)
    process = spawn("serve", "--data", folder, *port, *flags, stdin=subprocess.DEVNULL)
    served = None
    try:
        served = Served(process)
        yield served
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(TIMEOUT_S)
        if served is not None:
            served.log  # read to its end
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


def request(method: str, path: str, body: bytes | None = None, **headers: str) -> bytes:
    """The bytes of a request; a header's `_` stands for `-`."""
    headers = {"Host": "localhost", **headers}
    lines = [f"{method} {path} HTTP/1.1"]
    if body is not None:
        headers = {"Content_Type": "application/json", "Content_Length": str(len(body)), **headers}
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def exchange(connection: socket.socket, pieces: Iterable[bytes], answers: int = 1) -> list[Reply]:
    """Send the pieces from a thread of their own, so that an early answer is read; the answers, fewer if it is closed."""

    def send() -> None:
        with suppress(OSError):  # refused before all was sent
            for piece in pieces:
                connection.sendall(piece)

    sender = threading.Thread(target=send)
    sender.start()
    with connection.makefile("rb") as stream:
        found = []
        for _ in range(answers):
            reply = read_reply(stream)
            if reply is None:
                break
            found.append(reply)
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)  # ends a sender that nobody reads
    sender.join(TIMEOUT_S)
    return found


def read_reply(stream: Any) -> Reply | None:
    """One answer; None if the connection is closed or reset instead."""
    try:
        first = stream.readline()
        if not first:
            return None
        headers = {}
        while (line := stream.readline().decode("latin-1").strip()) != "":
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        status = int(first.split()[1])
        if status == 100:
            return read_reply(stream)
        if headers.get("transfer-encoding") == "chunked":
            return Reply(status, headers, _chunked(stream))
        return Reply(status, headers, stream.read(int(headers.get("content-length", 0))))
    except (ConnectionError, IndexError):
        return None


def _chunked(stream: Any) -> bytes:
    body = b""
    while size := int(stream.readline(), 16):
        body += stream.read(size)
        stream.readline()
    stream.readline()
    return body


def has_proc() -> bool:
    """Whether the memory of another process can be read."""
    return os.path.exists("/proc/self/clear_refs")
