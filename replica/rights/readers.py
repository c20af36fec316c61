"""Who may read one document: its item `$Readers`, and who somebody is when it is looked at. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from replica.canonical import Json, canonical, parse
from replica.errors import BadDocument, Corrupt
from replica.leaf import Leaf
from replica.naming import AUTHORS, READERS, listed
from replica.rights.entry import ANONYMOUS, DEFAULT, GROUP, ROLE
from replica.rights.who import Who

READ_BY_ALL = "_design/"  # a document whose UNID begins so is read by all who may read the database
_IN_BYTES = READERS.encode() + b'"'
_MEMORY_MAX = 10_000  # lists whose verdict is remembered

Said = tuple[Json, Json]
"""What one revision says in `$Readers` and `$Authors`."""


class Sight:
    """Somebody, by the `names` that mean them in `$Readers`, and what they may read. Equal for all who have equal names."""

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names
        digest = hashlib.sha256(canonical([*sorted(names)])).hexdigest()
        self.id = digest[:16]
        self._known: dict[str | None, bool] = {}

    def __repr__(self) -> str:
        return f"Sight({sorted(self.names)})"

    def may_read(self, said: Said) -> bool:
        """Whether a revision that says this lets them: what cannot be understood lets nobody."""
        readers = listed(said[0])
        if readers is None:
            return False
        return not readers or not self.names.isdisjoint([*readers, *(listed(said[1]) or ())])

    def may_read_text(self, said: str | None) -> bool:
        """The same of a JSON list of the two; None where the items could not be read."""
        verdict = self._known.get(said)
        if verdict is None:
            if len(self._known) >= _MEMORY_MAX:
                self._known = {}
            self._known[said] = verdict = said is not None and self._judged(said)
        return verdict

    def _judged(self, said: str) -> bool:
        try:
            readers, authors = parse(said)
        except (BadDocument, ValueError):
            return False
        return self.may_read((readers, authors))

    def sees(self, leaves: Iterable[Leaf]) -> bool:
        """Whether these leaves of one document let them: all live ones; if it is deleted, all of them."""
        known = list(leaves)
        live = [leaf for leaf in known if not leaf.deleted]
        return all(self._lets(leaf) for leaf in live or known)

    def _lets(self, leaf: Leaf) -> bool:
        said = said_in(leaf)
        return said is None or self.may_read(said)


def sight_of(who: Who, roles: frozenset[str]) -> Sight:
    """What somebody sees. `roles`: those that the access list of the database gives them."""
    return Sight(names_of(who, roles))


def names_of(who: Who, roles: frozenset[str]) -> frozenset[str]:
    """Somebody as single documents name them. `roles`: as for `sight_of`."""
    names = {GROUP + group for group in who.groups} | {ROLE + role for role in who.roles | roles}
    if who.name is None:
        names.add(ANONYMOUS)
    elif who.name not in (ANONYMOUS, DEFAULT) and ":" not in who.name:
        names.add(who.name)
    return frozenset(names)


def said_in(leaf: Leaf) -> Said | None:
    """What a revision says of its readers; None if it says nothing. Of one that cannot be read: what nobody understands."""
    if _IN_BYTES not in leaf.body or leaf.unid.startswith(READ_BY_ALL):
        return None
    try:
        items = leaf.items
    except (BadDocument, Corrupt):
        return 0, None
    return items.get(READERS), items.get(AUTHORS)
