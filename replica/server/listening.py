"""The socket of a server: where it may listen, and what is wrong if it cannot. Everything is refused before it starts."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import stat
from contextlib import suppress

from replica.errors import BadSettings, Busy, DiskError, Exists, NotAllowed, ReplicaError

BACKLOG = 1024
PORT_MAX = 65_535
_TAKEN = "Choose another one, or stop the program that has it."


def listen_on(host: str, port: int, *, anywhere: bool) -> socket.socket:
    """A socket that listens on an address; 0 is any free port. `Busy` if it is in use.

    `NotAllowed` if others can reach it, unless it may be `anywhere`.
    """
    if port > PORT_MAX:
        raise BadSettings(f"{port} is not a port", hint=f"Ports are 0 to {PORT_MAX}.")
    family, address = _resolved(host, port)
    if not anywhere and not is_loopback(address):
        raise NotAllowed(
            f"{host} can be reached from other machines, and there is no administrator",
            hint="Make one with `replicate user add NAME --data DIR --admin`, or serve on 127.0.0.1.",
        )
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return _listening(listener, address, url_of(family, address))


def listen_at(path: str) -> socket.socket:
    """A Unix socket. What a server that was killed left there is replaced; nothing else is. `Busy` if one listens there."""
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise Exists(f"{path} is there, and is not a socket")
        _remove_stale(path)
    return _listening(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), path, path)


def url_of(family: int, address: tuple[str | int, ...], scheme: str = "http") -> str:
    """The URL of an Internet address."""
    host, port, *_ = address
    return f"{scheme}://[{host}]:{port}" if family == socket.AF_INET6 else f"{scheme}://{host}:{port}"


def is_loopback(address: tuple[str | int, ...]) -> bool:
    """Whether an Internet address is reached from this machine only."""
    return ipaddress.ip_address(address[0]).is_loopback


def _resolved(host: str, port: int) -> tuple[int, tuple[str, int]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise BadSettings(f"{host!r} is not an address of this machine", hint="Use --host 127.0.0.1.") from error
    family, _, _, _, address = found[0]
    return family, address  # type: ignore[return-value]


def _remove_stale(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except PermissionError as error:
            raise NotAllowed(f"{path}: {error.strerror}", hint="Choose a path of your own.") from error
        else:
            raise Busy(f"{path} is in use by another server", hint=_TAKEN)


def _listening(listener: socket.socket, address: tuple[str, int] | str, name: str) -> socket.socket:
    try:
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _complaint(error, name) from error
    listener.setblocking(False)
    return listener


def _complaint(error: OSError, name: str) -> ReplicaError:
    if error.errno is None:
        return BadSettings(f"{name}: {error}", hint="The paths of sockets have up to 100 characters.")
    if error.errno == errno.EADDRINUSE:
        return Busy(f"{name} is in use by another program", hint=_TAKEN)
    if error.errno in (errno.EACCES, errno.EPERM):
        return NotAllowed(f"{name}: {error.strerror}", hint="Choose a port from 1024, or a folder that is yours.")
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EADDRNOTAVAIL):
        return BadSettings(f"{name}: {error.strerror}", hint="Make the folder, or use an address of this machine.")
    return DiskError(f"{name}: {error.strerror}")
