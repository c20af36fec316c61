"""The databases of a folder, by the names that they have over HTTP: `orders.db` is `orders`, `a/b.db` is `a/b`."""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

import replica
from replica.access import SecurityLog
from replica.conflict import ACCESS_LIST
from replica.errors import BadSettings, Exists, IllegalName, NotFound, ReplicaError
from replica.naming import UPDATED_BY, listed
from replica.replica import Replica
from replica.rights import InForce
from replica.server.access_list import Seen, WatchedList, unnoticed
from replica.server.pending import Pending
from replica.server.security_log import changes_of
from replica.server.watching import Watch
from replica.store.faults import file_errors
from replica.store.identity import new_id
from replica.store.leaves import winner_of
from replica.store.publish import PRIVATE
from replica.store.sighted import Sights

SUFFIX = ".db"
OPEN_MAX = 64  # databases kept open that nobody uses at the moment
_NEW = re.compile(r"[a-z][a-z0-9_$()+/-]*", re.ASCII)  # CouchDB's rule for the name of a database
NAME_MAX = 238  # bytes; CouchDB's, too, and with the suffix within what file systems take
_NO_LIST = InForce()
_UUID_FILE = ".replica-server"
_log = logging.getLogger(__name__)


class Held:
    """A replica that is open, how many use it, the watch on it, its access list, what is known of its feed, and how it is
    read by those who do not see everything.
    """

    def __init__(self, replica: Replica, seen: Seen = unnoticed) -> None:
        self.replica = replica
        self.watch = Watch(replica)
        self.pending = Pending()
        self.access = WatchedList(replica, seen)
        self.sights = Sights(replica.file)
        self.users = 0

    def close(self) -> None:
        """Close the file."""
        self.access.close()
        self.sights.close()
        self.replica.close()


