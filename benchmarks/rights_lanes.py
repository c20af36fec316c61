"""Databases of servers with users, for the measurements of what access checks cost."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from http_lanes import HTTPWorkplace
from lanes import HERE, run
from plan import OURS
from rights_plan import RIGHTS


class RightsWorkplace(HTTPWorkplace):
    """As `HTTPWorkplace`; before a measurement the server has seen the password of whoever asks."""

    def __init__(self, work: Path) -> None:
        super().__init__(work, RIGHTS)

    def prepare(self, name: str) -> None:
        """Make the lane's databases at both ends, and put them aside."""
        shutil.copytree(self._made(OURS), self.place)
        run([sys.executable, str(HERE / "guarded.py"), name, "server", "client"], self.place)
        self.place.rename(self.work / name)
