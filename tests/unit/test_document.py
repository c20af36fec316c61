"""Documents as programs see them, and what a UNID and an item name may be."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replica.canonical import canonical
from replica.document import UNID_MAX, Document, canonical_items, check_items, check_unid
from replica.errors import BadDocument
from replica.leaf import next_revision
from tests.unit.test_canonical import exactly, json_values, texts

unids = texts.filter(lambda text: text and "\0" not in text and not text.startswith("_"))
item_names = texts.filter(lambda name: not name.startswith("_"))
items_of_documents = st.dictionaries(item_names, json_values, max_size=5)
revisions = st.one_of(
    st.none(),
    st.builds(lambda number, text: f"{number}-{text}", st.integers(1, 99), st.text("0123456789abcdef", min_size=1)),
)


# -- UNIDs

GOOD_UNIDS = [
    "a",
    "order/1",
    "a+b c%20d?e#f",
    "line\nbreak\r\n\ttab",
    " ",
    ".",
    "..",
    "-",
    "'\"\\",
    "é",
    "e\u0301",
    "日本",
    "😀",
    "\u2028",
    "\ufeff",
    "\x01\x7f",
    "a_",
    "a/_b",
    "_design/a",
    "_design/a/b",
    "$Conflict",
    "x" * UNID_MAX,
    "é" * (UNID_MAX // 2),
]
BAD_UNIDS = {
    "empty": "",
    "NUL": "a\0b",
    "underscore": "_a",
    "a lone underscore": "_",
    "local": "_local/a",
    "design": "_design",
    "an empty design document": "_design/",
    "one byte too long": "x" * (UNID_MAX + 1),
    "too long in UTF-8": "é" * (UNID_MAX // 2) + "x",
    "a lone surrogate": "a\ud800",
    "a number": 1,
    "nothing": None,
    "bytes": b"a",
    "a list": ["a"],
}


@pytest.mark.parametrize("unid", GOOD_UNIDS, ids=[ascii(unid)[:20] for unid in GOOD_UNIDS])
def test_a_unid_may_be_nearly_any_text(unid: str) -> None:
    assert unid == check_unid(unid)
    assert unid == Document.from_json(Document({}, unid=unid).to_json()).unid


@pytest.mark.parametrize("what", BAD_UNIDS)
def test_what_is_not_a_unid_is_refused(what: str) -> None:
    with pytest.raises(BadDocument) as refused:
        check_unid(BAD_UNIDS[what])
    assert len(str(refused.value)) < 500
    if BAD_UNIDS[what] is not None and not isinstance(BAD_UNIDS[what], bytes):
        with pytest.raises(BadDocument):
            Document.from_json(json.dumps({"_id": BAD_UNIDS[what]}))


# -- items


@pytest.mark.parametrize("name", ["_", "_id", "_rev", "_deleted", "_attachments", "_x", "__x"])
def test_an_item_name_that_begins_with_an_underscore_is_refused(name: str) -> None:
    with pytest.raises(BadDocument, match=r"begins with `_`"):
        check_items({name: 1})
    with pytest.raises(BadDocument, match=r"begins with `_`"):
        canonical_items({"a": 1, name: 1})


@pytest.mark.parametrize(
    "name", ["", " ", "a_", "$Ref", "\0", "\u2028", "\uff3f", "'\"`", "é", "e\u0301", "x" * 10_000]
)
def test_every_other_item_name_is_taken(name: str) -> None:
    document = Document.from_json(Document({name: 1}).to_json())
    assert [name] == list(document)
    assert {"a": {"_b": 1}} == Document.from_json('{"a":{"_b":1}}').items


# -- JSON


@given(items_of_documents, st.none() | unids, revisions, st.booleans())
def test_what_to_json_writes_from_json_reads(
    items: dict[str, Any], unid: str | None, revision: str | None, deleted: bool
) -> None:
    document = Document(items, unid=unid, revision=revision, deleted=deleted)
    text = document.to_json()
    again = Document.from_json(text)
    assert (unid, revision, deleted) == (again.unid, again.revision, again.deleted)
    assert exactly(items) == exactly(again.items)
    assert document == again
    assert text == again.to_json()
    assert "\n" not in text
    assert again == Document.from_json(text.encode())


def test_the_id_and_the_revision_come_first_and_the_items_in_order() -> None:
    document = Document({"b": 1, "a": [2], "$x": None}, unid="u", revision="1-a", deleted=True)
    assert '{"_id":"u","_rev":"1-a","_deleted":true,"$x":null,"a":[2],"b":1}' == document.to_json()
    assert "{}" == Document().to_json()
    assert '{"a":1}' == Document({"a": 1}).to_json()
    assert '{"_id":"u"}' == Document(unid="u").to_json()
    assert '{"_id":"u","_rev":"1-a"}' == Document(unid="u", revision="1-a").to_json()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '"a"',
        "null",
        '{"_id":1}',
        '{"_id":""}',
        '{"_id":"_a"}',
        '{"_rev":1}',
        '{"_rev":"a"}',
        '{"_rev":"0-a"}',
        '{"_rev":""}',
        '{"_deleted":1}',
        '{"_deleted":null}',
        '{"_deleted":"true"}',
        '{"_x":1}',
        '{"_conflicts":[]}',
        '{"a":1,"a":2}',
        '{"_id":"a","_id":"a"}',
        '{"_id":"a"} {"_id":"b"}',
    ],
)
def test_what_is_not_a_document_is_refused(text: str) -> None:
    with pytest.raises(BadDocument):
        Document.from_json(text)
    with pytest.raises(BadDocument):
        Document.from_json(text.encode())


def test_items_that_are_no_json_cannot_be_written() -> None:
    for value in (float("nan"), {1}, "\ud800", b""):
        with pytest.raises(BadDocument):
            Document({"a": value}).to_json()
    with pytest.raises(BadDocument):
        Document({"_a": 1}).to_json()


# -- as an object


def test_a_document_is_used_like_a_dict() -> None:
    document = Document({"a": 1})
    document["b"] = 2
    assert 2 == document["b"]
    assert "a" in document
    assert "c" not in document
    assert ["a", "b"] == list(document)
    assert 2 == len(document)
    assert 1 == document.get("a")
    assert document.get("c") is None
    assert 3 == document.get("c", 3)
    del document["a"]
    assert {"b": 2} == document.items
    with pytest.raises(KeyError):
        document["a"]


def test_an_empty_document_is_not_nothing() -> None:
    assert Document()


def test_the_items_are_a_plain_dict_and_may_be_replaced() -> None:
    items = {"a": 1}
    document = Document(items)
    assert items is document.items
    document.items = {"b": 2}
    assert {"b": 2} == document.items
    assert 2 == document["b"]


def test_a_new_document_has_no_revision() -> None:
    document = Document({"a": 1})
    assert (None, None, 0, None) == (document.unid, document.revision, document.sequence, document.sequence_time)
    assert not document.deleted
    assert not document.conflict


def test_the_sequence_is_the_number_of_the_revision() -> None:
    assert 12 == Document(revision="12-abc").sequence


def test_a_document_shows_its_leaf() -> None:
    leaf = next_revision("u", [], canonical({"a": 1}), 1_700_000_000_123, 1000)
    document = Document.of(leaf)
    assert ("u", str(leaf.revision), 1) == (document.unid, document.revision, document.sequence)
    assert datetime(2023, 11, 14, 22, 13, 20, 123000, UTC) == document.sequence_time
    assert {"a": 1} == document.items
    document["a"] = 2
    assert {"a": 1} == Document.of(leaf).items
    assert b'{"a":1}' == leaf.body


def test_an_unverified_revision_has_no_sequence_time() -> None:
    """A foreign id may look like one of ours; what it would say as a time means nothing."""
    leaf = next_revision("u", [], b"{}", 1_700_000_000_123, 1000)._replace(verified=False)
    assert Document.of(leaf).sequence_time is None


def test_documents_are_equal_when_they_say_the_same() -> None:
    def make(**more: Any) -> Document:
        return Document(**({"items": {"a": 1}, "unid": "u", "revision": "1-a"} | more))

    assert make() == make()
    assert make() == make(items={"a": 1})
    for other in ({"items": {"a": 1.0}}, {"items": {"a": True}}, {"unid": "v"}, {"revision": "1-b"}, {"deleted": True}):
        assert make() != make(**other)
    assert make() != {"a": 1}
    with pytest.raises(TypeError):
        hash(make())


def test_a_document_shows_what_it_is() -> None:
    shown = repr(Document({"a": 1}, unid="u", revision="1-a", deleted=True))
    assert "Document({'a': 1}, unid='u', revision='1-a', deleted=True)" == shown
    assert "conflict=True" in repr(Document(conflict=True))


@pytest.mark.parametrize("read_first", [False, True])
def test_a_document_can_be_copied_and_pickled_whether_it_was_read_or_not(read_first: bool) -> None:
    def fresh() -> Document:
        document = Document.of(next_revision("u", [], canonical({"a": [1]}), 5, 1000))
        if read_first:
            assert {"a": [1]} == document.items
        return document

    for again in (copy.copy(fresh()), copy.deepcopy(fresh()), pickle.loads(pickle.dumps(fresh()))):
        assert fresh() == again
        assert fresh().sequence_time == again.sequence_time
    document = fresh()
    other = copy.deepcopy(document)
    other["a"].append(2)
    assert {"a": [1]} == document.items
