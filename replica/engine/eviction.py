"""What leaves a replica, because whoever it replicates as may not read it, or not any more, at the other end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

from replica.changes import Entry
from replica.engine.peer import Greeting, Ours, Peer, Withheld
from replica.leaf import Leaf
from replica.naming import READERS
from replica.rights import said_in
from replica.rows import Rows
from replica.store.sessions import START, Position, sight_in
from replica.tally import Tally

PAGE = 5000  # documents asked about together


class Eviction:
    """Lets documents go before it is remembered that everything up to a position is here.

    What was withdrawn before that position has gone by then, so an interruption skips none. From the beginning, or by
    other eyes than the last time, the source is asked about all that is held. It costs nothing where the source shows
    everything, and in a dry run nothing goes.
    """

    def __init__(self, target: Peer, source: Peer, to: Greeting, by: Greeting, since: Position, tally: Tally) -> None:
        self._target, self._source = target, cast(Ours, source)
        self._by = by
        self._tally = tally
        self._withdrawn: list[tuple[int, str]] = []  # what is to go when its change is reached
        self._asked = since
        if not since.number:
            self._asked = since._replace(number=by.update_seq)
            if not to.empty:
                for entries in self._held():
                    self._tally.unsent += len(self._judge(entries).unsent)

    def up_to(self, position: Position) -> None:
        """Let go what was withdrawn up to this position in the source's feed."""
        while self._asked.number < position.number:
            answer = self._source.withdrawn(self._asked, PAGE)
            self._withdrawn += answer.unids
            self._asked = max(self._asked, answer.position) if not answer.last else max(position, answer.position)
        due = {unid for sequence, unid in self._withdrawn if sequence <= position.number}
        self._withdrawn = [each for each in self._withdrawn if each[0] > position.number]
        unids = sorted(due)
        for at in range(0, len(unids), PAGE):
            entries = self._target.changes_of(unids[at : at + PAGE])
            self._tally.unsent += len(entries) - len(self._judge(entries).known)

    def _held(self) -> Iterator[Iterable[Entry]]:
        since, last = START, False
        while not last:
            page = self._target.changes(since, PAGE)
            yield page.entries
            since, last = max(since, page.position), page.last

    def _judge(self, entries: Iterable[Entry]) -> Withheld:
        return _let_go(self._source, self._target, entries, self._by, self._tally)


def forget_other_eyes(source: Peer, to: Greeting, by: Greeting) -> None:
    """Before anything is sent, let the source, which greeted with `by`, forget what it pulled by other eyes than it sends with.

    What it sends may be seen by these alone. If they have gone by the next pull, no session tells of them: so that begins
    anew, and asks about all that is held.
    """
    if any(each.direction == "in" and sight_in(each.token) != sight_in(to.token) for each in by.sessions):
        source.evict({}, to)


def let_go_of_sent(target: Peer, source: Peer, to: Greeting, sent: Iterable[Leaf], tally: Tally) -> None:
    """Let those of the leaves that were sent go at the source which may not be read at the target by who sent them.

    Before the source remembers that it has sent them: cut in between, they are sent again, and go then.
    """
    unids = {leaf.unid for leaf in Rows.of(sent).with_bytes(READERS.encode()) if said_in(leaf) is not None}
    if unids:
        _let_go(cast(Ours, target), source, source.changes_of(sorted(unids)), to, tally)


def _let_go(judge: Ours, holder: Peer, entries: Iterable[Entry], by: Greeting, tally: Tally) -> Withheld:
    """Let those of the documents go at the holder which may not be read at the judge, where all is that is held."""
    held = {entry.unid: [offer.revision for offer in entry.offers] for entry in entries}
    if not held:
        return Withheld([], [])
    answer = judge.withheld(list(held.items()))
    known = {unid: [*map(str, held[unid])] for unid in answer.known if unid in held}
    if known:
        tally.evicted += holder.evict(known, by)
    return answer


def shows_all(by: Greeting) -> bool:
    """Whether whoever greeted so shows everything that it holds."""
    return not sight_in(by.token)
