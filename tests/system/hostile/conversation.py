"""Messages of the conversation of replicas that mean no good. What is not stored of them, the test of all cases looks at."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import sys
from typing import Any

from replica.leaf import Leaf, next_revision
from replica.revision import Ancestry, Revision, pack
from replica.rows import row_of
from replica.wire.messages import MEDIA_TYPE
from replica.wire.verbs import QUESTIONS
from tests.system.hostile.cases import MB, REFUSED, Case
from tests.system.serving import request

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LIMIT = 1000
BAD = frozenset({400})
ASKING = {
    "replica_id": "0" * 32,
    "ids": ["1" * 32],
    "place": "elsewhere",
    "era": 0,
    "update_seq": 0,
    "empty": False,
    "remembers": True,
    "paused": False,
    "ancestry_limit": LIMIT,
    "sessions": [],
    "refused": [],
}
SESSION = ["forged", "in", "1" * 32, 0, 0, 0, {}, None, ""]


def sealed(data: bytes) -> bytes:
    """With the end that belongs to it."""
    return data + b'{"end":"%b"}\n' % hashlib.sha256(data).hexdigest().encode()


def message(verb: str, say: Any, bodies: bytes = b"", **head: Any) -> bytes:
    """A message, right in all that is not given."""
    said = {"protocol": 1, "verb": verb, "name": "", "say": say, **head}
    return sealed(json.dumps(said).encode() + b"\n" + bodies)


def posted(name: str, verb: str, body: bytes, expected: frozenset[int] = BAD, **more: Any) -> Case:
    """Sent to a verb. `coding`, `kind`: its headers, where they are others."""
    headers = {"Content_Type": more.pop("kind", MEDIA_TYPE)}
    if coding := more.pop("coding", None):
        headers["Content_Encoding"] = coding
    route = f"/{{db}}/_replica/{verb}"
    name = f"conversation, {verb}: {name}"
    return Case(
        name, lambda: [request("POST", f"/good/_replica/{verb}", body, **headers)], expected, route=route, **more
    )


def asked(name: str, verb: str, say: Any, expected: frozenset[int] = BAD, **more: Any) -> Case:
    """A message that says this."""
    return posted(name, verb, message(verb, say), expected, **more)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def told(value: Any) -> Any:
    return b64(value) if isinstance(value, bytes) else value


def accepting(leaves: list[Leaf], **more: Any) -> tuple[dict[str, Any], bytes]:
    """What `accept` is told, and the bodies."""
    rows = [[told(value) for value in row_of(leaf)] for leaf in leaves]
    say = {
        "rows": rows,
        "texts": [],
        "session": SESSION,
        "ancestry_limit": LIMIT,
        "refused": [],
        "dry_run": False,
        **more,
    }
    return say, b"".join(leaf.body for leaf in leaves)


def brought(name: str, leaf: Leaf, expected: frozenset[int] = frozenset({200, 400}), **changed: Any) -> Case:
    """A leaf that is not to be stored: left out by itself, or refused with all that comes along."""
    say, bodies = accepting([leaf._replace(**changed)])
    return posted(name, "accept", message("accept", say, bodies), expected, forms=False)


def with_row(name: str, at: int, value: Any) -> Case:
    """A row with another value at one place."""
    say, bodies = accepting([LEAF])
    say["rows"][0][at] = value
    return posted(name, "accept", message("accept", say, bodies))


LEAF = next_revision("forged", [], b'{"n":1}', 1, LIMIT)
LATER = next_revision("forged", [LEAF], b'{"n":2}', 2, LIMIT)
GREET = message("greet", {"greeting": None, "dry_run": True})
TAKE, BODIES = accepting([LEAF])
ACCEPT = message("accept", TAKE, BODIES)
DEEP = "[" * 100_000 + "]" * 100_000
HUGE = 10**30
CHANGES = {"since": [0, ""], "limit": 10}


def said_raw(verb: str, say: str) -> bytes:
    return sealed(b'{"protocol":1,"verb":"%b","name":"","say":%b}\n' % (verb.encode(), say.encode()))


EVERY_VERB = [
    case
    for verb in QUESTIONS
    for case in (
        posted("nothing", verb, b""),
        posted("no message", verb, b"{}"),
        posted("an end alone", verb, sealed(b"")),
        posted("a line alone", verb, sealed(b"\n")),
        posted("no line", verb, sealed(b'{"protocol":1}')),
        posted("a kind that a form could send", verb, GREET, frozenset({415}), kind="text/plain"),
        posted("JSON", verb, GREET, frozenset({415}), kind="application/json"),
        asked("nothing said", verb, {} if verb == "snapshot" else None),
        asked("a number", verb, 7),
        asked("a text", verb, "x"),
        asked("an empty list of lists", verb, [[]]),
        posted("deep", verb, said_raw(verb, DEEP)),
        posted("deep objects", verb, said_raw(verb, '{"a":' * 50_000 + "1" + "}" * 50_000)),
        posted("NaN", verb, said_raw(verb, "[NaN]")),
        posted("a lone surrogate", verb, said_raw(verb, '"\\ud800"')),
        posted("another protocol", verb, message(verb, None, protocol=2)),
        posted("a protocol of 10^30", verb, message(verb, None, protocol=HUGE)),
        posted("no protocol", verb, sealed(b'{"verb":"%b","say":null}\n' % verb.encode())),
        posted("another verb's", verb, message("texts" if verb != "texts" else "fetch", [])),
        posted("bytes behind it", verb, message(verb, CHANGES, b"x" * 100)),
        posted("not UTF-8", verb, sealed(b'{"protocol":1,"verb":"%b","say":"\xff\xfe"}\n' % verb.encode())),
        posted("UTF-16", verb, sealed('{"protocol":1}'.encode("utf-16") + b"\n")),
        posted("a key twice", verb, sealed(b'{"protocol":1,"verb":"x","verb":"%b","say":[7]}\n' % verb.encode())),
    )
]
CARRIED = [
    posted("cut", "accept", ACCEPT[:-1]),
    posted("cut in the body", "accept", ACCEPT[:-90]),
    posted("without its end", "accept", ACCEPT[: ACCEPT.rindex(b'{"end"')]),
    posted("changed", "accept", ACCEPT.replace(b'"n":1', b'"n":2')),
    posted("an end of capitals", "accept", ACCEPT[:-78] + ACCEPT[-78:].upper()),
    posted("an unknown coding", "accept", ACCEPT, frozenset({415}), coding="br"),
    posted("not gzip", "accept", ACCEPT, coding="gzip"),
    posted("not zstd", "accept", ACCEPT, coding="zstd"),
    posted("a cut gzip", "accept", gzip.compress(ACCEPT)[:-9], coding="gzip"),
    posted("a cut zstd", "accept", zstd.compress(ACCEPT)[:-3], coding="zstd"),
    posted("two gzips", "accept", gzip.compress(ACCEPT[:50]) + gzip.compress(ACCEPT[50:]), coding="gzip"),
    posted("two zstds", "accept", zstd.compress(ACCEPT[:50]) + zstd.compress(ACCEPT[50:]), coding="zstd"),
    posted("80,000 empty gzips", "accept", gzip.compress(b"") * 80_000, coding="gzip"),
    posted("80,000 empty zstds", "accept", zstd.compress(b"") * 80_000, coding="zstd"),
    posted(
        "a gzip bomb",
        "accept",
        gzip.compress(bytes(200 * MB), 9),
        frozenset({413}),
        coding="gzip",
        growth_bytes_max=160 * MB,
    ),
    posted(
        "a zstd bomb",
        "accept",
        zstd.compress(bytes(200 * MB), 9),
        frozenset({413}),
        coding="zstd",
        growth_bytes_max=160 * MB,
    ),
    posted(
        "zstd that wants much memory",
        "accept",
        zstd.compress(
            bytes(MB),
            options={zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.content_size_flag: 0},
        ),
        frozenset({400}),
        coding="zstd",
        growth_bytes_max=64 * MB,
    ),
    posted("for another replica", "accept", message("accept", TAKE, BODIES, name="f" * 32), frozenset({409})),
    posted("for a name of 100 kB", "accept", message("accept", TAKE, BODIES, name="f" * 100_000), frozenset({409})),
    posted("a name that is a list", "accept", message("accept", TAKE, BODIES, name=[])),
    posted(
        "three million rows of nothing",
        "accept",
        message("accept", {**TAKE, "rows": [[]] * 3_000_000}),
        frozenset({413}),
        growth_bytes_max=96 * MB,
    ),
    posted(
        "a million UNIDs",
        "changes-of",
        message("changes-of", ["x"] * 1_000_000),
        frozenset({200}),
        growth_bytes_max=160 * MB,
    ),
    posted(
        "a million leaves",
        "fetch",
        message("fetch", [["order/1", [1, "x"]]] * 1_000_000),
        frozenset({413}),
        growth_bytes_max=160 * MB,
    ),
    posted(
        "half a million offers",
        "missing",
        message("missing", [["a", [1, "x"], False, False, True, "", 0, 0]] * 500_000),
        frozenset({413}),
        growth_bytes_max=200 * MB,
    ),
    posted(
        "a million sessions",
        "greet",
        message("greet", {"greeting": {**ASKING, "sessions": [SESSION] * 300_000}, "dry_run": True}),
        REFUSED,
        growth_bytes_max=200 * MB,
    ),
    posted(
        "a million names",
        "greet",
        message("greet", {"greeting": {**ASKING, "ids": ["x"] * 1_000_000}, "dry_run": True}),
        REFUSED,
        growth_bytes_max=96 * MB,
    ),
]
SIZES = [
    with_row("a negative size", 10, -1),
    with_row("a size that is too large", 10, 10**9),
    with_row("a size that is too small", 10, 1),
    with_row("a size of 10^30", 10, HUGE),
    with_row("a size that is a fraction", 10, 7.5),
    with_row("a UNID that is a number", 0, 7),
    with_row("a number that is a text", 1, "1"),
    with_row("a hash that is not base64", 9, "%"),
    with_row("a hash that is a number", 9, 7),
    with_row("marks that are a list", 8, []),
    posted("a row too short", "accept", message("accept", {**TAKE, "rows": [TAKE["rows"][0][:-1]]}, BODIES)),
    posted("a row too long", "accept", message("accept", {**TAKE, "rows": [[*TAKE["rows"][0], 0]]}, BODIES)),
    posted("rows that are an object", "accept", message("accept", {**TAKE, "rows": {}}, BODIES)),
    posted("bytes and no rows", "accept", message("accept", {**TAKE, "rows": []}, BODIES)),
    posted("rows and no bytes", "accept", message("accept", TAKE)),
    posted("no session", "accept", message("accept", {**TAKE, "session": None}, BODIES)),
    posted(
        "sizes that add up, one of them negative",
        "accept",
        message("accept", {**TAKE, "rows": [[*TAKE["rows"][0][:-1], 14], [*TAKE["rows"][0][:-1], -7]]}, BODIES),
    ),
]
UNVERIFIED = LEAF._replace(verified=False)
LEAVES = [
    brought("a number of 10^18", UNVERIFIED, revision=Revision(10**18, "a" * 32)),
    brought("a number of 10^30", UNVERIFIED, revision=Revision(HUGE, "a" * 32)),
    brought("the highest number of all", UNVERIFIED, revision=Revision(2**53 - 1, "a" * 32)),
    brought("number 0", UNVERIFIED, revision=Revision(0, "a" * 32)),
    brought("a negative number", UNVERIFIED, revision=Revision(-1, "a" * 32)),
    brought("a revision without text", UNVERIFIED, revision=Revision(1, "")),
    brought("a revision of 100 kB", UNVERIFIED, revision=Revision(1, "x" * 100_000)),
    brought("a revision with a NUL", UNVERIFIED, revision=Revision(1, "a\0b")),
    brought("a line longer than the number", UNVERIFIED, ancestry=Ancestry(line=b"x" * 16)),
    brought("a line of half a revision", UNVERIFIED, ancestry=Ancestry(line=b"x" * 8)),
    brought("a side of half an entry", UNVERIFIED, ancestry=Ancestry(side=b"x" * 23)),
    brought("parents of half an entry", UNVERIFIED, ancestry=Ancestry(parents=b"x" * 25)),
    brought("another body", LEAF, hash=b"\0" * 32),
    brought("no hash", LEAF, hash=b""),
    brought("verified, and it is not", LEAF, revision=Revision(1, "0" * 32)),
    brought("verified, with other parents", LATER, ancestry=Ancestry(parents=pack([]))),
    brought("verified, of another system", LEAF, revision=Revision(1, "abc")),
    brought("marks that are none", LEAF, marks="{"),
    brought(
        "marks of 1 MB", next_revision("old/marks", [], b"{}", 1, LIMIT), marks=json.dumps({f"1-{0:032x}": ["x" * MB]})
    ),
    brought("a UNID of nothing", LEAF, unid=""),
    brought("a reserved UNID", LEAF, unid="_x"),
    brought("a local UNID", LEAF, unid="_local/x"),
    brought("a UNID of 100 kB", LEAF, unid="x" * 100_000),
    brought("a UNID with a NUL", LEAF, unid="a\0b"),
    *(
        brought(f"a body that is {name}", UNVERIFIED, body=body, hash=hashlib.sha256(body).digest())
        for name, body in {
            "nothing": b"",
            "a list": b"[1]",
            "not UTF-8": b'{"n":"\xff"}',
            "cut": b'{"n":1',
        }.items()
    ),
]
FEED = [
    asked("a limit of 0", "changes", {**CHANGES, "limit": 0}),
    asked("a limit of -1", "changes", {**CHANGES, "limit": -1}),
    asked("a limit of 10^9", "changes", {**CHANGES, "limit": 10**9}),
    asked("a limit of 10^30", "changes", {**CHANGES, "limit": HUGE}),
    asked("a limit that is a text", "changes", {**CHANGES, "limit": "10"}),
    asked("a position of 10^30", "changes", {**CHANGES, "since": [HUGE, ""]}),
    asked("a position of 2^63", "changes", {**CHANGES, "since": [2**63, ""]}),
    asked("a position of -10^30", "changes", {**CHANGES, "since": [-HUGE, ""]}),
    asked("a position that is a text", "changes", {**CHANGES, "since": ["0", ""]}),
    asked("a position of 10^30", "changes-up-to", {"position": [HUGE, ""], "limit": 10}),
    asked("a limit of 10^30", "changes-up-to", {"position": [1, ""], "limit": HUGE}),
    asked("a limit of -1", "changes-up-to", {"position": [1, ""], "limit": -1}),
    asked("a number of 10^30", "fetch", [["order/1", [HUGE, "x"]]], frozenset({200, 400}), forms=False),
    asked("a lone surrogate in a UNID", "changes-of", ["\ud800"]),
    asked(
        "a number of 10^30",
        "missing",
        [["order/1", [HUGE, "x"], False, False, True, "", HUGE, HUGE]],
        frozenset({200, 400}),
        forms=False,
    ),
    asked("rows that are none", "texts", [["x"]]),
    asked(
        "a line of half a revision",
        "texts",
        [["x", 2, "a" * 32, 0, 0, b64(b"x" * 17), b64(b"y" * 23), "", None, "", 0]],
        frozenset({200, 400}),
        forms=False,
    ),
    asked(
        "a number of 10^30",
        "texts",
        [["x", HUGE, "a" * 32, 0, 0, b64(b"x" * 16), "", "", None, "", 0]],
        frozenset({200, 400}),
        forms=False,
    ),
]
ABSURD_SESSIONS: dict[str, list[Any]] = {
    "a position of 10^30": ["forged", "in", "x", 0, HUGE, 0, {}, None, ""],
    "a position of -10^30": ["forged", "in", "x", 0, -HUGE, 0, {}, None, ""],
    "a negative position": ["forged", "in", "x", 0, -1, 0, {}, None, ""],
    "a time of 10^30": ["forged", "in", "x", 0, 0, HUGE, {}, None, ""],
    "an era of 10^30": ["forged", "in", "x", HUGE, 0, 0, {}, None, ""],
    "another direction": ["forged", "sideways", "x", 0, 0, 0, {}, None, ""],
    "counts that are texts": ["forged", "in", "x", 0, 0, 0, {"added": "many"}, None, ""],
    "counts of 10^30": ["forged", "in", "x", 0, 0, 0, {"added": HUGE}, None, ""],
    "a count of nothing known": ["forged", "in", "x", 0, 0, 0, {"x" * 1000: 7}, None, ""],
    "counts within counts": ["forged", "in", "x", 0, 0, 0, {"added": {"a": [1]}}, None, ""],
    "a name of 1 MB": ["x" * MB, "in", "x", 0, 0, 0, {}, None, ""],
    "a peer of 1 MB": ["forged", "in", "x" * MB, 0, 0, 0, {}, None, ""],
    "a token of 1 MB": ["forged", "in", "x", 0, 0, 0, {}, None, "x" * MB],
    "10,000 witnesses": ["forged", "in", "x", 0, 0, 0, {}, [[1, "a", "b"]] * 10_000, ""],
    "no name": ["", "in", "x", 0, 0, 0, {}, None, ""],
    "no peer": ["forged", "in", "", 0, 0, 0, {}, None, ""],
}
SESSIONS = [
    case
    for name, session in ABSURD_SESSIONS.items()
    for case in (
        asked(name, "remember", session),
        posted(f"a session with {name}", "accept", message("accept", {**TAKE, "session": session}, BODIES)),
    )
]
GREETINGS = [
    asked("no names", "greet", {"greeting": {**ASKING, "ids": []}, "dry_run": False}),
    asked("a sequence of 10^30", "greet", {"greeting": {**ASKING, "update_seq": HUGE}, "dry_run": False}),
    asked("no place", "greet", {"greeting": {**ASKING, "place": None}, "dry_run": False}),
    asked("a session that is none", "greet", {"greeting": {**ASKING, "sessions": [["x"]]}, "dry_run": False}),
    asked("half a greeting", "greet", {"greeting": {"replica_id": "x"}, "dry_run": False}),
    posted("an ancestry limit of 10^9", "accept", message("accept", {**TAKE, "ancestry_limit": 10**9}, BODIES)),
    posted("an ancestry limit of 10^30", "accept", message("accept", {**TAKE, "ancestry_limit": HUGE}, BODIES)),
    posted("a negative ancestry limit", "accept", message("accept", {**TAKE, "ancestry_limit": -1}, BODIES)),
    posted("texts that are none", "accept", message("accept", {**TAKE, "texts": [["x"]]}, BODIES)),
    posted("refusals that are none", "accept", message("accept", {**TAKE, "refused": [{"unid": 7}]}, BODIES)),
]

CONVERSATION = [*EVERY_VERB, *CARRIED, *SIZES, *LEAVES, *FEED, *SESSIONS, *GREETINGS]
