"""The gate: who asks. What cannot be told for certain is refused; what is slow on purpose is bounded."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.concurrency import run_in_threadpool

from replica.access import Directory
from replica.clock import Clock
from replica.errors import NotAuthenticated
from replica.server.deeds import Login, deeds_of
from replica.server.gate.attempts import Attempts
from replica.server.gate.credentials import Cookie, Password, shown
from replica.server.gate.headers import sole
from replica.server.gate.hosts import check_host
from replica.server.gate.proofs import Proofs
from replica.server.gate.visit import Visit, Way

_WRONG = "Name or password is incorrect."  # CouchDB's words, whichever of the two it is


class Gate:
    """Tells who asks. `hosts`: by which names, beside its own, the server may be asked as long as it has no users.

    To be used in one event loop at a time.
    """

    def __init__(self, directory: Directory, hosts: Collection[str], clock: Clock) -> None:
        self.directory = directory
        self._hosts = hosts
        self._clock = clock
        self._attempts = Attempts()
        self._proofs = Proofs(directory, clock)
        self._pool = ThreadPoolExecutor(os.cpu_count() or 1, "password")  # each check takes a core, and much memory

    async def admit(self, scope: MutableMapping[str, Any]) -> Visit:
        """Who sent a request. `NotAuthenticated`, `TooManyAttempts`, `BadRequest`, `NotAllowed`; what ails the directory."""
        everybody = self._proofs.everybody()
        if everybody is not None:
            check_host(sole(scope, "host"), self._hosts)
            return everybody
        credentials = shown(scope)
        known = self._proofs.at_hand(credentials)
        if known is not None:
            return known
        found = await run_in_threadpool(self._proofs.visit, credentials)
        if isinstance(found, Login):
            deeds_of(scope).login = found
            raise NotAuthenticated(f"the {found.way} is not, or no longer, that of a user")
        return await self.log_in(found, scope) if isinstance(found, Password) else found

    async def log_in(self, password: Password, scope: MutableMapping[str, Any]) -> Visit:
        """Who proves to be somebody by a password that a request brought. `NotAuthenticated`, `TooManyAttempts`."""
        address = scope["client"][0] if scope.get("client") else None
        deeds = deeds_of(scope)
        deeds.login = Login("login_limited", password.name, "password")
        self._attempts.begin(password, address, self._clock())
        deeds.login = Login("login_failed", password.name, "password")
        loop = asyncio.get_running_loop()
        visit = await loop.run_in_executor(self._pool, self._proofs.check, password)
        if visit is None:
            self._attempts.was_wrong(password)
            raise NotAuthenticated(_WRONG)
        self._attempts.was_right(password, address)
        deeds.login = Login("login", password.name, "password")
        return visit

    def cookie(self, visit: Visit) -> str | None:
        """The text of a cookie for who has logged in by a password."""
        return self._proofs.cookie(visit)

    def renewed_cookie(self, scope: MutableMapping[str, Any], visit: Visit) -> str | None:
        """The text of a new cookie for who came with one that will not last much longer."""
        if visit.way is not Way.COOKIE:
            return None
        return next((self._proofs.renewed(visit, each) for each in shown(scope) if isinstance(each, Cookie)), None)

    def close(self) -> None:
        """Close the directory; nobody's password is looked at any more."""
        self._pool.shutdown(cancel_futures=True)
        self.directory.close()
