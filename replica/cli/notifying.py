"""Telling systemd how a service is doing: sd_notify(3), a line or two in a datagram."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def notify(*lines: str) -> None:
    """Tell whoever started this as a service of the type `notify`; nobody, if nobody wants to know."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    address = f"\0{path[1:]}" if path.startswith("@") else path
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as there:
        there.connect(address)
        there.send("\n".join(lines).encode())


def watchdog_s() -> float | None:
    """Within how many seconds a sign of life is expected, again and again; None if none is."""
    wanted, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", str(os.getpid()))
    return int(wanted) / 1e6 if wanted.isdigit() and int(wanted) and pid == str(os.getpid()) else None
