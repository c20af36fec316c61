"""How much of a feed is ahead of those who read it in pages, without counting it again for every page."""

from __future__ import annotations

KEPT = 256


class Pending:
    """What is ahead at the places where readers of one feed stopped last. Threads may share it.

    It is known as long as nothing was written: for one present update sequence, `newest`; and for one sight.
    """

    def __init__(self) -> None:
        self._ahead: dict[tuple[str, int, int], int] = {}

    def at(self, sight_id: str, newest: int, place: int) -> int | None:
        """How many documents are ahead at `place`; None if that is not known."""
        return self._ahead.get((sight_id, newest, place))

    def note(self, sight_id: str, newest: int, place: int, ahead: int) -> None:
        """Keep it, for the one who goes on from there."""
        if len(self._ahead) >= KEPT:
            self._ahead = {}
        self._ahead[sight_id, newest, place] = ahead
