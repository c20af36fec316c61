"""Users and groups: what their documents say. Values, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from replica.access.passwords import FIELDS, Verifier, hash_password, read_verifier
from replica.access.principal import ADMIN
from replica.canonical import Json
from replica.errors import BadDocument, Corrupt, Mistake
from replica.leaf import Leaf

USERS = "org.couchdb.user:"
GROUPS = "group:"
PASSWORD_MAX = 1024  # bytes


class User(NamedTuple):
    """A user as one revision of the document says. `removed`: it says that there is none any more."""

    name: str
    roles: frozenset[str]
    verifier: Verifier | None  # None: no password logs in
    removed: bool

    def __repr__(self) -> str:
        return f"User({self.name!r})"


def check_role(role: str) -> str:
    """`role` itself, or `Mistake`: empty, or led by `_` and not that of administrators."""
    if role != ADMIN and (not role.isprintable() or not role.strip() or role.startswith("_")):
        raise Mistake(f"{role[:80]!r} is no role", hint="Roles do not begin with `_`; --admin makes an administrator.")
    return role


def check_password(password: str) -> str:
    """`password` itself, or `Mistake`: empty, or longer than 1,024 bytes."""
    if not password:
        raise Mistake("an empty password never logs in", hint="Choose a password.")
    if len(password.encode(errors="surrogatepass")) > PASSWORD_MAX:
        raise Mistake(f"the password is longer than {PASSWORD_MAX:,} bytes", hint="Choose a shorter one.")
    return password


def user_items(name: str, password: str, roles: Iterable[str]) -> dict[str, Json]:
    """The document of a user."""
    kept = hash_password(check_password(password))
    return {"type": "user", "name": name, "roles": sorted(set(roles)), "password_hash": kept}


def removed_items(name: str) -> dict[str, Json]:
    """The document of a user who was removed: wherever it meets another revision, there is no such user."""
    return {"type": "user", "name": name, "roles": [], "removed": True}


def renewed_items(items: dict[str, Json], phc: str) -> dict[str, Json]:
    """The document with another password and nothing left of the former one."""
    return {name: value for name, value in items.items() if name not in FIELDS} | {"password_hash": phc}


def read_user(name: str, items: dict[str, Json]) -> User:
    """The user in a document. `BadDocument`: what cannot be understood gives no rights."""
    roles, removed = items.get("roles"), items.get("removed", False)
    if items.get("type") != "user" or items.get("name") != name or not isinstance(removed, bool):
        raise BadDocument("it is no user of that name")
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise BadDocument("its roles are no list of names")
    return User(name, frozenset(roles), read_verifier(items), removed)


def unite(name: str, leaves: list[Leaf]) -> User:
    """The user of whom these are the live leaves, the winner first: with its password, and the roles in which all agree.

    If one of them says "removed", the user is. `BadDocument`, `Corrupt` if the winner is damaged; another one that is has no
    roles.
    """
    shown = read_user(name, leaves[0].items)
    for leaf in leaves[1:]:
        try:
            other = read_user(name, leaf.items)
        except (BadDocument, Corrupt):
            other = User(name, frozenset(), None, False)
        shown = shown._replace(roles=shown.roles & other.roles, removed=shown.removed or other.removed)
    return shown


def read_members(items: dict[str, Json]) -> frozenset[str]:
    """Who is in a group: names of users and of groups. `BadDocument`."""
    members = items.get("members")
    if items.get("type") != "group" or not isinstance(members, list):
        raise BadDocument("it is no group")
    if not all(isinstance(member, str) for member in members):
        raise BadDocument("its members are no list of names")
    return frozenset(members)


def groups_of(name: str, groups: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The groups that somebody is in, by himself or because a group is in a group. A circle of groups does no harm."""
    found: set[str] = set()
    asked = [name]
    while asked:
        member = asked.pop()
        new = {group for group, members in groups.items() if member in members} - found
        found |= new
        asked += new
    return frozenset(found)
