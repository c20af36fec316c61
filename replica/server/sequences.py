"""Places in a replica's feed as clients of CouchDB's API carry them: ``"N-<8 hex digits>"``. Pure.

For whoever does not see everything ``"N-<8 hex digits>-<8 hex digits>"``. N is the update sequence, the digits behind it are
the first of the instance id: a number means something in one replica only. Whoever comes with a place in another replica
(the database was deleted and made anew, the file replaced), or with one that is not reached yet (a backup was restored),
starts from 0: nothing is skipped, and what the client has, it does not fetch again. The last digits tell by whose eyes the
feed was read: with others, it starts from 0 too, as there may be more to see.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from replica.errors import BadRequest

_SHOWN = 8  # digits of the instance id
_PLACE = re.compile(r'"?([0-9]{1,19})(?:-([0-9a-f]{8})(?:-([0-9a-f]{8}))?)?"?', re.ASCII)


def place(number: int, instance_id: str, sight_id: str) -> str:
    """The update sequence `number` of this replica, as it is told to somebody of that sight."""
    return "-".join([str(number), instance_id[:_SHOWN], *([sight_id[:_SHOWN]] if sight_id else [])])


def number_of(word: str, ids: Iterable[str], sight_id: str, newest: int) -> int:
    """The update sequence to go on from, for a client that names the place `word`; a bare number is one, too.

    `ids`: what the replica is and was called; `newest`: its present update sequence, which is ``now``. `BadRequest` if
    it is no place at all.
    """
    if word == "now":
        return newest
    match = _PLACE.fullmatch(word)
    if match is None:
        raise BadRequest("Malformed sequence supplied in 'since' parameter.", hint="Give back a `seq` or `last_seq`.")
    number, of = int(match[1]), match[2]
    here = of is None or (any(name.startswith(of) for name in ids) and (match[3] or "") == sight_id[:_SHOWN])
    return number if here and number <= newest else 0
