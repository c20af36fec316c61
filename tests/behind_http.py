"""Any replica's file behind a server, for as long as it takes: one web server for all tests of a process."""

from __future__ import annotations

import atexit
import itertools
import os
from collections.abc import Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

import httpx2

from replica.server.app import App, create_app
from replica.transports.address import Address
from replica.transports.http import HTTPPeer
from replica.transports.web import Web
from tests.servers import running

_numbers = itertools.count()


class _Mounted:
    """Applications by the first part of the path; they come and go while it runs."""

    def __init__(self) -> None:
        self.apps: dict[str, App] = {}

    def dismiss(self) -> None:
        for app in self.apps.values():
            app.dismiss()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            name = scope["path"].split("/")[1]
            await self.apps[name]({**scope, "root_path": f"/{name}"}, receive, send)
            return
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})


@cache
def _server() -> tuple[_Mounted, str, httpx2.Client]:
    """What is served, at which address, and connections to it."""
    stack = ExitStack()
    atexit.register(stack.close)
    mounted = _Mounted()
    url = stack.enter_context(running(mounted))
    return mounted, url, stack.enter_context(httpx2.Client(timeout=60, trust_env=False))


@contextmanager
def web_to(path: str) -> Iterator[Web]:
    """The replica in the file at `path`, over HTTP; the server has closed the file when the block ends."""
    mounted, url, client = _server()
    name, (folder, file) = f"m{next(_numbers)}", os.path.split(os.path.realpath(path))
    mounted.apps[name] = create_app(folder)
    try:
        yield Web(Address(f"{url}/{name}/{file.removesuffix('.db')}"), client)
    finally:
        mounted.apps.pop(name).close()


@contextmanager
def behind_http(path: str) -> Iterator[HTTPPeer]:
    """The same as a peer."""
    with web_to(path) as web:
        yield HTTPPeer(web)
