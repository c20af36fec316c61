"""The access list of a database, as its managers see and change it: in a file, or at an address by their rights there."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from replica.access.directory import Directory
from replica.access.file import NAME as USERS_FILE
from replica.access.principal import ANONYMOUS, Principal
from replica.access.security_log import SecurityLog, whoever_runs_this
from replica.canonical import Json
from replica.conflict import ACCESS_LIST
from replica.document import Document
from replica.errors import BadAccessList, NotFound, NotSupported, StaleRevision
from replica.naming import UPDATED_BY, listed
from replica.replica import Replica
from replica.rights import (
    ALL_RIGHTS,
    DEFAULT,
    GROUP,
    ROLE,
    AccessList,
    Entry,
    InForce,
    Rights,
    checked_entry,
    read_access_list,
)
from replica.rights import (
    ANONYMOUS as ANONYMOUS_ENTRY,
)
from replica.store.access_list import read_in_force
from replica.transports.address import is_address

_REPAIR = (
    f"Delete it with `replicate delete DB {ACCESS_LIST}` and make it anew: it gives nobody but administrators anything."
)
_CLASH = f"`replicate conflicts DB` shows both; `replicate resolve DB {ACCESS_LIST} --keep REVISION` ends it."


class Standing(NamedTuple):
    """What somebody may do in a database. `by`: the names of the entries that say so; ``_admin`` for an administrator."""

    name: str
    rights: Rights
    by: list[str]


def read_entries(hub: Replica) -> list[Entry]:
    """The entries of the access list, in their order; none if there is no list. Of clashing lists, those of the winner.

    `BadAccessList` if it cannot be understood.
    """
    document = hub.get(ACCESS_LIST, None)
    return [] if document is None else list(_understood(document).entries.values())


def is_in_conflict(hub: Replica) -> bool:
    """Whether the list was changed in two places, so that everybody has what both lists give. Of a file only."""
    return not is_address(hub.path) and len(_in_force(hub).said) > 1


def set_entry(hub: Replica, name: str, level: str, *, roles: Iterable[str] = (), deny: Iterable[str] = ()) -> Entry:
    """Save an entry, in the place of the one of that name; the list is made if there is none.

    `BadAccessList` if that is no entry, or the list that is there cannot be understood; `StaleRevision` if it was changed in two
    places, or by somebody else meanwhile.
    """
    entry = checked_entry(name, level, roles, deny)
    with _at_once(hub):
        document, listed = _to_change(hub)
        saved = _save(hub, document, listed.entries | {name: entry})
    _note(hub, saved, listed.entries.get(name), entry)
    return entry


def remove_entry(hub: Replica, name: str) -> None:
    """Remove an entry. `NotFound`, and the errors of `set_entry`."""
    with _at_once(hub):
        document, listed = _to_change(hub)
        if name not in listed.entries:
            raise NotFound(f"there is no entry {name[:80]!r}", hint="`replicate acl DB list` shows them.")
        saved = _save(hub, document, {key: entry for key, entry in listed.entries.items() if key != name})
    _note(hub, saved, listed.entries[name], None)


def standing_of(hub: Replica, name: str) -> Standing:
    """What `name` would have on a server that has the file: a user, ``group:…``, ``role:…``, ``-default-`` or ``anonymous``.

    Groups, roles and administrators are those of the directory beside the file, or else in the nearest folder above.
    `NotSupported` at an address.
    """
    if is_address(hub.path):
        hint = "Make a replica with `replicate copy` beside a copy of `_users.db`, or ask on the server."
        raise NotSupported("only the server knows its groups and roles", hint=hint)
    checked_entry(name, "none")
    lists, (who, has_users) = _in_force(hub), _who(hub, name)
    if who.is_admin or not (has_users or lists.is_there):
        return Standing(name, ALL_RIGHTS, ["_admin"] if who.is_admin else [])
    by = [entry.name for listed in lists.said if isinstance(listed, AccessList) for entry in listed.applying(who)]
    return Standing(name, lists.rights_of(who), list(dict.fromkeys(by)))


def _who(hub: Replica, name: str) -> tuple[Principal, bool]:
    """Somebody of that name, and whether there are any users."""
    folder = _folder_of(os.path.realpath(hub.path))
    if folder is None:
        return _without_directory(name), False
    directory = Directory(folder)
    try:
        known = directory.by_name(name) if ":" not in name and name not in (DEFAULT, ANONYMOUS_ENTRY) else None
        return known or _without_directory(name), not directory.is_empty
    finally:
        directory.close()


def _without_directory(name: str) -> Principal:
    if name == ANONYMOUS_ENTRY:
        return ANONYMOUS
    for kind in (GROUP, ROLE):
        if name.startswith(kind):
            one = frozenset({name.removeprefix(kind)})
            return Principal("", groups=one) if kind == GROUP else Principal("", roles=one)
    return Principal("" if name == DEFAULT else name)


def _in_force(hub: Replica) -> InForce:
    with hub.file.read() as connection:
        return read_in_force(connection)


def _at_once(hub: Replica) -> AbstractContextManager[object]:
    return nullcontext() if is_address(hub.path) else hub.batch()


def _to_change(hub: Replica) -> tuple[Document | None, AccessList]:
    if is_in_conflict(hub):
        raise StaleRevision("the access list was changed in two places", hint=_CLASH)
    document = hub.get(ACCESS_LIST, None)
    return document, AccessList({}) if document is None else _understood(document)


def _understood(document: Document) -> AccessList:
    try:
        return read_access_list(document.items)
    except BadAccessList as error:
        raise BadAccessList(f"the access list cannot be understood: {error}", hint=_REPAIR) from error


def _save(hub: Replica, document: Document | None, entries: dict[str, Entry]) -> Document | None:
    """What was saved; None if the entries are those that are there."""
    said: list[Json] = AccessList(entries).to_json()
    if document is None:
        return hub.put({"entries": said}, unid=ACCESS_LIST)
    if document.items["entries"] == said:
        return None
    document["entries"] = said
    return hub.put(document)


def _note(hub: Replica, saved: Document | None, before: Entry | None, after: Entry | None) -> None:
    """Note in the security log of the folder, if the file is served from one with users, what was saved and by whom."""
    folder = None if saved is None or is_address(hub.path) else _folder_of(os.path.realpath(hub.path))
    if saved is None or folder is None:
        return
    changes = [{"before": before and before.to_json(), "after": after and after.to_json()}]
    SecurityLog(folder, hub.clock).record(
        "access_list_changed",
        database=os.path.relpath(os.path.realpath(hub.path), folder).removesuffix(".db"),
        revision=saved.revision,
        saved_by=listed(saved.get(UPDATED_BY)),
        changes=changes,
        by=whoever_runs_this(),
    )


def _folder_of(path: str) -> str | None:
    """The folder with a directory of users that the file is in, maybe deeper; None if there is none."""
    folder = os.path.dirname(path)
    while not os.path.exists(os.path.join(folder, USERS_FILE)):
        if folder == os.path.dirname(folder):
            return None
        folder = os.path.dirname(folder)
    return folder
