"""What access checks cost, as a picture.

python benchmarks/rights_picture.py results/DATE-rights.json > latest-rights.svg
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import picture
from compare import Results
from rights_plan import EDITOR, EVERYBODY, OUTSIDER, READER

BARS = (
    (EVERYBODY, "no users", picture.BLUE),
    (EDITOR, "an editor", "#6fa8bd"),
    (READER, "a tenth for them", picture.ORANGE),
    (OUTSIDER, "a tenth for others", picture.GREY),
)
GROUPS = [
    picture.Group(verb, tuple((label, f"{lane.name}/{verb}", colour) for lane, label, colour in BARS))
    for verb in ("pull", "push")
]


def svg(results: Results) -> str:
    """The whole picture, as text."""
    return picture.svg(results, GROUPS)


if __name__ == "__main__":
    print(svg(json.loads(Path(sys.argv[1]).read_text())), end="")
