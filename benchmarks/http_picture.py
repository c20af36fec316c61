"""The results over HTTP as a picture, as `picture.py` draws it.

python benchmarks/http_picture.py results/DATE-http.json > latest-http.svg
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import picture
from compare import Results
from http_plan import COUCHDB, FROM_OURS, NATIVE, OTHER_REQUESTS, OTHERS, OUR_REQUESTS, ROWS, SINGLE_ROWS, TO_OTHERS

LANES = (
    (NATIVE, "replica", picture.BLUE),
    (COUCHDB, "by CouchDB's protocol", "#6fa8bd"),
    (FROM_OURS, "PouchDB, our server", picture.ORANGE),
    (TO_OTHERS, "replica, pouchdb-server", picture.GREY),
    (OTHERS, "PouchDB, pouchdb-server", "#b5651d"),
)
REPLICATIONS = [
    picture.Group(row.title, tuple((label, row.key(lane), colour) for lane, label, colour in LANES)) for row in ROWS
]
SINGLES = [
    picture.Group(
        f"{verb.upper()}, {number} connection{'s' if number > 1 else ''}",
        (
            ("replica", f"{OUR_REQUESTS.name}/{verb}-{number}", picture.BLUE),
            ("pouchdb-server", f"{OTHER_REQUESTS.name}/{verb}-{number}", picture.ORANGE),
        ),
    )
    for verb, number in SINGLE_ROWS
]


def svg(results: Results) -> str:
    """The whole picture, as text."""
    return picture.svg(results, [*REPLICATIONS, *SINGLES])


if __name__ == "__main__":
    print(svg(json.loads(Path(sys.argv[1]).read_text())), end="")
