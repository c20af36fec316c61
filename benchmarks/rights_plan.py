"""What access checks cost: the same pull and push, of databases with and without users, access lists and readers.

Databases as in `http_plan.py`. All of them have an access list; who asks is everybody where there are no users, else a user
with a password, which the server has proved before: that takes it 50 ms or so, once.
"""

from __future__ import annotations

from http_plan import EMPTY, HUB, Lane
from plan import OURS, Measurement

USER, PASSWORD = "anna", "benchmark"
TENTH = 10  # every such document is a restricted one, where some are

EVERYBODY = Lane("everybody@replica", OURS, OURS)
EDITOR = Lane("editor@replica", OURS, OURS, user=f"{USER}:{PASSWORD}")
READER = Lane("reader@replica", OURS, OURS, user=f"{USER}:{PASSWORD}")
AUTHOR = Lane("author@replica", OURS, OURS, user=f"{USER}:{PASSWORD}")
OUTSIDER = Lane("outsider@replica", OURS, OURS, user=f"{USER}:{PASSWORD}")
RIGHTS = {lane.name: lane for lane in (EVERYBODY, EDITOR, AUTHOR, READER, OUTSIDER)}
READERS = {READER.name: USER, OUTSIDER.name: "bruno"}  # whom the restricted documents of a lane name
TITLES = {
    EVERYBODY: "no users",
    EDITOR: "an editor",
    AUTHOR: "an author; all documents say who saved them",
    READER: "an editor; a tenth is for them to read",
    OUTSIDER: "an editor; a tenth is for somebody else",
}
COST_MAX = 1.15  # times as long as without users


def measurements(documents: int) -> list[Measurement]:
    """All of them, the lanes taking turns. A pull brings the access list too."""
    hidden = len(range(0, documents, TENTH))
    pulled = {name: documents + 1 - (hidden if name == OUTSIDER.name else 0) for name in RIGHTS}
    pulls = [Measurement("pull", name, ("pull", HUB, "empty"), pulled[name]) for name in RIGHTS if name != AUTHOR.name]
    pushes = [Measurement("push", name, ("push", "a", EMPTY), documents) for name in RIGHTS if name != OUTSIDER.name]
    return [*pulls, *pushes]
