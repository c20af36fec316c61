"""The replication loop: one direction, batch by batch, each a transaction of the receiving side. No sockets, no SQL."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator
from contextlib import closing
from typing import NamedTuple

from replica.changes import Entry, Offer, Page
from replica.engine.eviction import Eviction, forget_other_eyes, let_go_of_sent, shows_all
from replica.engine.history import common_position, lonely_session
from replica.engine.peer import Batch, Fetched, Greeting, Peer
from replica.errors import LimitReached
from replica.revision import ENTRY
from replica.store.sessions import Position, Session
from replica.tally import Tally

PAGE = 5000  # feed entries looked at together
BATCH_BYTES = 8 * 2**20  # of documents and ancestries in one transaction; a single larger document goes alone
WITNESSES = 32


class Progress(NamedTuple):
    """How far one direction has come: `done` and `total` are update sequences of the source, counted from the start.

    `other`: the same of the other direction, if that is wanted, too; before it begins, as far as it is known.
    """

    direction: str
    done: int
    total: int
    tally: Tally
    other: Progress | None = None


class Outset(NamedTuple):
    """What is known when a direction begins: `since` which place in the source's feed it goes on, how far that feed goes, and
    where it will count.
    """

    direction: str
    since: Position
    end: Position
    tally: Tally


class Portion(NamedTuple):
    """What goes into one transaction: the leaves to fetch, the entries looked at, the positions before and after it."""

    wanted: list[Offer]
    read: int
    since: Position
    position: Position


class Load(NamedTuple):
    """A portion as it was fetched, or a part of one that is too large for one transaction.

    `position` is reached by it, only the last part goes on to the portion's. `read`: the entries looked at.
    `witnesses`: of the source's feed, where the source cannot remember.
    """

    batch: Fetched
    texts: dict[bytes, str]
    position: Position
    read: int
    is_last: bool
    witnesses: list[tuple[int, str, str]] | None


class Task(NamedTuple):
    """What one direction needs: two peers that have greeted each other, and how to go about it."""

    direction: str  # "pull" or "push", for the progress
    target: Peer
    source: Peer
    to: Greeting
    by: Greeting
    session_id: str
    now_ms: Callable[[], int]
    dry_run: bool = False
    on_progress: Callable[[Progress], object] | None = None
    out_of_time: Callable[[], bool] = lambda: False


def loads(task: Task, since: Position) -> Generator[Load]:
    """Everything after `since` that the target wants, portion by portion."""
    last = False
    while not last:
        page = task.source.changes(since, PAGE)
        for portion in portions(page, since, missing_of(task, page)):
            yield from fetched(task, portion)
        since, last = max(since, page.position), page.last


def transfer(task: Task, tally: Tally, loads: Callable[[Task, Position], Generator[Load]] = loads) -> None:
    """Bring everything that is new at the source to the target; `tally` is filled on the way. `loads`: how it is fetched.

    `LimitReached` when the time is up; what was taken until then is remembered.
    """
    since = start = starting_point(task)
    sends = not (task.dry_run or shows_all(task.to))
    if sends and task.by.remembers and (task.to.refused or not is_at_end(task, since)):
        forget_other_eyes(task.source, task.to, task.by)
    retry_refused(task, since, tally)
    if is_at_end(task, since):
        return
    eviction = eviction_for(task, since, tally)
    with closing(loads(task, since)) as coming:
        for load in coming:
            if eviction is not None:
                eviction.up_to(load.position)
            session = take(task, load, tally)
            if load.is_last:
                remember(task, session)
                advance(task, start, load.position, tally)


def eviction_for(task: Task, since: Position, tally: Tally) -> Eviction | None:
    """What lets documents go at the target; None where nothing can have to."""
    if task.dry_run or shows_all(task.by):
        return None
    return Eviction(task.target, task.source, task.to, task.by, since, tally)


def starting_point(task: Task) -> Position:
    """Where in the source's feed to go on from."""
    common = common_position(task.to, task.by)
    lonely = None if task.by.remembers else lonely_session(task.to, task.by)
    if lonely is not None and lonely.reached > common and _witnessed(task.source, lonely):
        return lonely.reached
    return common


def is_at_end(task: Task, since: Position) -> bool:
    """Whether the source had nothing after `since` when it greeted. Of names that are not numbers only equality tells."""
    return since.number >= task.by.update_seq and since.token == task.by.token


def missing_of(task: Task, page: Page) -> dict[str, list[Offer]]:
    """Which of a page's leaves the target wants, by UNID."""
    missing: dict[str, list[Offer]] = {}
    offers = [offer for entry in page.entries for offer in entry.offers]
    for offer in task.target.missing(offers) if offers else ():
        missing.setdefault(offer.unid, []).append(offer)
    return missing


