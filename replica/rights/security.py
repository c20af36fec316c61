"""CouchDB's `_security`, said by an access list, and an access list changed to what `_security` says. Pure.

Its admins are managers, its members editors, and a database without members is open to everybody. What it has no words for is
kept, unless it would let somebody in whom `_security` shuts out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import NamedTuple

from replica.canonical import Json
from replica.errors import BadAccessList, BadRequest
from replica.rights.access_list import AccessList
from replica.rights.entry import ANONYMOUS, DEFAULT, GROUP, ROLE, Entry, checked_entry
from replica.rights.level import NO_RIGHTS, Level, Rights

ADMIN = "_admin"  # the role of administrators, who are in every list unnamed
CLOSED: dict[str, Json] = {"admins": {"roles": [ADMIN]}, "members": {"roles": [ADMIN]}}  # CouchDB's own default


class Security(NamedTuple):
    """What `_security` says: names of entries, and whether everybody else is let in."""

    admins: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()
    is_open: bool = False

    def to_json(self) -> dict[str, Json]:
        """In CouchDB's words."""
        members = _people(self.members)
        if not self.is_open and not self.members:
            members["roles"] = [ADMIN]
        return {"admins": _people(self.admins), "members": members}


def read_security(value: Mapping[str, Json]) -> Security:
    """What somebody says in CouchDB's words. `BadRequest` if it is not understood, or names what cannot be an entry."""
    admins, _ = _names(value, "admins")
    members, any_members = _names(value, "members")
    return Security(admins, members - admins, not any_members)


def _names(value: Mapping[str, Json], group: str) -> tuple[frozenset[str], bool]:
    """The names of the entries that are meant, and whether any were said."""
    people = value.get(group, {})
    if not isinstance(people, dict):
        raise BadRequest(f"{group} must be a JSON object")
    found: set[str] = set()
    said = False
    for kind, prefix in (("names", ""), ("roles", ROLE)):
        names = people.get(kind, [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise BadRequest(f"{kind} must be a JSON list of strings")
        said = said or bool(names)
        found |= {_entry_name(prefix, name) for name in names if prefix + name != ROLE + ADMIN}
    return frozenset(found), said


def _entry_name(prefix: str, name: str) -> str:
    try:
        checked_entry(prefix + name, "none")
    except BadAccessList as error:
        raise BadRequest(str(error)) from None
    if not prefix and (":" in name or not _is_sayable(name)):
        raise BadRequest(f"{name[:80]!r} cannot be the name of a user here")
    return prefix + name


def security_of(said: Iterable[AccessList | str]) -> Security:
    """What of the access list in force can be said: of clashing lists what all say, of one that is not understood nothing."""
    each = [_said_by(listed) if isinstance(listed, AccessList) else Security() for listed in said]
    return reduce(_both, each) if each else Security()


def _said_by(listed: AccessList) -> Security:
    named = [entry for entry in listed.entries.values() if _is_sayable(entry.name)]
    admins = frozenset(entry.name for entry in named if entry.rights.level is Level.MANAGER)
    members = frozenset(entry.name for entry in named if entry.rights.level is Level.EDITOR)
    default = listed.entries.get(DEFAULT)
    is_open = default is not None and default.rights.level >= Level.EDITOR
    return Security(admins, frozenset() if is_open else members, is_open)


def _both(a: Security, b: Security) -> Security:
    admins = a.admins & b.admins
    let_in = (each.admins | each.members for each in (a, b) if not each.is_open)
    members = frozenset.intersection(*let_in) if not (a.is_open and b.is_open) else admins
    return Security(admins, members - admins, a.is_open and b.is_open)


def changed_to(security: Security, listed: AccessList) -> AccessList:
    """The access list with what `security` says in the place of what it could have said before."""
    entries: dict[str, Entry] = {}
    for name, entry in listed.entries.items():
        level = _level(security, entry)
        if level is not None:
            entries[name] = Entry(name, entry.rights._replace(level=level))
    for names, level in ((security.admins, Level.MANAGER), (security.members, Level.EDITOR)):
        entries.update({name: Entry(name, Rights(level)) for name in sorted(names - entries.keys())})
    entries.setdefault(DEFAULT, Entry(DEFAULT, Rights(Level.EDITOR) if security.is_open else NO_RIGHTS))
    return AccessList(entries)


def _level(security: Security, entry: Entry) -> Level | None:
    """The level of an entry that is there; None: it has to go."""
    name, level = entry.name, entry.rights.level
    if name in security.admins:
        return Level.MANAGER
    if name in security.members:
        return Level.EDITOR
    if name == DEFAULT:
        return Level.EDITOR if security.is_open else Level.NONE
    if name == ANONYMOUS:
        return level if security.is_open or level is Level.NONE else None
    could_say = (Level.MANAGER,) if security.is_open else (Level.MANAGER, Level.EDITOR)
    return None if _is_sayable(name) and level in could_say else level


def _is_sayable(name: str) -> bool:
    """Whether `_security` has a word for whom an entry means: a user or a role."""
    return name not in (DEFAULT, ANONYMOUS) and not name.startswith(GROUP)


def _people(names: Iterable[str]) -> dict[str, Json]:
    listed = sorted(names)
    roles: list[Json] = [name.removeprefix(ROLE) for name in listed if name.startswith(ROLE)]
    return {"names": [name for name in listed if not name.startswith(ROLE)], "roles": roles}
