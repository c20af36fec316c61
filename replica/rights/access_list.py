"""An access list: what one revision of the document says."""

from __future__ import annotations

from typing import NamedTuple

from replica.canonical import Json, parse
from replica.conflict import ACCESS_LIST
from replica.errors import BadAccessList
from replica.rights.entry import ANONYMOUS, DEFAULT, Entry, read_entry
from replica.rights.level import NO_RIGHTS, Rights, highest
from replica.rights.who import Who

ENTRIES = "entries"


class AccessList(NamedTuple):
    """The entries by name, in their order."""

    entries: dict[str, Entry]

    def applying(self, who: Who) -> list[Entry]:
        """The entries that count for somebody: their own; else those of their groups and roles; else ``-default-``.

        For nobody who has logged in: ``anonymous``, else ``-default-``.
        """
        own = ANONYMOUS if who.name is None else who.name
        if own in self.entries and (who.name is None or own not in (ANONYMOUS, DEFAULT)):
            return [self.entries[own]]
        shared = [] if who.name is None else [entry for entry in self.entries.values() if entry.means(who)]
        return shared or [entry for entry in (self.entries.get(DEFAULT),) if entry is not None]

    def rights_of(self, who: Who) -> Rights:
        """What somebody may do by this list."""
        applying = self.applying(who)
        return highest(entry.rights for entry in applying) if applying else NO_RIGHTS

    def to_json(self) -> list[Json]:
        """The entries as they are written in the document."""
        return [entry.to_json() for entry in self.entries.values()]


def read_access_list(items: dict[str, Json]) -> AccessList:
    """The list in a document. `BadAccessList` if any of it cannot be understood; other items beside the entries may be there."""
    listed = items.get(ENTRIES)
    if not isinstance(listed, list):
        raise BadAccessList(f"the item `{ENTRIES}` is no list")
    entries: dict[str, Entry] = {}
    for value in listed:
        entry = read_entry(value)
        if entries.setdefault(entry.name, entry) is not entry:
            raise BadAccessList(f"{entry.name!r} has two entries")
    return AccessList(entries)


def check_access_list(unid: str, items: bytes) -> None:
    """Refuse (`BadAccessList`) to save this as the access list, if it is to be that, when it cannot be understood."""
    if unid == ACCESS_LIST:
        read_access_list(parse(items))
