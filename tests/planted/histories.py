"""Random histories of a few replicas by number, so that one can be named and repeated: 17 is the same everywhere.

They do what the state machines of `tests/property` do, in the same world, without Hypothesis: nothing is shrunk and
nothing is searched, but a process that plays one history has started in half a second.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.saboteurs import LANES, CutAfter, CutBefore
from tests.world import CLOCKS, World, changed

VALUES: tuple[Any, ...] = (0, 1, 1.0, True, None, "", "x", [1], {"a": None}, 10**30)
NAMES = ("a", "b", "c", "", "é")
COUNTS = (2, 2, 2, 3, 3, 3, 4, 5)
POLICIES = (("conflict",), ("conflict",), ("merge",), ("merge", "conflict"))
DIRECTIONS = ("both", "pull", "push")
FILES = ("copy_file", "restore", "restore", "copy", "back_up", "move")

Act = Callable[[World, random.Random], None]


def convergence(number: int) -> None:
    """People write and replicate, and things happen to their files."""
    _play(number, [write] * 6 + [clash] * 2 + [replicate] * 4 + [something_else] * 2)


def interruption(number: int) -> None:
    """The same, and replications do not go well."""
    _play(number, [write] * 5 + [clash] * 2 + [replicate] * 2 + [cut] * 3 + [meddle, ask_twice, something_else])


def http(number: int) -> None:
    """The same over HTTP: all goes well, or not."""
    _play(number, [write] * 5 + [clash] * 2 + [over_http] * 4 + [cut_over_http] * 2 + [something_else], ("http",))


def _play(number: int, acts: list[Act], lanes: tuple[str, ...] = LANES) -> None:
    luck = random.Random(number)
    clocks = tuple(luck.choices(sorted(CLOCKS), k=luck.randint(1, 4)))
    count, batch = luck.choice(COUNTS), luck.choice([1, 2, 3, 1000])
    memory = count < 4 and luck.random() < 0.2
    with World(count, memory=memory, clocks=clocks, policies=luck.choice(POLICIES), batch=batch) as world:
        world.lanes = lanes
        for _ in range(luck.choice([10, 20, 40])):
            luck.choice(acts)(world, luck)
        world.settle(number)


def who(luck: random.Random) -> int:
    """A number that names a replica, a document, a version: whatever there is."""
    return luck.randrange(8)


def change(luck: random.Random) -> dict[str, Any]:
    """Items to set, or (given as `...`) to remove."""
    dice = luck.random()
    if dice < 0.4:
        return {"a": luck.randrange(3)}
    if dice < 0.5:
        return {"$ConflictAction": luck.choice(["merge", "conflict"])}
    return {name: luck.choice([*VALUES, ...]) for name in luck.sample(NAMES, luck.randrange(4))}


def write(world: World, luck: random.Random) -> None:
    """Somebody saves, deletes, or ends a conflict."""
    at, doc, branch = who(luck), who(luck), luck.randrange(3)
    dice = luck.random()
    if dice < 0.4:
        world.edit(at, doc, branch, change(luck), luck.random() < 0.3)
    elif dice < 0.6:
        world.put(at, doc, changed({}, change(luck)))
    elif dice < 0.7:
        world.delete(at, doc, branch, luck.random() < 0.3)
    elif dice < 0.85:
        world.resolve(at, doc, branch, changed({}, change(luck)) if luck.random() < 0.3 else None)
    else:
        world.end_conflict(at, doc, change(luck) if luck.random() < 0.5 else None)


def clash(world: World, luck: random.Random) -> None:
    """The same document is edited at two replicas."""
    at, doc = who(luck), who(luck)
    world.edit(at, doc, 0, change(luck))
    world.edit(at + 1, doc, 0, change(luck))


def replicate(world: World, luck: random.Random) -> None:
    """All goes well."""
    exchange = (who(luck), who(luck), luck.choice(DIRECTIONS), luck.choice(LANES))
    if luck.random() < 0.2:
        world.dry_run(*exchange)
    else:
        world.replicate(*exchange)


def cut(world: World, luck: random.Random) -> None:
    """It is cut at some step."""
    trouble = luck.choice([CutAfter, CutBefore])(luck.randint(2, 24))
    world.cut(who(luck), who(luck), luck.choice(DIRECTIONS), luck.choice(LANES), trouble)


def over_http(world: World, luck: random.Random) -> None:
    """With a server between."""
    exchange = (who(luck), who(luck), luck.choice(DIRECTIONS), "http")
    dice = luck.random()
    if dice < 0.2:
        world.dry_run(*exchange)
    elif dice < 0.4:
        world.ask_twice(*exchange, luck.randint(2, 24))
    else:
        world.replicate(*exchange)


def cut_over_http(world: World, luck: random.Random) -> None:
    """It is cut at some step, or somebody writes in the middle of it."""
    at = luck.randint(2, 24)
    if luck.random() < 0.5:
        trouble = luck.choice([CutAfter, CutBefore])(at)
        world.cut(who(luck), who(luck), luck.choice(DIRECTIONS), "http", trouble)
    else:
        world.meddle(who(luck), who(luck), luck.choice(["pull", "push"]), "http", at, change(luck))


def meddle(world: World, luck: random.Random) -> None:
    """Somebody writes in the middle of it."""
    one_way = luck.choice(["pull", "push"])
    world.meddle(who(luck), who(luck), one_way, luck.choice(LANES), luck.randint(2, 24), change(luck))


def ask_twice(world: World, luck: random.Random) -> None:
    """One step is taken twice."""
    world.ask_twice(who(luck), who(luck), luck.choice(DIRECTIONS), luck.choice(LANES), luck.randint(2, 24))


def something_else(world: World, luck: random.Random) -> None:
    """What happens to files, and what is seldom done."""
    what = luck.choice([*FILES, "compact", "resolve_all", "forget", "save_too_late", "abandon"])
    if what in ("forget", "save_too_late", "abandon"):
        getattr(world, what)(who(luck), who(luck))
    else:
        getattr(world, what)(who(luck))
