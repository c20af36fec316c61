"""What is known of both directions of one replication while it runs: from the greetings, then from what each of them tells."""

from __future__ import annotations

from collections.abc import Callable

from replica.engine.history import expected_position
from replica.engine.peer import Greeting
from replica.engine.replicate import Progress
from replica.tally import Tally

Told = Callable[[Progress], object]


class Prospect:
    """How far the directions that are wanted have come. The peers are asked nothing for it."""

    def __init__(self, direction: str, here: Greeting, there: Greeting) -> None:
        both = {"pull": _expected("pull", here, there), "push": _expected("push", there, here)}
        self._known = {name: each for name, each in both.items() if direction in ("both", name)}

    def tally_of(self, direction: str) -> Tally:
        """Where that direction is to count, so that all that is told of it is of one tally."""
        return self._known[direction].tally

    def telling(self, on_progress: Told | None) -> Told | None:
        """What is told the progress of one direction and passes it on with that of the other one."""
        if on_progress is None:
            return None

        def tell(progress: Progress) -> None:
            others = [each for name, each in self._known.items() if name != progress.direction]
            self._known[progress.direction] = progress
            on_progress(progress._replace(other=others[0] if others else None))

        return tell


def _expected(direction: str, target: Greeting, source: Greeting) -> Progress:
    pending = source.update_seq - expected_position(target, source).number
    return Progress(direction, 0, max(0, pending), Tally())