class Catalogue:
    """The databases in `folder`. Threads may share it. `uuid` names this server, for ever. Changes of access lists are noted
    in the security log.
    """

    def __init__(self, folder: str, log: SecurityLog) -> None:
        self.folder = os.path.realpath(folder)
        if not os.path.isdir(self.folder):
            raise BadSettings(f"there is no folder {folder}", hint="Make it, or name another with --data.")
        self.uuid = _uuid(os.path.join(self.folder, _UUID_FILE))
        self._log = log
        self._lock = threading.Lock()
        self._open: dict[str, Held] = {}
        self._lists: dict[str, InForce] = {}  # as they were last seen, also of databases that were closed or replaced
        self._dismissed = False
        self._told: set[str] = set()  # the files of which was told that they are not served

    def names(self) -> list[str]:
        """The names of all databases, sorted. A file whose name is not UTF-8 has none: no path of HTTP leads to it."""
        found = []
        for folder, folders, files in os.walk(self.folder):
            folders[:] = [name for name in folders if not name.startswith(".")]
            inside = os.path.relpath(folder, self.folder)
            prefix = "" if inside == "." else f"{inside}/"
            ours = [name for name in files if name.endswith(SUFFIX) and not os.path.islink(os.path.join(folder, name))]
            found += [f"{prefix}{name.removesuffix(SUFFIX)}" for name in ours]
        named = {name for name in found if _is_text(name)}
        self._tell_unnamed({*found} - named)
        return sorted(name for name in named if _is_safe(name))

    def _tell_unnamed(self, names: set[str]) -> None:
        with self._lock:
            new, self._told = names - self._told, self._told | names
        for name in sorted(new):
            _log.warning("the file %r is not served: its name is not UTF-8", os.fsencode(name + SUFFIX))

    def held(self) -> dict[str, Held]:
        """The databases that are open at the moment."""
        with self._lock:
            return dict(self._open)

    def create(self, name: str) -> None:
        """Make a new database of that name. `IllegalName`, `Exists`."""
        if not _NEW.fullmatch(name) or not _is_safe(name):
            raise IllegalName(f"{name[:80]!r} is not a name for a database")
        path = self._path(name)
        with file_errors(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
        try:
            replica.create(path, title=name).close()
        except Exists:
            raise Exists(f"the database {name!r} is there already") from None

    def delete(self, name: str) -> None:
        """Remove the file of that name, and what SQLite and the writers' lock keep beside it. `NotFound`."""
        path = self._path(name)
        with self._lock:
            if not os.path.isfile(path):
                raise _no_such(name)
            held = self._open.pop(name, None)
            self._lists.pop(name, None)
            if held is not None:
                held.watch.end()
                if not held.users:  # else the last of them closes it
                    held.close()
            with file_errors(path):
                os.unlink(path)
                for leftover in ("-wal", "-shm", "-lock"):
                    with suppress(FileNotFoundError):
                        os.unlink(f"{path}{leftover}")

    @contextmanager
    def use(self, name: str) -> Iterator[Held]:
        """The database of that name, open for as long as the block takes. `NotFound`, and the errors of `open`."""
        held = self._take(name)
        try:
            yield held
        finally:
            with self._lock:
                held.users -= 1
                if not held.users and self._open.get(name) is not held:
                    held.close()  # another file has taken its place meanwhile
                self._close_idle()

    def is_at_hand(self, name: str) -> bool:
        """Whether `use` will not take long: the database is open, as it is at its path, and nobody is opening another."""
        if self._lock.locked():
            return False
        held = self._open.get(name)
        return held is not None and held.replica.is_current

    def access_list(self, name: str) -> InForce:
        """The access list of the database of that name as it is now; an absent one if that cannot be opened or is not there.

        An error that may be gone soon (`may_retry`) is raised.
        """
        try:
            with self.use(name) as held:
                return held.access.now()
        except ReplicaError as error:
            if error.may_retry:
                raise
            return _NO_LIST

    def _take(self, name: str) -> Held:
        with self._lock:
            held = self._open.get(name)
            if held is not None and not held.replica.is_current:  # another file has taken its place
                held.watch.end()
                self._open.pop(name)
                if not held.users:
                    held.close()
                held = None
            if held is None:
                try:
                    opened = replica.open(self._path(name))
                    held = Held(opened, partial(self._note_list, name, opened))
                    if self._dismissed:
                        held.watch.end()
                except NotFound:
                    raise _no_such(name) from None
            self._open[name] = held
            held.users += 1
            return held

    def _note_list(self, name: str, hub: Replica, now: InForce) -> None:
        before, self._lists[name] = self._lists.get(name, now), now
        if now == before:
            return
        revision, by = _saved(hub)
        changes = changes_of(before, now)
        self._log.record("access_list_changed", database=name, revision=revision, saved_by=by, changes=changes)

    def _close_idle(self) -> None:
        idle = [name for name, held in self._open.items() if not held.users]
        for name in idle[: max(0, len(self._open) - OPEN_MAX)]:
            self._open.pop(name).close()

    def _path(self, name: str) -> str:
        path = os.path.join(self.folder, name + SUFFIX)
        if not _is_safe(name) or os.path.realpath(path) != path:  # a link would lead out of the folder
            raise _no_such(name)
        return path

    def dismiss(self) -> None:
        """Let nobody wait for changes any more: the server is about to stop, and answers what it is asked first."""
        with self._lock:
            self._dismissed = True
            for held in self._open.values():
                held.watch.end()

    def close(self) -> None:
        """Close all databases; those who wait for changes are told."""
        with self._lock:
            for held in self._open.values():
                held.watch.end()
                with suppress(ReplicaError):
                    held.close()
            self._open.clear()


def _saved(hub: Replica) -> tuple[str | None, list[str] | None]:
    """The revision of the access list that is shown, be it a deletion stub, and who saved that. None: it cannot be told."""
    try:
        with hub.file.read() as connection:
            shown = winner_of(connection, ACCESS_LIST)
        return (None, None) if shown is None else (str(shown.revision), listed(shown.items.get(UPDATED_BY)))
    except ReplicaError:  # that it was changed is noted all the same
        return None, None


def _is_safe(name: str) -> bool:
    """Whether a name stays within the folder, and does not begin with what is no database's name.

    Nor are the users of another server served, whose folder may lie in this one.
    """
    parts = name.split("/")
    if not _is_text(name) or len(name.encode()) > NAME_MAX or parts[-1].lower() == "_users":
        return False
    return not name.startswith("_") and all(part and not part.startswith(".") and "\0" not in part for part in parts)


def _is_text(name: str) -> bool:
    """Whether the file system's name is UTF-8."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _no_such(name: str) -> NotFound:
    return NotFound("Database does not exist.", hint=f"Make it with PUT /{name[:80]}, or see /_all_dbs.")


def _uuid(path: str) -> str:
    """The name of the server that keeps its data here; clients name their checkpoints after it."""
    with file_errors(path):
        try:
            with open(path, "x", encoding="ascii", opener=partial(os.open, mode=PRIVATE)) as file:
                file.write(new_id() + "\n")
        except FileExistsError:
            pass
        with open(path, encoding="ascii") as file:
            return file.read().strip()
