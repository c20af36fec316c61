"""Any replica's file behind a server, for as long as it takes: one server for all tests of a process."""

from __future__ import annotations

import atexit
import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache

import httpx2

from replica.transports.address import Address
from replica.transports.http import HTTPPeer
from replica.transports.web import Web
from tests.servers import serving

_numbers = itertools.count()


@cache
def _server() -> tuple[str, str, httpx2.Client]:
    """The served folder, its address, and connections to it."""
    stack = ExitStack()
    atexit.register(stack.close)
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="replica-served-"))
    url = stack.enter_context(serving(folder))
    return folder, url, stack.enter_context(httpx2.Client(timeout=60, trust_env=False))


@contextmanager
def behind_http(path: str) -> Iterator[HTTPPeer]:
    """The replica in the file at `path`, over HTTP; the server has closed the file when the block ends."""
    folder, url, client = _server()
    name = f"r{next(_numbers)}"
    os.symlink(path, os.path.join(folder, f"{name}.db"))
    web = Web(Address(f"{url}/{name}"), client)
    try:
        yield HTTPPeer(web)
    finally:
        web.call("DELETE")
