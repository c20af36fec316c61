"""Exit codes: what each means, and which one an error gets. The only place that says so."""

from __future__ import annotations

import enum
from collections.abc import Iterable

from replica import errors


class Exit(enum.IntEnum):
    """The exit codes."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    PARTIAL = 3
    CONFLICTS = 4
    TEMPORARY = 5
    DIFFERENT = 6
    LIMIT = 7
    REFUSED = 8
    UNSAFE = 9
    NOT_FOUND = 10
    LOCKED = 11
    AUTHENTICATION = 12
    STALE = 13
    SCHEMA = 14
    DAMAGED = 15
    INTERRUPTED = 130
    PIPE = 141
    TERMINATED = 143


MEANINGS: dict[Exit, str] = {
    Exit.DONE: "done, also when there was nothing to do",
    Exit.ERROR: "an error that has no code of its own",
    Exit.USAGE: "wrong arguments or settings",
    Exit.PARTIAL: "some documents failed or were refused",
    Exit.CONFLICTS: "there are conflicts (only where this was asked for)",
    Exit.TEMPORARY: "temporary: busy, a full disk, the network; try again later",
    Exit.DIFFERENT: "verify found damage or a difference, check something that does not replicate",
    Exit.LIMIT: "a limit was reached",
    Exit.REFUSED: "refused: exists, stale revision, too large, bad document, not allowed",
    Exit.UNSAFE: "unsafe: suddenly empty, another database, with itself",
    Exit.NOT_FOUND: "not found",
    Exit.LOCKED: "locked by another process",
    Exit.AUTHENTICATION: "authentication: a wrong or missing password or token, or a certificate that is not trusted",
    Exit.STALE: "stale: a new replica is needed",
    Exit.SCHEMA: "the file, or the protocol of the peer, is of a newer or older version",
    Exit.DAMAGED: "not a database, or damaged",
    Exit.INTERRUPTED: "interrupted, after the batch in hand",
    Exit.PIPE: "nobody reads the output any more",
    Exit.TERMINATED: "terminated, after the batch in hand",
}

BY_ERROR: dict[type[BaseException], Exit] = {
    errors.Refused: Exit.REFUSED,
    errors.BadSelector: Exit.USAGE,
    errors.NotFound: Exit.NOT_FOUND,
    errors.Unsafe: Exit.UNSAFE,
    errors.Stale: Exit.STALE,
    errors.NotADatabase: Exit.DAMAGED,
    errors.Corrupt: Exit.DAMAGED,
    errors.TooNew: Exit.SCHEMA,
    errors.TooOld: Exit.SCHEMA,
    errors.DiskError: Exit.TEMPORARY,
    errors.Busy: Exit.TEMPORARY,
    errors.Locked: Exit.LOCKED,
    errors.TransportError: Exit.TEMPORARY,
    errors.OtherProtocol: Exit.SCHEMA,
    errors.NotAuthenticated: Exit.AUTHENTICATION,
    errors.NotTrusted: Exit.AUTHENTICATION,
    errors.LimitReached: Exit.LIMIT,
    errors.Mistake: Exit.USAGE,
}


WORST_FIRST: tuple[Exit, ...] = (
    Exit.TERMINATED,
    Exit.INTERRUPTED,
    Exit.PIPE,
    Exit.DAMAGED,
    Exit.UNSAFE,
    Exit.STALE,
    Exit.SCHEMA,
    Exit.AUTHENTICATION,
    Exit.USAGE,
    Exit.NOT_FOUND,
    Exit.REFUSED,
    Exit.ERROR,
    Exit.PARTIAL,
    Exit.DIFFERENT,
    Exit.LIMIT,
    Exit.TEMPORARY,
    Exit.LOCKED,
    Exit.CONFLICTS,
    Exit.DONE,
)
"""Which code a command has that does several things: what somebody has to look at goes before what gets better by itself."""


def worst(codes: Iterable[Exit]) -> Exit:
    """The code of several things together; `DONE` if there are none."""
    return min(codes, key=WORST_FIRST.index, default=Exit.DONE)


def exit_for(error: BaseException) -> Exit:
    """The exit code of an error: that of the nearest kind in the table."""
    return next((BY_ERROR[kind] for kind in type(error).__mro__ if kind in BY_ERROR), Exit.ERROR)
