"""What changes the directory: each in one transaction."""

from __future__ import annotations

import hashlib
import logging

from replica.access.file import UsersFile
from replica.access.passwords import hash_password
from replica.access.people import (
    GROUPS,
    USERS,
    User,
    check_password,
    check_role,
    read_user,
    removed_items,
    renewed_items,
    unite,
    user_items,
)
from replica.access.tokens import TOKENS, key_text, new_key, new_token, read_key, token_items
from replica.canonical import Json, canonical
from replica.conflict import versions
from replica.document import Document
from replica.errors import BadDocument, Corrupt, Exists, NotFound, ReplicaError
from replica.leaf import Leaf
from replica.naming import Saving, check_name, name_problem
from replica.replica import Replica
from replica.store.local import LocalDocument, read_local, save_local
from replica.store.saving import save

LOG = logging.getLogger("replica.access")
COOKIE_SECRET = "cookie-secret"  # a local document: it is not replicated, and no copy has it


def add(file: UsersFile, name: str, password: str, roles: frozenset[str]) -> None:
    """Make a user, or again one who was removed; tokens that somebody of that name had are worthless."""
    check_name(name)
    for role in roles:
        check_role(role)
    items = user_items(name, password, roles)
    hub = file.made()
    with hub.batch():
        leaves = _leaves(file, name)
        if _is_there(name, leaves):
            raise Exists(f"there is a user {name!r} already", hint="`replicate user passwd` changes the password.")
        if file.leaves(GROUPS + name):
            raise Exists(f"there is a group {name!r}", hint="A group and a user cannot have one name.")
        _put(hub, USERS + name, leaves, items)
        _revoke_all(file, hub, name)


def change_password(file: UsersFile, name: str, password: str) -> None:
    """Another password. It ends a conflict, with the roles in which all leaves agree."""
    phc = hash_password(check_password(password))
    hub = file.replica()
    if hub is None:
        raise no_such_user(name)
    with hub.batch():
        leaves = _leaves(file, name)
        if not _is_there(name, leaves):
            raise no_such_user(name)
        try:
            items, roles = leaves[0].items, unite(name, leaves).roles
        except (BadDocument, Corrupt):
            items, roles = {}, frozenset()
        said = {"type": "user", "name": name, "roles": sorted(roles)}
        _put(hub, USERS + name, leaves, renewed_items(items, phc) | said)


def remove(file: UsersFile, name: str) -> int:
    """Remove a user and the tokens; how many there were."""
    hub = file.replica()
    if hub is None:
        raise no_such_user(name)
    with hub.batch():
        leaves = _leaves(file, name)
        if all(_is_removed(name, leaf) for leaf in leaves):
            raise no_such_user(name)
        _put(hub, USERS + name, leaves, removed_items(name))
        return _revoke_all(file, hub, name)


def renew(file: UsersFile, user: User, password: str) -> None:
    """Keep a password that was just proved in today's way.

    It takes its salt and its time from the revision that it follows: two servers that do so before they replicate write the same
    revision, and no conflict.
    """
    unid = USERS + user.name
    leaves = file.leaves(unid)
    hub = file.replica()
    try:
        if hub is None or len(leaves) != 1 or read_user(user.name, leaves[0].items).verifier != user.verifier:
            return
        leaf = leaves[0]
        salt = hashlib.sha256(f"salt\0{unid}\0{leaf.revision}".encode()).digest()[:16]
        items = canonical(renewed_items(leaf.items, hash_password(password, salt)))
        with hub.file.write() as connection:
            save(connection, unid, leaf.revision, items, Saving(leaf.revision.time_ms if leaf.verified else 0))
    except ReplicaError as error:  # the next login tries again
        LOG.warning("the password of %s is kept in an old way still: %s", user.name, error)


def create_token(
    file: UsersFile, user: str, now_ms: int, expires_ms: int | None, databases: frozenset[str] | None, read_only: bool
) -> str:
    """Make a token for a user who is there: the text to show."""
    hub = file.replica()
    if hub is None:
        raise no_such_user(user)
    token_id, secret = new_token()
    with hub.batch():
        if not _is_there(user, _leaves(file, user)):
            raise no_such_user(user)
        hub.put(token_items(secret, user, now_ms, expires_ms, databases, read_only), unid=TOKENS + token_id)
    return secret


def revoke(file: UsersFile, token_id: str) -> None:
    """Delete a token."""
    hub = file.replica()
    if hub is None or not token_id.isprintable() or not file.leaves(TOKENS + token_id):
        raise NotFound(f"there is no token {token_id[:80]!r}", hint="`replicate token list` shows them by their ids.")
    with hub.batch():
        _delete(hub, TOKENS + token_id)


def cookie_secret(file: UsersFile) -> bytes | None:
    """The key that the file keeps, made if there is none that is one; None if there is no file, or it cannot be written."""
    hub = file.replica()
    if hub is None:
        return None
    with hub.file.read() as connection:
        key = _kept_key(read_local(connection, COOKIE_SECRET))
    if key is None and not hub.file.read_only:
        with hub.file.write() as connection:
            key = _kept_key(read_local(connection, COOKIE_SECRET))
            if key is None:
                key = new_key()
                save_local(connection, COOKIE_SECRET, 0, key_text(key))
    return key


def _kept_key(kept: LocalDocument | None) -> bytes | None:
    return None if kept is None else read_key(kept.body)


def no_such_user(name: str) -> NotFound:
    """The error that there is no such user."""
    return NotFound(f"there is no user {name[:80]!r}", hint="`replicate user list` shows them.")


def _leaves(file: UsersFile, name: str) -> list[Leaf]:
    return [] if name_problem(name) else file.leaves(USERS + name)


def _is_there(name: str, leaves: list[Leaf]) -> bool:
    """Whether there is such a user, be it a damaged one."""
    return bool(leaves) and not any(_is_removed(name, leaf) for leaf in leaves)


def _is_removed(name: str, leaf: Leaf) -> bool:
    try:
        return read_user(name, leaf.items).removed
    except (BadDocument, Corrupt):
        return False


def _put(hub: Replica, unid: str, leaves: list[Leaf], items: dict[str, Json]) -> None:
    """Save the document after all that is there."""
    if len(versions(leaves)) > 1:
        hub.resolve(unid, items=items)
    elif leaves:
        hub.put(Document(items, unid=unid, revision=str(leaves[0].revision)))
    else:
        hub.put(items, unid=unid)


def _delete(hub: Replica, unid: str) -> None:
    """Delete the document and its conflict documents."""
    while (document := hub.get(unid, None)) is not None:
        hub.delete(document)


def _revoke_all(file: UsersFile, hub: Replica, user: str) -> int:
    """Delete the tokens of a user; how many there were."""
    mine = [token_id for token_id, leaves in file.documents(TOKENS) if any(_names(leaf, user) for leaf in leaves)]
    for token_id in mine:
        _delete(hub, TOKENS + token_id)
    return len(mine)


def _names(leaf: Leaf, user: str) -> bool:
    try:
        return leaf.items.get("user") == user
    except Corrupt:
        return False
