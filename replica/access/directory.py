"""The directory: users, groups and tokens, in a replica of its own."""

from __future__ import annotations

import hmac
import logging
import secrets
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

from replica.access import editing, passwords
from replica.access.file import State, UsersFile
from replica.access.people import GROUPS, USERS, User, groups_of, name_problem, read_members, unite
from replica.access.principal import ADMIN, Principal
from replica.access.tokens import TOKENS, Token, id_of, read_token
from replica.clock import Clock, system_clock
from replica.errors import BadDocument, Corrupt
from replica.leaf import Leaf

LOG = logging.getLogger("replica.access")
KEPT_MAX = 10_000  # users and tokens remembered as long as nothing has changed

T = TypeVar("T")


class Directory:
    """The users, groups and tokens of the folder in which a server has its databases. Threads may share it.

    There need be no file yet; it is noticed when one is made, changed, replaced or removed, also by another process. What is
    damaged or cannot be understood gives no rights, and is said in the log. A file that cannot be read is an error (a
    `StoreError`) of whatever is asked: no answer is not the answer "there are no users".
    """

    def __init__(self, folder: str, *, clock: Clock = system_clock) -> None:
        self._file = UsersFile(folder, clock)
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: State | None = None
        self._version = 0
        self._kept: dict[str, object] = {}
        self._had_users = False
        self._secret = secrets.token_bytes(32)  # until there is a file that holds one

    # -- what a server asks

    @property
    def version(self) -> int:
        """Another number whenever a user, a group or a token may have changed. One small read; for this object only."""
        with self._lock:
            state = self._file.state()
            if state != self._seen:
                self._seen = state
                self._version += 1
                self._kept = {}
            return self._version

    @property
    def is_empty(self) -> bool:
        """Whether there are no users. Once some were seen it stays False: nobody gets rights because a file has gone."""
        if not self._had_users:
            self._had_users = any(True for _ in self._everybody())
        return not self._had_users

    @property
    def has_admin(self) -> bool:
        """Whether there is an administrator."""
        return any(user is not None and ADMIN in user.roles for _, user in self._everybody())

    def by_password(self, name: str, password: str) -> Principal | None:
        """Who proves to be `name` with `password`. 50 ms and 46 MiB of work, alike whether there is such a user or not."""
        user = self._user(name)
        if not passwords.matches(user.verifier if user else None, password):
            return None
        again = self._user(name)  # it may have been removed meanwhile
        if user is None or again is None or again.verifier != user.verifier:
            return None
        if user.verifier is not None and user.verifier.is_old:
            editing.renew(self._file, user, password)
        return self._principal(again)

    def by_token(self, secret: str) -> Principal | None:
        """Whose token it is; None if it is unknown, revoked or expired, or if its user is gone."""
        token_id = id_of(secret)
        token = None if token_id is None else self._kept_or_read(TOKENS + token_id, self._read_token)
        if token is None or not token.is_of(secret) or token.is_over(self._clock()):
            return None
        user = self._user(token.user)
        return (
            None
            if user is None
            else self._principal(user)._replace(databases=token.databases, read_only=token.read_only)
        )

    def by_name(self, name: str) -> Principal | None:
        """The user of that name, for those who have proved it otherwise: by a cookie, or a client certificate."""
        user = self._user(name)
        return None if user is None else self._principal(user)

    @property
    def cookie_secret(self) -> bytes:
        """A key that this file keeps and nobody else knows; it is not replicated."""
        return editing.cookie_secret(self._file) or self._secret

    def cookie_key(self, name: str) -> bytes | None:
        """A key to sign the cookies of a user with: another one as soon as the password is changed. None: no such user."""
        user = self._user(name)
        if user is None:
            return None
        secret = self._kept_or_read("", lambda _: self.cookie_secret)
        stamp = "\0".join((name, *map(str, user.verifier or ())))
        return hmac.digest(secret or self._secret, stamp.encode(), "sha256")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    # -- what an administrator does

    def add(self, name: str, password: str, *, roles: Iterable[str] = ()) -> None:
        """Make a user. `Exists`; `Mistake` if that is no name, no password or no role. The file is made if there is none."""
        editing.add(self._file, name, password, frozenset(roles))

    def change_password(self, name: str, password: str) -> None:
        """Give a user another password, which ends what was begun with the former one. `NotFound`, `Mistake`."""
        editing.change_password(self._file, name, password)

    def remove(self, name: str) -> int:
        """Remove a user, and revoke the tokens: how many there were. `NotFound`."""
        return editing.remove(self._file, name)

    def create_token(
        self,
        user: str,
        *,
        databases: Iterable[str] | None = None,
        read_only: bool = False,
        expires_ms: int | None = None,
    ) -> str:
        """Make a token that stands for a user: the text to show, which is not kept. `NotFound`."""
        if self._user(user) is None:
            raise editing.no_such_user(user)
        narrowed = None if databases is None else frozenset(databases)
        return editing.create_token(self._file, user, self._clock(), expires_ms, narrowed, read_only)

    def revoke(self, token_id: str) -> None:
        """Make a token worthless. `NotFound`."""
        editing.revoke(self._file, token_id)

    # -- how it is read

    def _everybody(self) -> Iterable[tuple[str, User | None]]:
        """All users with their names, None for a damaged one."""
        for name in self._file.names(USERS):
            user = self._read_user(USERS + name)
            if user is None or not user.removed:
                yield name, user

    def _user(self, name: str) -> User | None:
        found = None if name_problem(name) else self._kept_or_read(USERS + name, self._read_user)
        return None if found is None or found.removed else found

    def _principal(self, user: User) -> Principal:
        groups = self._kept_or_read(GROUPS, lambda _: self._read_groups())
        return Principal(user.name, user.roles, groups_of(user.name, groups or {}))

    def _kept_or_read(self, key: str, read: Callable[[str], T | None]) -> T | None:
        version = self.version
        kept = self._kept
        if key in kept:
            return kept[key]  # type: ignore[return-value]
        found = read(key)
        with self._lock:
            if version == self._version and len(self._kept) < KEPT_MAX:
                self._kept[key] = found
        return found

    def _read_user(self, unid: str) -> User | None:
        leaves = self._file.leaves(unid)
        return self._sound(unid, lambda: unite(unid.removeprefix(USERS), leaves)) if leaves else None

    def _read_token(self, unid: str) -> Token | None:
        leaves = self._file.leaves(unid)
        if len(leaves) > 1:  # nobody edits a token
            LOG.warning("%s has conflicts and is not taken", unid)
            return None
        return self._sound(unid, lambda: read_token(unid.removeprefix(TOKENS), leaves[0].items)) if leaves else None

    def _read_groups(self) -> dict[str, frozenset[str]]:
        """The members of each group: those in which all its leaves agree."""
        groups = {}
        for name in self._file.names(GROUPS):
            leaves = self._file.leaves(GROUPS + name)
            groups[name] = frozenset.intersection(*map(self._read_members, leaves)) if leaves else frozenset()
        return groups

    def _read_members(self, leaf: Leaf) -> frozenset[str]:
        return self._sound(leaf.unid, lambda: read_members(leaf.items)) or frozenset()

    def _sound(self, unid: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except (BadDocument, Corrupt) as error:
            LOG.warning("%s is damaged and gives no rights: %s", unid, error)
            return None
