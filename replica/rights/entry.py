"""One entry of an access list: a name, and what whoever it means may do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from replica.canonical import Json
from replica.errors import BadAccessList
from replica.rights.level import PRIVILEGES, Level, Rights
from replica.rights.who import Who

DEFAULT = "-default-"  # Domino's word, for all who are not named otherwise
ANONYMOUS = "anonymous"  # nobody who has logged in
GROUP, ROLE = "group:", "role:"
NAME_MAX = 500  # bytes
_LEVELS = {level.word: level for level in Level}
_MEMBERS = {"name", "level", "roles", "deny"}


class Entry(NamedTuple):
    """An entry. `name`: a user, ``group:NAME``, ``role:NAME``, ``-default-`` or ``anonymous``."""

    name: str
    rights: Rights

    def means(self, who: Who) -> bool:
        """Whether it is for a group or a role of somebody who has logged in."""
        kind, colon, name = self.name.partition(":")
        return bool(colon) and name in (who.groups if kind + colon == GROUP else who.roles)

    def to_json(self) -> dict[str, Json]:
        """As it is written in the document."""
        said: dict[str, Json] = {"name": self.name, "level": self.rights.level.word}
        if self.rights.roles:
            said["roles"] = sorted(self.rights.roles)
        if self.rights.denied:
            said["deny"] = [name for name in PRIVILEGES if name in self.rights.denied]
        return said


def checked_entry(name: str, level: str, roles: Iterable[str] = (), deny: Iterable[str] = ()) -> Entry:
    """An entry of these words. `BadAccessList`: no name, an unknown level, no role, an unknown privilege."""
    return read_entry({"name": name, "level": level, "roles": list(roles), "deny": list(deny)})


def read_entry(value: Json) -> Entry:
    """The entry that is written so. `BadAccessList`: nothing about it is guessed, nor passed over."""
    if not isinstance(value, dict) or not value.keys() <= _MEMBERS:
        raise BadAccessList(f"an entry is an object with {', '.join(sorted(_MEMBERS))} and nothing else")
    name, level = value.get("name"), value.get("level")
    problem = _name_problem(name)
    if problem or not isinstance(name, str):
        raise BadAccessList(f"{str(name)[:80]!r} is no name for an entry: it {problem}")
    if not isinstance(level, str) or level not in _LEVELS:
        raise BadAccessList(f"the level of {name!r} is one of {', '.join(_LEVELS)}, not {str(level)[:80]!r}")
    roles, denied = _texts(value, "roles", name), _texts(value, "deny", name)
    if not all(role.isprintable() and role.strip() and not role.startswith("_") for role in roles):
        raise BadAccessList(f"a role of {name!r} is empty, begins with `_` or holds what cannot be seen")
    if not denied <= {*PRIVILEGES}:
        raise BadAccessList(f"what can be denied to {name!r} is {', '.join(PRIVILEGES)}")
    return Entry(name, Rights(_LEVELS[level], roles, denied))


def _texts(value: dict[str, Json], member: str, name: str) -> frozenset[str]:
    texts = value.get(member, [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise BadAccessList(f"`{member}` of {name!r} is no list of texts")
    if len(set(texts)) != len(texts):
        raise BadAccessList(f"`{member}` of {name!r} names something twice")
    return frozenset(texts)


def _name_problem(name: Json) -> str | None:
    if not isinstance(name, str):
        return "is no text"
    kind = next((kind for kind in (GROUP, ROLE) if name.startswith(kind)), "")
    bare = name.removeprefix(kind)
    if not bare:
        return "is empty"
    if bare.startswith("_"):
        return "begins with `_`"
    if ":" in bare and not kind:
        return f"holds `:`, and does not begin with {GROUP} or {ROLE}"
    if not bare.isprintable() or bare != bare.strip():
        return "holds what cannot be seen"
    return f"is longer than {NAME_MAX} bytes" if len(name.encode()) > NAME_MAX else None
