"""The peer in this process: the definition of what every verb does."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import time
from collections.abc import Iterable

from sqlalchemy import Connection, column, text

from replica import changes
from replica.changes import Entry, Offer, Page
from replica.clock import Clock
from replica.engine.history import has_forked
from replica.engine.peer import Batch, Changed, Fetched, Greeting, Withdrawn, Withheld, wanted
from replica.leaf import Leaf
from replica.revision import Ancestor, Revision
from replica.rights import is_unlimited
from replica.rows import Rows
from replica.store.access_list import Ruling, everything
from replica.store.bulk import receive_rows
from replica.store.eviction import evict
from replica.store.identity import Identity, read_identity, renew
from replica.store.leaf_rows import rows_of_many, rows_since
from replica.store.leaves import foreign_texts, leaves_of_many, remember_texts, update_sequence
from replica.store.receive import refused, refused_from
from replica.store.sessions import Position, Session, save_session, sessions_with, token_of
from replica.store.settings import read_setting, read_settings, write_setting
from replica.store.sighted import SightedFile
from replica.store.sqlite import MEMORY, SQLiteFile
from replica.tally import Tally

POLL_S = 0.2  # how often it is looked whether anyone has written
WAIT_S = 1.0

_STATE = text("""
    SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'leaf'), 0) AS update_seq,
        NOT EXISTS (SELECT 1 FROM leaf) AND NOT EXISTS (SELECT 1 FROM evicted) AS empty,
        EXISTS (SELECT 1 FROM refused) AS any_refused
    """).columns(column("update_seq"), column("empty"), column("any_refused"))


class DirectPeer:
    """A replica's file as a peer. Whoever opens the file may do everything, unless a `ruling` says less."""

    def __init__(self, file: SQLiteFile, clock: Clock, ruling: Ruling = everything) -> None:
        self.file = file
        self.clock = clock
        self.ruling = ruling

    def greet(self, other: Greeting | None, dry_run: bool = False) -> Greeting:
        """Who this is. Takes a new instance id first if the other is a different file of the same name, or knows better."""
        with self.file.read() as connection:
            mine = self._greeting(connection, other)
        if other is not None and not dry_run and not self.file.read_only and _must_renew(mine, other):
            with self.file.write() as connection:
                renew(connection)
            with self.file.read() as connection:  # and not before: who writes sees more
                mine = self._greeting(connection, other)
        return mine

    def _refused(self, connection: Connection, other: Greeting | None) -> list[str]:
        """What is wanted again: by those who do not see everything, no more is learned of it than they have offered."""
        found = refused(connection) if not self.file.sight_id else refused_from(connection, other.ids if other else ())
        return sorted({failure.unid for failure in found})

    def _greeting(self, connection: Connection, other: Greeting | None) -> Greeting:
        identity: Identity = read_identity(connection)
        settings = read_settings(connection)
        state = connection.execute(_STATE).one()
        return Greeting(
            replica_id=identity.replica_id,
            ids=identity.all_ids,
            place=self._place(),
            era=identity.era,
            update_seq=state.update_seq,
            empty=bool(state.empty),
            remembers=not self.file.read_only,
            paused=settings["paused"],
            ancestry_limit=settings["ancestry-limit"],
            sessions=sessions_with(connection, other.ids) if other is not None else [],
            refused=self._refused(connection, other) if state.any_refused else [],
            token=token_of(self.file.sight_id),
        )

    def _place(self) -> str:
        """Equal for all who have this file open, through a server too; it says nothing about the machine to others."""
        if self.file.path == MEMORY:
            where = f"memory {id(self.file)} of process {os.getpid()}"
        else:
            status = os.stat(self.file.path)
            where = f"file {status.st_dev}:{status.st_ino}"
        return hashlib.sha256(f"{where} on {running_system()}".encode()).hexdigest()[:32]

    def changes(self, since: Position, limit: int) -> Page:
        """What changed after `since`. All places have its token: if somebody sees other documents by now, they are no places
        in that feed, and the next replication begins anew.
        """
        with self.file.read() as connection:
            page = changes.changes_since(connection, since.number, limit)
        return _called(page, since.token) if since.token else page

    def newer(self, since: Position) -> bool:
        """Whether something changed here after `since`, by whichever process; looks now and then for `WAIT_S`."""
        for _ in range(round(WAIT_S / POLL_S)):
            with self.file.read() as connection:
                if update_sequence(connection) > since.number:
                    return True
            time.sleep(POLL_S)
        return False

    def changes_up_to(self, position: Position, limit: int) -> list[Entry]:
        """What is left of the last changes up to `position`."""
        since = position._replace(number=max(0, position.number - limit))
        return [entry for entry in self.changes(since, limit).entries if entry.sequence <= position.number]

    def changes_of(self, unids: list[str]) -> list[Entry]:
        """The present state of these documents."""
        with self.file.read() as connection:
            return changes.changes_of(connection, unids)

    def missing(self, offers: list[Offer]) -> list[Offer]:
        """Which of the offered leaves to send here."""
        with self.file.read() as connection:
            here = leaves_of_many(connection, {offer.unid for offer in offers}, bodies=False)
        offered: dict[str, list[Offer]] = {}
        for offer in offers:
            offered.setdefault(offer.unid, []).append(offer)
        missing: list[Offer] = []
        for unid, together in offered.items():
            missing += wanted(together, [row.leaf for row in here.get(unid, ())])
        return missing

    def fetch(self, wanted: list[tuple[str, Revision]], most: int | None = None) -> Fetched:
        """These leaves, as far as they still are leaves. `TooLarge`: several documents that are more than `most` bytes."""
        with self.file.read() as connection:
            return Fetched(rows_of_many(connection, wanted, most))

    def changed_leaves(self, since: Position, limit: int, size: int) -> Changed:
        """What changed after `since`, with all leaves of these documents: what `changes`, `fetch` and `texts` say together."""
        with self.file.read() as connection:
            found = rows_since(connection, since.number, limit, size)
            position = Position(found.position, since.token)
            return Changed(found.rows, foreign_texts(connection, found.rows), found.read, position, found.last)

    def withdrawn(self, since: Position, limit: int) -> Withdrawn:
        """What can be seen no more, by changes after `since`."""
        if not isinstance(self.file, SightedFile):
            return Withdrawn([], since, True)
        found, reached, last = self.file.withdrawn_since(since.number, limit)
        return Withdrawn(found, since._replace(number=reached), last)

    def withheld(self, held: list[tuple[str, list[Revision]]]) -> Withheld:
        """Which of these documents are not to be seen here, as far as whoever asks has had them."""
        answer = Withheld([], [])
        if not isinstance(self.file, SightedFile):
            return answer
        hidden = self.file.hidden_among(unid for unid, _ in held)
        with self.file.whole.read() as connection:
            here = leaves_of_many(connection, hidden, bodies=False)
        for unid, revisions in held:
            leaves = [row.leaf for row in here.get(unid, ())]
            known = [any(leaf.covers(Ancestor.of(revision)) for leaf in leaves) for revision in revisions]
            if any(known):
                (answer.known if all(known) else answer.unsent).append(unid)
        return answer

    def evict(self, judged: dict[str, list[str]], by: Greeting) -> int:
        """Let these documents go."""
        with self.file.write() as connection:
            return evict(connection, judged, by.ids, by.token, self.clock())

    def texts(self, leaves: Iterable[Leaf]) -> dict[bytes, str]:
        """The texts of foreign revisions in the ancestries of these leaves."""
        with self.file.read() as connection:
            return foreign_texts(connection, leaves)

    def accept(self, batch: Batch, dry_run: bool) -> Tally:
        """Unite the batch with what is here and remember the session with what this did, in one transaction."""
        try:
            with self.file.write() as connection:
                rule = self.ruling(connection)
                if is_unlimited(rule) and batch.ancestry_limit > read_setting(connection, "ancestry-limit"):
                    write_setting(connection, "ancestry-limit", batch.ancestry_limit)
                offered = Rows.of(batch.leaves)
                tally = receive_rows(connection, offered, batch.session.peer, self.clock(), batch.refused, rule)
                remember_texts(connection, batch.texts)
                if dry_run:
                    raise _DryRun(tally)
                save_session(connection, batch.session.counting(tally))
        except _DryRun as done:
            return done.tally
        return tally

    def remember(self, *sessions: Session) -> None:
        """Note what the receiving side has durably."""
        with self.file.write() as connection:
            for session in sessions:
                save_session(connection, session)


def _called(page: Page, token: str) -> Page:
    """The same page, where all places have that token."""
    entries = [entry._replace(token=token) for entry in page.entries]
    return page._replace(entries=entries, position=page.position._replace(token=token))


@functools.cache
def running_system() -> str:
    """Tells this kernel, since it was started, from all others: in it, device and inode name one file."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:  # not Linux
        return platform.node()


class _DryRun(Exception):
    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self.tally = tally


def _must_renew(mine: Greeting, other: Greeting) -> bool:
    twin = mine.instance_id == other.instance_id and mine.place != other.place
    return mine.replica_id == other.replica_id and (twin or has_forked(mine, other))
