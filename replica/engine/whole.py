"""To a replica that has nothing everything goes: the feed comes with its documents, and nobody is asked which are wanted."""

from __future__ import annotations

from collections.abc import Generator
from typing import cast

from replica.engine import replicate
from replica.engine.peer import Fetched, Ours
from replica.engine.replicate import Load, Task, loads, witnesses_of
from replica.store.sessions import Position

FIRST_PAGE = 500  # documents: the target has something to do while more is on its way


def whole_loads(task: Task, since: Position) -> Generator[Load]:
    """What `loads` brings, in one question each instead of three, if the target is empty. Both ends are replicas of ours."""
    if not task.to.empty:
        yield from loads(task, since)
        return
    source = cast(Ours, task.source)
    limit, last = min(FIRST_PAGE, replicate.PAGE), False
    while not last:
        got = source.changed_leaves(since, limit, replicate.BATCH_BYTES)
        if got.position > since:
            witnesses = witnesses_of(task, got.position)
            yield Load(Fetched(got.leaves, got.refused), got.texts, got.position, got.read, True, witnesses)
        since, last, limit = max(since, got.position), got.last, min(2 * limit, replicate.PAGE)
