"""What a configuration says that is allowed, and perhaps not meant."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import combinations

from replica.service.configuration import Configuration, Problem
from replica.service.connection import Connection
from replica.service.expansion import has_pattern

_WAYS = {"both": {"pull", "push"}, "pull": {"pull"}, "push": {"push"}}


def doubts(configuration: Configuration) -> list[Problem]:
    """What to look at, in the order of the connections."""
    found = [*_twice(configuration), *_one_way(configuration), *_absent(configuration)]
    order = {connection.name: number for number, connection in enumerate(configuration.connections)}
    return sorted(found, key=lambda problem: order[problem.connection or ""])


def _twice(configuration: Configuration) -> Iterator[Problem]:
    for one, other in combinations(configuration.connections, 2):
        if (one.here, one.peer) == (other.here, other.peer) and _WAYS[one.direction] & _WAYS[other.direction]:
            yield configuration.problem(other.name, "", f"{one.name!r} replicates the same two, in the same direction")


def _one_way(configuration: Configuration) -> Iterator[Problem]:
    for connection in configuration.connections:
        missing = {"pull", "push"} - _WAYS[connection.direction]
        for way in missing:
            if not any(_goes(other, connection, way) for other in configuration.connections):
                said = {
                    "push": "what is changed here stays here: no connection pushes it",
                    "pull": "what is changed at the peer does not come here: no connection pulls it",
                }
                yield configuration.problem(connection.name, "direction", said[way])


def _goes(other: Connection, connection: Connection, way: str) -> bool:
    """Whether another connection takes changes the other way; to whichever peer, as that may hand them on."""
    return way in _WAYS[other.direction] and _holds(other.here, connection.here)


def _holds(here: str, other: str) -> bool:
    return here == other or other.startswith(here + os.sep)


def _absent(configuration: Configuration) -> Iterator[Problem]:
    for connection in configuration.connections:
        if not has_pattern(connection.here) and not os.path.exists(connection.here):
            yield configuration.problem(connection.name, "here", f"there is no {connection.here}")
        for reference in (connection.password, connection.token):
            if reference is not None and reference.kind == "file" and not os.path.exists(reference.name):
                yield configuration.problem(connection.name, reference.key, f"there is no {reference.name}")
