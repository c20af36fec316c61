"""Two servers with the same database: in one of them are documents that one of its users may not read, in the other they
never were. What that user is told has to be the same.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx2

import replica
from replica.couchdb import from_json
from replica.rights import checked_entry
from replica.server.app import ENDPOINTS
from replica.server.gate.rights import Need
from replica.store.receive import receive
from tests.asking import revision
from tests.hubs import LIST, Hub, hub

USER = "anna"
SEEN: tuple[Any, ...] = (
    *({}, {"$Readers": None}, {"$Readers": ""}, {"$Readers": []}, {"$Readers": "anna"}),
    *({"$Readers": ["bob", "anna"]}, {"$Readers": ["group:Sales"]}, {"$Readers": "role:clerk"}),
    *({"$Readers": ["role:approver"]}, {"$Readers": ["bob"], "$Authors": ["anna"]}),
    {"text": '"$Readers"', "inner": {"$Readers": ["bob"]}},
)
UNSEEN: tuple[Any, ...] = (
    *(
        {"$Readers": "bob"},
        {"$Readers": ["bob", "group:Other"]},
        {"$Readers": ["anonymous"]},
        {"$Readers": "role:boss"},
    ),
    *({"$Readers": 5}, {"$Readers": ["anna", 5]}, {"$Readers": {"anna": 1}, "$Authors": ["anna"]}, {"$Readers": False}),
    *({"$Readers": [["anna"]]}, {"$Readers": ["Anna"]}, {"$Readers": ["-default-"]}, {"$Readers": [""]}),
    {"$Readers": ["bob"], "$Authors": 5},
)


FORGOTTEN = "forgotten"
"""An item of revisions that anna may not read, of documents that she may: where nothing is hidden, only their names are."""


class Step(NamedTuple):
    """One change at both servers; at the one where nothing is hidden only what anna may see."""

    is_hidden: bool
    unid: str
    act: Callable[[replica.Replica, int], None]


def put(unid: str, items: dict[str, Any]) -> Callable[[replica.Replica, int], None]:
    """Save, or save over what is there."""

    def act(db: replica.Replica, now_ms: int) -> None:
        found = db.get(unid, None)
        if found is None:
            db.put(items, unid=unid)
        else:
            found.items = items
            db.put(found)

    return act


def offered(unid: str, items: dict[str, Any], rev: str, *above: str, deleted: bool = False) -> Any:
    """A revision that comes from elsewhere: beside what is there, it clashes."""

    def act(db: replica.Replica, now_ms: int) -> None:
        leaf, _ = from_json(revision(unid, rev, *above, **items, **({"_deleted": True} if deleted else {})))
        with db.file.write() as connection:
            receive(connection, [leaf], "elsewhere", now_ms)

    return act


def history(random: Random, length: int) -> list[Step]:
    """Changes of a few documents. Each document is hidden for ever or never, but for single old revisions."""
    steps: list[Step] = []
    for n in range(length):
        hidden = random.random() < 0.5
        unid = f"{random.choice('abcd')}{random.randrange(4)}{'x' if hidden else ''}"
        items = {"n": random.randrange(5), "turn": n, **random.choice(UNSEEN if hidden else SEEN)}
        shown = {"n": random.randrange(5), **random.choice(SEEN)}
        kind = random.choice(("put", "put", "clash", "delete", "design", "once hidden"))
        if kind == "put":
            steps.append(Step(hidden, unid, put(unid, items)))
        elif kind == "clash":  # one hidden live leaf is enough
            steps.append(Step(hidden, unid, offered(unid, items, f"1-{hash_of(n)}")))
            steps.append(Step(hidden, unid, offered(unid, shown, f"2-{hash_of(-n)}", "b" * 32)))
        elif kind == "once hidden":
            steps.append(Step(False, f"e{n}", put(f"e{n}", {FORGOTTEN: True, **random.choice(UNSEEN)})))
            steps.append(Step(False, f"e{n}", put(f"e{n}", shown)))
        elif kind == "delete":
            for number in (8, 9):
                rev = f"{number}-{hash_of(number, n)}"
                steps.append(Step(hidden, f"gone{unid}", offered(f"gone{unid}", items, rev, deleted=number == 9)))
        else:
            steps.append(Step(False, f"_design/{n}", put(f"_design/{n}", {"n": n, "$Readers": "bob"})))
    return steps


def hash_of(*values: int) -> str:
    """The text of a revision."""
    return hashlib.md5(repr(values).encode()).hexdigest()


class Twins(NamedTuple):
    """The two servers. `unids` and `revisions`: of all that is in the first of them."""

    full: Hub
    bare: Hub
    revisions: dict[str, list[str]]

    @property
    def both(self) -> tuple[Hub, Hub]:
        return self.full, self.bare


def put_in_group(made: Hub, group: str, *members: str) -> None:
    """Say who is in a group of the directory."""
    with replica.open(made.folder / "_users.db") as users:
        put(f"group:{group}", {"type": "group", "members": list(members)})(users, 0)


@contextmanager
def twins(folder: Path, seed: int, length: int = 40) -> Iterator[Twins]:
    """Two servers after the same history, but for what is hidden."""
    with ExitStack() as stack:
        hubs = []
        for name in ("full", "bare"):
            (folder / name).mkdir()
            made = stack.enter_context(hub(folder / name, "bob"))
            made.directory.add(USER, "x" * 9, roles=["clerk"])
            put_in_group(made, "Sales", USER)
            hubs.append(made)
        full, bare = hubs
        shutil.copyfile(full.path, bare.path)
        steps = history(Random(seed), length)
        levels = [checked_entry(USER, "designer", roles=["approver"]), checked_entry("bob", "manager")]
        steps.insert(0, Step(False, LIST, put(LIST, {"entries": [entry.to_json() for entry in levels]})))
        for made in hubs:
            for n, step in enumerate(steps):
                if made is full or not step.is_hidden:
                    now_ms = 1_700_000_000_000 + 1000 * n
                    with replica.open(made.path, clock=partial(int, now_ms)) as db:
                        step.act(db, now_ms)
        with replica.open(bare.path) as db, db.file.write() as connection:
            connection.exec_driver_sql(f"DELETE FROM superseded WHERE body LIKE '%{FORGOTTEN}%'")
        with replica.open(full.path) as db:
            unids = sorted({step.unid for step in steps})
            revisions = {unid: [str(each.revision) for each in db.revisions(unid)] for unid in unids}
        yield Twins(full, bare, revisions)


# -- asking


SEQUENCES = (
    (re.compile(rb"\b[0-9]+-[0-9a-f]{8}-[0-9a-f]{8}\b"), b"PLACE"),
    (re.compile(rb'"_local_seq":[0-9]+'), b'"_local_seq":0'),
    (re.compile(rb'"execution_time_ms":[0-9.e-]+'), b'"execution_time_ms":0'),
    (re.compile(rb'"bookmark":"[^"]*"'), b'"bookmark":""'),
)


class Answer(NamedTuple):
    """What somebody is told, but for update sequences, times and random words."""

    status: int
    etag: str | None
    body: bytes


def answer_of(told: httpx2.Response) -> Answer:
    body = told.content
    boundary = re.search(r'boundary="([^"]+)"', told.headers.get("content-type", ""))
    body = body.replace(boundary[1].encode(), b"BOUNDARY") if boundary else body
    for pattern, word in SEQUENCES:
        body = pattern.sub(word, body)
    return Answer(told.status_code, told.headers.get("etag"), body)


Request = tuple[str, str, Any]


def combined(**choices: tuple[str, ...]) -> Iterator[str]:
    """Queries of at most two parameters at a time, each with each of its values."""
    names = list(choices)
    yield ""
    for at, name in enumerate(names):
        for value in choices[name]:
            yield f"?{name}={quote(value)}"
            for other in names[at + 1 :]:
                for second in choices[other]:
                    yield f"?{name}={quote(value)}&{other}={quote(second)}"


def singly(choices: dict[str, tuple[str, ...]]) -> list[str]:
    """Queries of one parameter each, and one of all that are flags."""
    flags = "&".join(f"{name}=true" for name, values in choices.items() if values == FLAG)
    return ["", f"?{flags}", *(f"?{name}={quote(value)}" for name, values in choices.items() for value in values)]


FLAG = ("true",)
READS = {
    "latest": FLAG,
    "deleted": FLAG,
    **dict.fromkeys(("revs", "revs_info", "conflicts", "deleted_conflicts", "local_seq", "meta"), FLAG),
    **dict.fromkeys(("attachments", "att_encoding_info"), FLAG),
    "atts_since": ("[]",),
    "open_revs": ("all",),
}
LISTS = {
    **{"key": ('"a0x"', '"b1"'), "keys": ('["a0x","b1","gonea0x","no"]',)},
    **{"startkey": ('"a1"',), "start_key": ('"b0x"',), "endkey": ('"b3x"',), "end_key": ('"c"',)},
    **{"skip": ("1", "3"), "limit": ("2", "5")},
    **dict.fromkeys(("descending", "include_docs", "conflicts", "update_seq"), FLAG),
    "inclusive_end": ("false",),
}
FEED = {
    **{"feed": ("normal", "longpoll", "continuous", "eventsource"), "timeout": ("0",), "heartbeat": ("false",)},
    **{"since": ("0", "now"), "last-event-id": ("0",), "limit": ("1", "4"), "seq_interval": ("3",)},
    **{"descending": FLAG, "style": ("all_docs",), "include_docs": FLAG, "conflicts": FLAG},
    **{"filter": ("_design", "_doc_ids", "_selector", "a/b"), "doc_ids": ('["a0x","b1","gonea0x"]',)},
    **{"selector": ('{"n":{"$gt":1}}',), "view": ("a/b",)},
}
SELECTORS: tuple[Any, ...] = ({}, {"n": {"$gte": 2}}, {"_id": {"$gt": "a0"}}, {"$Readers": "bob"}, {"turn": 7})


SEARCHES: tuple[dict[str, Any], ...] = (
    *({}, {"limit": 2}, {"skip": 1, "execution_stats": True}, {"sort": ["n"]}, {"fields": ["_id", "n"]}),
    *({"conflicts": True}, {"limit": 3, "sort": [{"n": "desc"}]}, {"use_index": "_design/made"}),
)


def requests(revisions: dict[str, list[str]]) -> dict[tuple[str, str], list[Request]]:
    """What to ask of each endpoint about documents, by its method and path."""
    unids = [*revisions, "not there"]
    paths = {unid: "/" + quote(unid, safe="/" if unid.startswith("_design/") else "") for unid in unids}
    pairs = [(unid, rev) for unid, known in revisions.items() for rev in [*known, "1-a"]]
    diff = {unid: [*known, "9-" + "f" * 32] for unid, known in revisions.items()}
    of_one = [(path, query) for path in paths.values() for query in singly(READS)]
    of_old = [
        (f"{paths[unid]}?rev={quote(rev)}{more}", "")
        for unid, rev in pairs
        for more in ("", "&latest=true", "&revs=true", "&meta=true")
    ]
    of_old += [(f"{paths[unid]}?open_revs={quote(json.dumps(known))}", "") for unid, known in diff.items()]
    shown = [("GET", path + query, None) for path, query in of_one + of_old]
    lists = [*combined(**LISTS)]
    feeds = [query + ("&" if query else "?") + "timeout=0" for query in combined(**FEED) if "timeout" not in query]
    finds = [{"selector": selector, **more} for selector, more in product(SELECTORS, SEARCHES)]
    gets = {
        ("GET", "/{db}"): [""],
        ("GET", "/{db}/_all_docs"): [f"/_all_docs{query}" for query in lists],
        ("GET", "/{db}/_design_docs"): [f"/_design_docs{query}" for query in lists],
        ("GET", "/{db}/_local_docs"): [f"/_local_docs{query}" for query in singly(LISTS)],
        ("GET", "/{db}/_changes"): [f"/_changes{query}" for query in feeds],
        ("GET", "/{db}/_index"): ["/_index", "/_index?skip=1", "/_index?limit=1"],
        ("GET", "/{db}/_security"): ["/_security"],
        ("GET", "/{db}/_revs_limit"): ["/_revs_limit"],
        ("GET", "/{db}/_local/{local}"): ["/_local/x", "/_local/a0x"],
    }
    posts: dict[tuple[str, str], list[Any]] = {
        ("POST", "/{db}/_bulk_get"): [
            {"docs": [{"id": unid, "rev": rev} for unid, rev in pairs] + [{"id": unid} for unid in unids]}
        ],
        ("POST", "/{db}/_revs_diff"): [diff],
        ("POST", "/{db}/_missing_revs"): [diff],
        ("POST", "/{db}/_all_docs"): [{}, {"keys": unids}, {"keys": unids, "include_docs": True, "conflicts": True}],
        ("POST", "/{db}/_design_docs"): [{}, {"keys": unids}],
        ("POST", "/{db}/_local_docs"): [{}, {"keys": unids}],
        ("POST", "/{db}/_all_docs/queries"): [{"queries": [{}, {"keys": unids}, {"limit": 3, "include_docs": True}]}],
        ("POST", "/{db}/_find"): finds,
        ("POST", "/{db}/_explain"): finds,
        ("POST", "/{db}/_changes"): [{}, {"doc_ids": unids}],
        ("POST", "/{db}/_ensure_full_commit"): [{}],
    }
    asked = {key: [("GET", path, None) for path in listed] for key, listed in gets.items()}
    for (method, path), bodies in posts.items():
        queries = {
            "/{db}/_bulk_get": ["", "?revs=true", "?latest=true", "?revs=true&latest=true&attachments=true"],
            "/{db}/_changes": ["?filter=_doc_ids", "?filter=_doc_ids&style=all_docs&include_docs=true", ""],
        }.get(path, [""])
        asked[method, path] = [(method, path[5:] + query, body) for query, body in product(queries, bodies)]
    asked["GET", "/{db}/{unid}"] = asked["GET", "/{db}/_design/{design}"] = shown
    return asked


NOT_ABOUT_DOCUMENTS = {"/{db}/_view_cleanup", "/{db}/_compact"}


def endpoints_about_documents() -> dict[tuple[str, str], tuple[str, ...]]:
    """Those that whoever may read is served by, and their parameters. Not our own conversation: that is spoken by a peer."""
    return {
        (method, each.path): each.parameters
        for each in ENDPOINTS
        for method in each.methods
        if each.needs in (Need.READ, Need.COPY)
        and "/_replica/" not in each.path
        and "couchdb.refusals" not in each.handler.__module__
    }
