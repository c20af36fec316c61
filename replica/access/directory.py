"""The directory: users, groups and tokens, in a replica of its own."""

from __future__ import annotations

import hmac
import os
import threading
from collections.abc import Iterable
from typing import Any, NamedTuple

from replica.access import editing, passwords
from replica.access.file import State, UsersFile
from replica.access.known import Known
from replica.access.principal import ADMIN, Principal
from replica.access.security_log import SecurityLog, whoever_runs_this
from replica.access.tokens import Token, id_of, iso, new_key
from replica.clock import Clock, system_clock
from replica.errors import BadSettings


class ListedUser(NamedTuple):
    """A user as administrators see him. `state`: `ok`, `conflict` (changed in two places), `damaged` (cannot log in)."""

    principal: Principal
    state: str


class ListedToken(NamedTuple):
    """A token as administrators see it. `state`: `ok`, `expired`, `orphaned` (its user is gone), `damaged`."""

    id: str
    token: Token | None  # None: damaged
    state: str


class Directory:
    """The users, groups and tokens of the folder in which a server has its databases. Threads may share it.

    There need be no file yet; it is noticed when one is made, changed, replaced or removed, also by another process. What is
    damaged or cannot be understood gives no rights, and is said in the program's log. What is done here, and what is seen to have
    changed since the last look, is noted in the security log. A file that cannot be read is an error (a
    `StoreError`) of whatever is asked: no answer is not the answer "there are no users". `BadSettings` if there is no folder.
    """

    def __init__(self, folder: str, *, clock: Clock = system_clock) -> None:
        if not os.path.isdir(folder):
            raise BadSettings(f"there is no folder {folder}", hint="Make it, or name another with --data.")
        self._file = UsersFile(os.path.realpath(folder), clock)
        self._clock = clock
        self.log = SecurityLog(os.path.realpath(folder), clock)
        self._lock = threading.Lock()
        self._looked = False
        self._seen: State | None = None
        self._version = 0
        self._known = Known(self._file)
        self._had_users = False
        self._secret = new_key()  # until there is a file that holds one

    # -- what a server asks

    @property
    def version(self) -> int:
        """Another number whenever a user, a group or a token may have changed. One small read; for this object only."""
        return self._now()[0]

    @property
    def is_empty(self) -> bool:
        """Whether there are no users. Once some were seen it stays False: nobody gets rights because a file has gone."""
        if not self._had_users:
            self._had_users = self._now()[1].has_users
        return not self._had_users

    @property
    def has_admin(self) -> bool:
        """Whether there is an administrator."""
        return any(user is not None and ADMIN in user.roles for _, user, _ in self._now()[1].everybody())

    def by_password(self, name: str, password: str) -> Principal | None:
        """Who proves to be `name` with `password`. 50 ms and 46 MiB of work, alike whether there is such a user or not."""
        user = self._now()[1].user(name)
        if not passwords.matches(user.verifier if user else None, password):
            return None
        known = self._now()[1]
        again = known.user(name)  # it may have been removed meanwhile
        if user is None or again is None or again.verifier != user.verifier:
            return None
        if user.verifier is not None and user.verifier.is_old:
            editing.renew(self._file, user, password)
        return known.principal(again)

    def by_token(self, secret: str) -> Principal | None:
        """Whose token it is; None if it is unknown, revoked or expired, or if its user is gone."""
        return self.token_and_holder(secret)[1]

    def token_and_holder(self, secret: str) -> tuple[Token | None, Principal | None]:
        """The same, and what is known of the token, be it good no more: looked at once."""
        known = self._now()[1]
        token = _token(known, secret)
        user = None if token is None else known.user(token.user)
        if token is None or user is None or token.is_over(self._clock()):
            return token, None
        return token, known.principal(user)._replace(databases=token.databases, read_only=token.read_only)

    def by_name(self, name: str) -> Principal | None:
        """The user of that name, for those who have proved it otherwise: by a cookie, or a client certificate."""
        known = self._now()[1]
        user = known.user(name)
        return None if user is None else known.principal(user)

    @property
    def cookie_secret(self) -> bytes:
        """A key that this file keeps and nobody else knows; it is not replicated. `cookie_key` is made from it."""
        return self._now()[1].cookie_secret or self._secret

    def cookie_key(self, name: str) -> bytes | None:
        """A key to sign the cookies of a user with: another one as soon as the password is changed. None: no such user."""
        known = self._now()[1]
        user = known.user(name)
        if user is None:
            return None
        stamp = "\0".join((name, *map(str, user.verifier or ())))
        return hmac.digest(known.cookie_secret or self._secret, stamp.encode(), "sha256")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    # -- what an administrator does

    def add(self, name: str, password: str, *, roles: Iterable[str] = ()) -> None:
        """Make a user. `Exists`; `Mistake` if that is no name, no password or no role. The file is made if there is none."""
        granted = frozenset(roles)
        editing.add(self._file, name, password, granted)
        self._note("user_added", user=name, roles=sorted(granted))

    def change_password(self, name: str, password: str) -> None:
        """Give a user another password, which ends what was begun with the former one. `NotFound`, `Mistake`."""
        editing.change_password(self._file, name, password)
        self._note("password_changed", user=name)

    def remove(self, name: str) -> int:
        """Remove a user, and revoke the tokens: how many there were. `NotFound`."""
        tokens = editing.remove(self._file, name)
        self._note("user_removed", user=name, tokens=tokens)
        return tokens

    def create_token(
        self,
        user: str,
        *,
        databases: Iterable[str] | None = None,
        read_only: bool = False,
        expires_ms: int | None = None,
    ) -> str:
        """Make a token that stands for a user: the text to show, which is not kept. `NotFound`."""
        narrowed = None if databases is None else frozenset(databases)
        secret = editing.create_token(self._file, user, self._clock(), expires_ms, narrowed, read_only)
        reach = None if narrowed is None else sorted(narrowed)
        until = None if expires_ms is None else iso(expires_ms)
        self._note("token_created", user=user, token=id_of(secret), databases=reach, read_only=read_only, expires=until)
        return secret

    def revoke(self, token_id: str) -> str:
        """Make a token worthless, named by its id, or by the whole of it; the id. `NotFound`."""
        token_id = id_of(token_id) or token_id
        editing.revoke(self._file, token_id)
        self._note("token_revoked", token=token_id)
        return token_id

    def token(self, secret: str) -> Token | None:
        """What is known of a token, be it expired; None if it is unknown or revoked."""
        return _token(self._now()[1], secret)

    def users(self) -> list[ListedUser]:
        """All users by name."""
        known = self._now()[1]
        found = []
        for name, user, conflicts in known.everybody():
            state = "damaged" if user is None else "conflict" if conflicts else "ok"
            found.append(ListedUser(Principal(name) if user is None else known.principal(user), state))
        return found

    def tokens(self) -> list[ListedToken]:
        """All tokens by id."""
        known = self._now()[1]
        return [ListedToken(token_id, token, self._state_of(known, token)) for token_id, token in known.tokens()]

    def _state_of(self, known: Known, token: Token | None) -> str:
        if token is None:
            return "damaged"
        if token.is_over(self._clock()):
            return "expired"
        return "ok" if known.user(token.user) is not None else "orphaned"

    def _now(self) -> tuple[int, Known]:
        """What is known, from the version on that the file has now."""
        with self._lock:
            state = self._file.state()
            if state != self._seen:
                known = Known(self._file)
                if self._looked:
                    self._note_changes(self._seen, state, known)
                self._seen, self._version, self._known = state, self._version + 1, known
            self._looked = True
            return self._version, self._known

    def _note(self, event: str, **details: Any) -> None:
        """Note what was done through this object."""
        self.log.record(event, **details, by=whoever_runs_this())

    def _note_changes(self, before: State | None, now: State | None, known: Known) -> None:
        """Note what somebody, here or in another process, changed since the last look."""
        if before is None or now is None or now[0] != before[0]:
            self.log.record("directory_replaced")
            return
        for leaf in self._file.changed_since(before[1]):
            said = known.said_of(leaf)
            self.log.record("directory_changed", document=leaf.unid, revision=str(leaf.revision), **said)


def _token(known: Known, secret: str) -> Token | None:
    token_id = id_of(secret)
    found = None if token_id is None else known.token(token_id)
    return found if found is not None and found.is_of(secret) else None
