"""What is measured: each measurement by name, the rows they are compared in, and the goals.

Paths in a measurement are names of databases: `a` holds the corpus, `b` is a replica of it that knows all, `empty` is a
replica of it that was made before the corpus came, `new` does not exist yet. Every run starts from fresh ones.
"""

from __future__ import annotations

from dataclasses import dataclass

OURS, LIMIT, POUCHDB = "replica", "sqlite", "pouchdb"
CORPUS = "corpus.ndjson"
CLASHES = 1000
SINGLES = 1000
AGAIN = 20


@dataclass(frozen=True)
class Edit:
    """A change made before the measurement, in a process of its own: `count` documents of the replica `where`."""

    where: str
    count: int
    tag: str


@dataclass(frozen=True)
class Measurement:
    """One verb of one lane; `documents` is what must have been written or read, else the run is an error."""

    name: str
    lane: str
    command: tuple[str, ...]
    documents: int
    edits: tuple[Edit, ...] = ()

    @property
    def key(self) -> str:
        """Its name in the results."""
        return f"{self.lane}/{self.name}"


@dataclass(frozen=True)
class Row:
    """A line of the table: one measurement of ours and what it is compared with, as keys in the results."""

    title: str
    ours: str
    limit: str | None = None
    peer: str | None = None


@dataclass(frozen=True)
class Goal:
    """`measure` of a row (or of the start-up) against a bound: at least, or at most."""

    title: str
    row: str
    measure: str
    bound: float
    at_least: bool


def measurements(documents: int) -> list[Measurement]:
    """All of them for a corpus of that size, in the order of the rows, so that the lanes take turns."""
    few = max(1, documents // 100)
    clashes, singles = min(CLASHES, documents), min(SINGLES, documents)
    changed = (Edit("a", few, "changed"),)
    clash = (Edit("a", clashes, "here"), Edit("b", clashes, "there"))
    both = (
        ("import", ("import", CORPUS, "new"), documents, ()),
        ("changed", ("replicate", "a", "b"), few, changed),
        ("unchanged", ("replicate", "a", "b"), 0, ()),
        ("again", ("again", "a", "b", str(AGAIN)), AGAIN, ()),
        ("conflicts", ("sync", "a", "b"), 2 * clashes, clash),
        ("put", ("put", "a", str(singles)), singles, ()),
        ("get", ("get", "a", str(singles)), singles, ()),
    )
    shared = [Measurement(name, lane, *rest) for name, *rest in both for lane in (OURS, POUCHDB)]  # type: ignore[arg-type]
    copies = [
        Measurement("snapshot", OURS, ("snapshot", "a", "new"), documents),
        Measurement("copy", LIMIT, ("a", "new"), documents),
        Measurement("copy", POUCHDB, ("replicate", "a", "new"), documents),
        Measurement("attached", OURS, ("attached", "a", "empty"), documents),
        Measurement("general", OURS, ("general", "a", "empty"), documents),
    ]
    return [*shared[:2], *copies, *shared[2:], Measurement("open", OURS, ("open", "a"), 1)]


ROWS = (
    Row("import", "replica/import", peer="pouchdb/import"),
    Row("first copy, snapshot", "replica/snapshot", "sqlite/copy", "pouchdb/copy"),
    Row("first copy, attached lane", "replica/attached", "sqlite/copy", "pouchdb/copy"),
    Row("first copy, general path", "replica/general", "sqlite/copy", "pouchdb/copy"),
    Row("1 % changed", "replica/changed", peer="pouchdb/changed"),
    Row("nothing changed, new process", "replica/unchanged", peer="pouchdb/unchanged"),
    Row("nothing changed, 20 times", "replica/again", peer="pouchdb/again"),
    Row("1,000 conflicts, both ways", "replica/conflicts", peer="pouchdb/conflicts"),
    Row("1,000 single puts", "replica/put", peer="pouchdb/put"),
    Row("1,000 single gets", "replica/get", peer="pouchdb/get"),
)

GOALS = (
    Goal("snapshot against SQLite's limit", "first copy, snapshot", "limit", 0.9, True),
    Goal("snapshot against PouchDB", "first copy, snapshot", "peer", 40, True),
    Goal("attached lane against SQLite's limit", "first copy, attached lane", "limit", 0.4, True),
    Goal("attached lane against PouchDB", "first copy, attached lane", "peer", 12, True),
    Goal("peak memory of a first copy, snapshot (MB)", "first copy, snapshot", "megabytes", 150, False),
    Goal("peak memory of a first copy, attached lane (MB)", "first copy, attached lane", "megabytes", 150, False),
    Goal("peak memory of a first copy, general path (MB)", "first copy, general path", "megabytes", 150, False),
)
