"""What a replication reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from replica.tally import Tally


@dataclass(slots=True)
class Report:
    """The result of a replication; a direction that did not run is None. Conflicts leave `ok` true.

    `limit` names the limit that ended it early, if one did.
    """

    pull: Tally | None = None
    push: Tally | None = None
    seconds: float = 0.0
    dry_run: bool = False
    limit: str | None = None

    @property
    def ok(self) -> bool:
        """Whether everything offered was taken, in the directions that ran."""
        return self.limit is None and all(tally.ok for tally in (self.pull, self.push) if tally is not None)

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        return {
            "ok": self.ok,
            "pull": self.pull and self.pull.to_dict(),
            "push": self.push and self.push.to_dict(),
            "seconds": round(self.seconds, 3),
            "dry_run": self.dry_run,
            "limit": self.limit,
        }
