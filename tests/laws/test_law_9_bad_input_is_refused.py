"""Law 9: bad input is refused at the door with a clear error, and nothing already stored is harmed by it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import replica
from replica.errors import BadDocument, BadSelector, Mistake, NotFound, ReplicaError, StaleRevision, TooLarge
from replica.leaf import Leaf
from replica.revision import Ancestry, Revision
from replica.rows import row_of
from replica.store.leaves import insert_rows, remember_texts
from tests.model import dumps
from tests.property.machine import histories
from tests.world import World

NOT_DOCUMENTS: dict[str, Any] = {
    "a text": "text",
    "a list": [1],
    "nothing": None,
    "a number": 1,
    "bytes inside": {"a": b"x"},
    "a set inside": {"a": {1}},
    "an object inside": {"a": object()},
    "NaN": {"a": math.nan},
    "Infinity": {"a": math.inf},
    "minus Infinity": {"a": [{"b": -math.inf}]},
    "a lone surrogate": {"a": "\ud800"},
    "a lone surrogate in a name": {"\udfff": 1},
    "a name that is no text": {1: "a"},
    "a name inside that is no text": {"a": {None: 1}},
    "an item name that begins with _": {"_id": "x"},
    "an item name that is _": {"_": 1},
}
NOT_JSON: dict[str, str | bytes] = {
    "nothing": "",
    "a word": "hello",
    "cut off": '{"a": 1',
    "trailing text": '{"a": 1} x',
    "two objects": '{"a": 1}{"b": 2}',
    "single quotes": "{'a': 1}",
    "a comment": '{"a": 1} // one',
    "a trailing comma": '{"a": 1,}',
    "duplicate keys": '{"a": 1, "a": 2}',
    "duplicate keys inside": '{"a": [{"b": 1, "b": 1}]}',
    "duplicate keys, one escaped": '{"a": 1, "\\u0061": 2}',
    "NaN": '{"a": NaN}',
    "Infinity": '{"a": Infinity}',
    "minus Infinity": '{"a": -Infinity}',
    "a float that is too large": '{"a": 1e999}',
    "a lone surrogate": '{"a": "\\ud800"}',
    "a byte-order mark": "\ufeff{}",
    "a byte-order mark in bytes": b"\xef\xbb\xbf{}",
    "not UTF-8": b'{"a": "\xff"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "a control character": '{"a": "\x01"}',
    "nesting of 201 levels": '{"a":' + "[" * 200 + "]" * 200 + "}",
    "nesting of 100,000 levels": "[" * 100_000,
    "a list": "[1]",
    "a text": '"a"',
    "null": "null",
    "_deleted that is no boolean": '{"_deleted": 1}',
    "an unknown name that begins with _": '{"_x": 1}',
    "a UNID that is none": '{"_id": ""}',
    "a UNID that is a number": '{"_id": 1}',
    "a revision that is none": '{"_id": "a", "_rev": "x"}',
    "a revision of number 0": '{"_id": "a", "_rev": "0-abc"}',
    "a revision that is a number": '{"_id": "a", "_rev": 1}',
}
NOT_UNIDS: dict[str, Any] = {
    "empty": "",
    "over-long": "x" * 4097,
    "over-long in bytes": "é" * 2049,
    "with NUL": "a\0b",
    "led by _": "_a",
    "_design without a name": "_design/",
    "_local": "_local/a",
    "a lone surrogate": "\ud800",
    "a number": 1,
    "bytes": b"a",
}
NOT_REVISIONS: tuple[Any, ...] = (
    *("", "1", "1-", "-a", "0-a", "x-a", "01-a", "1 -a", "1-a\n", "1-a\0", "99999999999999999999-a", "1.0-a", "١-a"),
    *(1, b"1-a"),
)
NOT_SELECTORS: tuple[Any, ...] = (
    None,
    "a",
    [],
    {"a": {"$unknown": 1}},
    {"$unknown": []},
    {"$and": {}},
    {"$or": 1},
    {"a": {"$in": 1}},
    {"a": {"$regex": 1}},
    {"a": {"$regex": "("}},
    {"a": {"$exists": "yes"}},
    {"a": {"$size": -1}},
    {"a": {"$type": "thing"}},
    {"a": {"$mod": [0, 1]}},
)
GOOD: dict[str, dict[str, Any]] = {
    "integers of any size": {"n": [10**400, -(10**400), 2**63, 2**53 + 1]},
    "1 and 1.0 and true": {"n": [1, 1.0, True, 0, 0.0, -0.0, False]},
    "floats": {"n": [0.1, 1e308, 5e-324, 1e22, -1.5]},
    "all of Unicode": {"é": "e\u0301 𝄞 \u2028 \u202e \ufeff \x7f \x01 \U0010ffff", "e\u0301": "ﬁ", "\u0000": "\0"},
    "empty names and texts": {"": "", "a": {"": [[], {}, None]}},
    "signs in names": {"a/b+c d\n$e.f": 1, "$ref": 2, 'quote"': 3, "\\": 4},
    "200 levels": {"a": eval("[" * 199 + "]" * 199)},
}
UNIDS = (
    " ",
    "/",
    "a/b+c%2F?#&=",
    "\n",
    "a\nb",
    "é",
    "e\u0301",
    "𝄞",
    "\ufeff",
    "'\"\\;--",
    "$x",
    "-1",
    "x" * 4096,
    "_design/a",
)


class Hub:
    """A replica with something in it, which must stay as it is."""

    def __init__(self, library: replica.Replica) -> None:
        self.library = library
        self.document = library.put({"n": 1}, unid="there")
        self.before = self.state()

    def state(self) -> Any:
        return [(d.unid, d.revision, d.to_json()) for d in self.library.documents()], self.library.info()["update_seq"]

    def refuses(self, error: type[ReplicaError], act: Any, *values: Any, **named: Any) -> None:
        """The act raises this error with a hint, and nothing has changed."""
        with pytest.raises(error) as raised:
            act(*values, **named)
        assert str(raised.value)
        assert raised.value.hint
        assert error.code == raised.value.code
        assert self.before == self.state()
        assert self.library.verify()["ok"]


@pytest.fixture
def hub() -> Iterator[Hub]:
    with World(2) as world:
        yield Hub(world.twins[0].library)


def test_law_9_bad_input_is_refused(hub: Hub) -> None:
    """At the doors for programs: `put`, new and over what is there, and `resolve`."""
    for name, items in NOT_DOCUMENTS.items():
        hub.refuses(BadDocument, hub.library.put, items), name
        hub.refuses(BadDocument, hub.library.put, items, unid="there"), name
        hub.refuses(BadDocument, hub.library.put, items, unid="new"), name
        if isinstance(items, dict):
            bad = replica.Document(items, unid="there", revision=hub.document.revision)
            hub.refuses(BadDocument, hub.library.put, bad), name
            hub.refuses(BadDocument, bad.to_json), name
            hub.refuses(BadDocument, hub.library.resolve, "there", items=items), name


@pytest.mark.parametrize("name", NOT_JSON)
def test_what_is_not_json_is_refused(hub: Hub, name: str) -> None:
    hub.refuses(BadDocument, replica.Document.from_json, NOT_JSON[name])


@pytest.mark.parametrize("name", NOT_UNIDS)
def test_what_is_not_a_unid_is_refused(hub: Hub, name: str) -> None:
    unid = NOT_UNIDS[name]
    hub.refuses(BadDocument, hub.library.put, {}, unid=unid)
    hub.refuses(BadDocument, hub.library.put, replica.Document({}, unid=unid))
    hub.refuses(BadDocument, hub.library.delete, unid)
    assert unid not in hub.library
    with pytest.raises((NotFound, BadDocument)):
        hub.library.get(unid)


@pytest.mark.parametrize("revision", NOT_REVISIONS)
def test_what_is_not_a_revision_is_refused(hub: Hub, revision: Any) -> None:
    hub.refuses(BadDocument, hub.library.get, "there", revision=revision)
    hub.refuses(BadDocument, hub.library.put, replica.Document({}, unid="there", revision=revision))
    hub.refuses(BadDocument, hub.library.delete, replica.Document({}, unid="there", revision=revision))


@pytest.mark.parametrize("selector", NOT_SELECTORS, ids=str)
def test_what_is_not_a_selector_is_refused(hub: Hub, selector: Any) -> None:
    hub.refuses(BadSelector, lambda: list(hub.library.find(selector)))


def test_what_is_too_large_is_refused(hub: Hub) -> None:
    hub.library.settings["document-size-max"] = 20
    hub.before = hub.state()
    exact = {"a": "x" * (20 - len('{"a":""}'))}
    hub.refuses(TooLarge, hub.library.put, {"a": exact["a"] + "x"})
    hub.refuses(
        TooLarge, hub.library.put, replica.Document({"a": "é" * 10}, unid="there", revision=hub.document.revision)
    )
    assert exact == hub.library.put(exact).items


def test_a_revision_that_is_not_there_is_refused(hub: Hub) -> None:
    for revision in ("1-" + "0" * 32, "7-abc"):
        hub.refuses(NotFound, hub.library.get, "there", revision=revision)
        hub.refuses(StaleRevision, hub.library.put, replica.Document({}, unid="there", revision=revision))
        hub.refuses(StaleRevision, hub.library.put, replica.Document({}, unid="new", revision=revision))
        hub.refuses(StaleRevision, hub.library.delete, replica.Document({}, unid="there", revision=revision))


def test_a_setting_that_is_none_is_refused(hub: Hub) -> None:
    before = dict(hub.library.settings)
    for name, value in (("nonsense", 1), ("title", 1), ("document-size-max", 0), ("ancestry-limit", 10), ("paused", 1)):
        hub.refuses(replica.errors.BadSettings, hub.library.settings.__setitem__, name, value)
    hub.refuses(Mistake, hub.library.resolve_all, keep="nonsense")
    assert before == dict(hub.library.settings)


def test_bad_documents_among_many_harm_nobody(hub: Hub) -> None:
    """The good ones are saved, the bad ones are counted and named by their position."""
    bad = list(NOT_DOCUMENTS.values())
    mixed = [document for items in bad for document in (items, {"good": True})]
    report = hub.library.put_many(mixed)
    assert (len(mixed), len(bad), len(bad)) == (report.read, report.added, report.failed)
    assert [(2 * n + 1, "bad_document") for n in range(len(bad))] == [(f["line"], f["code"]) for f in report.failures]
    assert 1 + len(bad) == len(hub.library)
    assert hub.library.verify()["ok"]


BESIDE: dict[str, Any] = {
    "marks": {"marks": f'{{"1-{"0" * 32}":["{"x" * 2**20}"]}}'},
    "line": {"ancestry": Ancestry(line=bytes(16 * 10_001))},
    "side": {"ancestry": Ancestry(side=bytes(24 * 10_001))},
    "parents": {"ancestry": Ancestry(parents=bytes(24 * 100_001))},
}


@pytest.mark.parametrize("what", BESIDE)
@pytest.mark.parametrize("number", [1, 2], ids=["alone", "beside another leaf"])
def test_what_a_peer_adds_beside_the_content_is_bounded(what: str, number: int) -> None:
    """It counts for no `document-size-max`, is kept for ever, and slows every later save of the document."""
    with World(2) as world:
        here, there = (twin.library for twin in world.twins)
        there.put({"n": 0}, unid="sound")
        if number == 2:
            here.put({"n": 0}, unid="d")
        body = b"{}"
        leaf = Leaf("d", Revision(200_000, "abc"), False, False, Ancestry(), None, hashlib.sha256(body).digest(), body)
        with there.file.write() as connection:
            row = row_of(leaf._replace(**BESIDE[what]))
            insert_rows(connection, [(9, "d", 200_000, leaf.revision.packed, False, False, True, *row[5:], "{}")])
            remember_texts(connection, {leaf.revision.packed: "abc"})
        report = replica.replicate(here, there, "pull")
        assert report.pull is not None
        assert (1, [replica.Failure("d", "200000-abc", "corrupt")]) == (report.pull.added, report.pull.failures)
        assert number == len(here)
        assert here.verify()["ok"]
        assert "d" in [found["unid"] for found in there.verify()["damaged"]]


@pytest.mark.parametrize("name", GOOD)
def test_what_is_unusual_but_good_comes_back_exactly(name: str) -> None:
    with World(2) as world:
        hub, laptop = (twin.library for twin in world.twins)
        saved = hub.put(GOOD[name], unid="d")
        replica.replicate(laptop, hub)
        for found in (hub.get("d"), laptop.get("d"), replica.Document.from_json(hub.get("d").to_json())):
            assert dumps(GOOD[name]) == dumps(found.items)
            assert saved.revision == found.revision


@pytest.mark.parametrize("unid", UNIDS)
def test_unusual_unids_come_back_exactly(unid: str) -> None:
    with World(2) as world:
        hub, laptop = (twin.library for twin in world.twins)
        hub.put({"n": 1}, unid=unid)
        replica.replicate(laptop, hub)
        assert [unid] == [document.unid for document in laptop.documents()]
        assert {"n": 1} == laptop.get(unid).items
        assert unid in laptop
        laptop.delete(unid)
        replica.replicate(laptop, hub)
        assert unid not in hub


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@histories(30)
@given(st.lists(st.dictionaries(st.text().filter(lambda name: name[:1] != "_"), json_values, max_size=3), max_size=5))
def test_whatever_is_a_document_comes_back_exactly(documents: list[dict[str, Any]]) -> None:
    with World(2) as world:
        hub, laptop = (twin.library for twin in world.twins)
        report = hub.put_many(replica.Document(items, unid=f"d{n}") for n, items in enumerate(documents))
        assert len(documents) == report.added
        replica.replicate(laptop, hub)
        for n, items in enumerate(documents):
            assert (
                repr(dict(sorted(items.items()))) == repr(laptop.get(f"d{n}").items)
                or items == laptop.get(f"d{n}").items
            )
        assert laptop.compare(hub)["ok"]
