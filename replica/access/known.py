"""What the directory says at one moment. What was read once is kept; when something changes, a new one begins."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, TypeVar

from replica.access.editing import cookie_secret
from replica.access.file import UsersFile
from replica.access.people import GROUPS, USERS, User, groups_of, read_members, unite
from replica.access.principal import Principal
from replica.access.tokens import TOKENS, Token, read_token
from replica.errors import BadDocument, Corrupt
from replica.leaf import Leaf
from replica.naming import UPDATED_BY, listed, name_problem

LOG = logging.getLogger("replica.access")
KEPT_MAX = 10_000  # users, and tokens, that are kept: those asked for lately

T = TypeVar("T")


class Known:
    """Users, groups and tokens as they are now. Threads may share it. What is damaged gives no rights and is logged."""

    def __init__(self, file: UsersFile) -> None:
        self._file = file
        self._users: dict[str, User | None] = {}
        self._tokens: dict[str, Token | None] = {}

    def user(self, name: str) -> User | None:
        """The user of that name."""
        if name_problem(name):
            return None
        found = _kept(self._users, name, self._read_user)
        return None if found is None or found.removed else found

    def token(self, token_id: str) -> Token | None:
        """The token of that id, expired or not."""
        return _kept(self._tokens, token_id, self._read_token)

    def principal(self, user: User) -> Principal:
        """A user with the groups."""
        return Principal(user.name, user.roles, groups_of(user.name, self._groups))

    def everybody(self) -> Iterator[tuple[str, User | None, bool]]:
        """All users by name: who it is, None for one that is damaged; and whether there are conflicts."""
        for name, leaves in self._file.documents(USERS):
            user = _user(name, leaves)
            if user is None or not user.removed:
                yield name, user, len(leaves) > 1

    def tokens(self) -> Iterator[tuple[str, Token | None]]:
        """All tokens by id; None for one that is damaged."""
        return ((token_id, _token(token_id, leaves)) for token_id, leaves in self._file.documents(TOKENS))

    def said_of(self, leaf: Leaf) -> dict[str, Any]:
        """Who saved this, and what its document gives now: for the security log, and so nothing of passwords."""
        items = _sound(leaf.unid, lambda: leaf.items) or {}
        said: dict[str, Any] = {"saved_by": listed(items.get(UPDATED_BY))}
        if leaf.unid.startswith(USERS):
            user = self.user(leaf.unid.removeprefix(USERS))
            said["roles"] = None if user is None else sorted(user.roles)
        elif leaf.unid.startswith(GROUPS):
            said["members"] = sorted(self._groups.get(leaf.unid.removeprefix(GROUPS), ()))
        elif leaf.unid.startswith(TOKENS):
            token = self.token(leaf.unid.removeprefix(TOKENS))
            said["user"] = None if token is None else token.user
        return said

    def _read_user(self, name: str) -> User | None:
        return _user(name, self._file.leaves(USERS + name))

    def _read_token(self, token_id: str) -> Token | None:
        return _token(token_id, self._file.leaves(TOKENS + token_id))

    @cached_property
    def has_users(self) -> bool:
        """Whether there is a user, be it a damaged one."""
        return any(True for _ in self.everybody())

    @cached_property
    def cookie_secret(self) -> bytes | None:
        """The key that the file keeps."""
        return cookie_secret(self._file)

    @cached_property
    def _groups(self) -> dict[str, frozenset[str]]:
        """The members of each group: those in which all its leaves agree."""
        return {
            name: frozenset.intersection(*map(_members, leaves))
            for name, leaves in self._file.documents(GROUPS)
            if leaves
        }


def _user(name: str, leaves: list[Leaf]) -> User | None:
    return _sound(USERS + name, lambda: unite(name, leaves)) if leaves else None


def _token(token_id: str, leaves: list[Leaf]) -> Token | None:
    unid = TOKENS + token_id
    if len(leaves) > 1:
        LOG.warning("%s was saved in two places, which nobody does with a token; it is not taken", unid)
        return None
    return _sound(unid, lambda: read_token(token_id, leaves[0].items)) if leaves else None


def _members(leaf: Leaf) -> frozenset[str]:
    return _sound(leaf.unid, lambda: read_members(leaf.items)) or frozenset()


def _kept(kept: dict[str, T], name: str, read: Callable[[str], T]) -> T:
    try:
        return kept[name]
    except KeyError:
        found = read(name)
    if len(kept) >= KEPT_MAX:
        kept.clear()
    kept[name] = found
    return found


def _sound(unid: str, read: Callable[[], T]) -> T | None:
    try:
        return read()
    except (BadDocument, Corrupt) as error:
        LOG.warning("%s is damaged and gives no rights: %s", unid, error)
        return None
