"""The access list of a database as it counts at one moment: judged as a unit, leaf by leaf."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from replica.conflict import live
from replica.errors import BadDocument, Corrupt
from replica.leaf import Leaf
from replica.rights.access_list import AccessList, read_access_list
from replica.rights.level import NO_RIGHTS, Rights, lowest
from replica.rights.who import Who


class InForce(NamedTuple):
    """What the live leaves of the access list say, the winner first. In the place of one that cannot be understood: why."""

    said: tuple[AccessList | str, ...] = ()

    @property
    def is_there(self) -> bool:
        """Whether there is a list; without one, nobody but administrators has rights."""
        return bool(self.said)

    @property
    def problems(self) -> list[str]:
        """What cannot be understood."""
        return [each for each in self.said if isinstance(each, str)]

    def rights_of(self, who: Who) -> Rights:
        """What somebody may do: of clashing lists, what all of them give; by one that cannot be understood, nothing."""
        if not self.said:
            return NO_RIGHTS
        return lowest(NO_RIGHTS if isinstance(each, str) else each.rights_of(who) for each in self.said)


def in_force(leaves: Iterable[Leaf]) -> InForce:
    """What these leaves of the access list say."""
    return InForce(tuple(map(said_by, live(leaves))))


def said_by(leaf: Leaf) -> AccessList | str:
    """The list that a leaf is, or why it is none."""
    try:
        return read_access_list(leaf.items)
    except (BadDocument, Corrupt) as error:
        return f"revision {leaf.revision}: {error}"