def portions(page: Page, since: Position, missing: dict[str, list[Offer]]) -> Generator[Portion]:
    """The entries of a page, in order, cut where the documents to fetch would be more than `BATCH_BYTES`."""
    wanted: list[Offer] = []
    size = read = 0
    begin = position = since
    for entry in page.entries:
        offers = missing.get(entry.unid, ())
        size_of_entry = sum(offer.size + ENTRY * offer.ancestors for offer in offers if offer.size)
        if wanted and size_of_entry and size + size_of_entry > BATCH_BYTES:
            yield Portion(wanted, read, begin, position)
            wanted, size, read, begin = [], 0, 0, position
        wanted.extend(offers)
        size += size_of_entry
        read += 1
        position = entry.position
    if page.position > since:
        yield Portion(wanted, read, begin, page.position)


def fetched(task: Task, portion: Portion) -> Generator[Load]:
    """The documents of a portion, from the source: in one part, or in several if it has too many for one transaction."""
    wanted = [(offer.unid, offer.revision) for offer in portion.wanted]
    read = portion.read
    while True:
        got = task.source.fetch(wanted) if wanted else Fetched([])
        texts = task.source.texts(got.leaves) if got.leaves else {}
        position = portion.since if got.rest else portion.position
        yield Load(got, texts, position, read, not got.rest, witnesses_of(task, position))
        if not got.rest:
            return
        wanted, read = wanted[-got.rest :], 0


def take(task: Task, load: Load, tally: Tally) -> Session:
    """One transaction of the target: the documents, and the memory of having them."""
    tally.read += load.read
    session = _session(task, load.position, tally)._replace(witnesses=load.witnesses)
    batch = Batch(load.batch.leaves, load.texts, session, task.by.ancestry_limit, load.batch.refused)
    done = task.target.accept(batch, task.dry_run)
    tally.add(done)
    if not (task.dry_run or shows_all(task.to)):
        let_go_of_sent(task.target, task.source, task.to, load.batch.leaves, tally)
    return session.counting(done)


def remember(task: Task, session: Session) -> None:
    """Let the source remember what the target has durably."""
    if task.by.remembers and not task.dry_run:
        task.source.remember(session._replace(direction="out", peer=task.to.instance_id, era=task.by.era))


def advance(task: Task, start: Position, since: Position, tally: Tally) -> None:
    """Tell how far it has come; `LimitReached` if that is far enough."""
    if task.on_progress:
        done, total = (n - start.number for n in (since.number, max(task.by.update_seq, since.number)))
        task.on_progress(Progress(task.direction, done, total, tally))
    if task.out_of_time():
        raise LimitReached("the time is up")


def _session(task: Task, position: Position, tally: Tally) -> Session:
    begun = Session(task.session_id, "in", task.by.instance_id, task.to.era, position.number, task.now_ms(), {})
    return begun._replace(token=position.token).counting(tally)


def retry_refused(task: Task, position: Position, tally: Tally) -> None:
    """Offer again what was refused before: the reason may be gone. What lies after `position` comes by itself."""
    for at in range(0, len(task.to.refused), PAGE):
        entries = task.source.changes_of(task.to.refused[at : at + PAGE])
        known = [entry for entry in entries if entry.sequence <= position.number]
        missing = missing_of(task, Page(known, position, True))
        page = Page([entry for entry in known if entry.unid in missing], position, True)
        for portion in portions(page, Position(-1), missing):
            if portion.wanted:
                for load in fetched(task, portion._replace(since=position, position=position)):
                    take(task, load, tally)


def witnesses_of(task: Task, position: Position) -> list[tuple[int, str, str]] | None:
    """What of the source's feed to keep, if the source cannot remember how far it was read."""
    return None if task.by.remembers else _last_entries(task.source, position)


def _last_entries(source: Peer, position: Position) -> list[tuple[int, str, str]]:
    """What is left of the source's last changes up to `position`: sequence, UNID, and all leaf revisions in short."""
    entries = source.changes_up_to(position, WITNESSES)
    return [(entry.sequence, entry.unid, _leaves(entry)) for entry in entries]


def _leaves(entry: Entry) -> str:
    revisions = [str(offer.revision) for offer in entry.offers]
    return revisions[0] if len(revisions) == 1 else hashlib.sha256(" ".join(sorted(revisions)).encode()).hexdigest()


def _witnessed(source: Peer, session: Session) -> bool:
    """Whether the source's feed still says what it said: entries may have moved on; none may be another, or new."""
    now = _last_entries(source, session.reached)
    return bool(now) and set(now) <= set(session.witnesses or [])
