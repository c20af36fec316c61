"""The command: saving and showing documents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.system.command import done, run


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    done("create", tmp_path / "hub.db", "--title", "Orders")
    return tmp_path / "hub.db"


def test_a_document_is_saved_and_shown(hub: Path) -> None:
    assert done("put", hub, "order/1", '{"Total":42}').out.startswith("saved order/1 as revision 1-")
    document = done("get", hub, "order/1").value
    assert {"_id": "order/1", "_rev": document["_rev"], "Total": 42} == document


def test_a_document_is_saved_from_standard_input(hub: Path) -> None:
    done("put", hub, stdin='{"_id":"a","x":1}')
    done("put", hub, "b", stdin='{"x":2}')
    done("put", hub, "c", "-", stdin='{"x":3}')
    done("put", hub, "-", stdin='{"_id":"d","x":4}')
    assert {"a": 1, "b": 2, "c": 3, "d": 4} == {each["_id"]: each["x"] for each in done("list", hub).lines}


def test_a_document_without_unid_gets_one(hub: Path) -> None:
    saved = done("put", hub, '{"x":1}', "--json").value
    assert {"ok", "_id", "_rev"} == saved.keys()
    assert 1 == done("get", hub, saved["_id"]).value["x"]


def test_flags_may_stand_between_the_arguments_and_before_the_command(hub: Path) -> None:
    assert done("--json", "put", hub, "--replace", "a", "--quiet", '{"x":1}').value["ok"]


def test_a_live_document_is_changed_only_from_its_revision(hub: Path) -> None:
    first = done("put", hub, "a", '{"x":1}', "--json").value["_rev"]
    assert 8 == run("put", hub, "a", '{"x":2}').code
    assert 8 == run("put", hub, "a", '{"x":2,"_rev":"1-00000000000000000000000000000000"}').code
    done("put", hub, json.dumps({"_id": "a", "_rev": first, "x": 2}))
    assert 8 == run("put", hub, json.dumps({"_id": "a", "_rev": first, "x": 3})).code
    assert 2 == done("get", hub, "a").value["x"]


def test_replace_changes_a_document_whatever_its_revision(hub: Path) -> None:
    done("put", hub, "a", '{"x":1}', "--replace")
    revision = done("put", hub, "a", '{"x":2}', "--replace", "--json").value["_rev"]
    assert revision.startswith("2-")
    assert {"_id": "a", "_rev": revision, "x": 2} == done("get", hub, "a").value


def test_a_deletion_can_be_put(hub: Path) -> None:
    done("put", hub, "a", '{"x":1}')
    assert 8 == run("put", hub, "a", '{"_deleted":true}').code
    done("put", hub, "a", '{"_deleted":true}', "--replace")
    assert 10 == run("get", hub, "a").code
    done("put", hub, "a", '{"x":3}')
    revision = done("get", hub, "a").value["_rev"]
    done("put", hub, json.dumps({"_id": "a", "_rev": revision, "_deleted": True}))
    assert 10 == run("get", hub, "a").code


def test_the_unid_is_said_once_or_twice_the_same(hub: Path) -> None:
    assert 2 == run("put", hub, "a", '{"_id":"b"}').code
    assert 2 == run("put", hub, '{"_rev":"1-00000000000000000000000000000000"}').code
    assert 0 == run("put", hub, "a", '{"_id":"a"}').code


@pytest.mark.parametrize(
    "text", ["", "7", '{"a":1,"a":2}', '{"a":NaN}', '{"a":1e999}', '{"_id":""}', '{"_x":1}', "{} {}"]
)
def test_what_is_no_document_is_refused(hub: Path, text: str) -> None:
    outcome = run("put", hub, "-", "--json", stdin=text)
    assert (8, "", "bad_document") == (outcome.code, outcome.out, outcome.error["code"])
    assert [] == done("list", hub, "--json").value


@pytest.mark.parametrize("unid", ["a/b+c d", "é", "\n", "-x", "{}", "_design/x", "日本語 😀", "x" * 4096])
def test_every_unid_comes_back_exactly(hub: Path, unid: str) -> None:
    done("put", hub, "--", unid, '{"x":"\U0001f600"}')
    document = done("get", hub, "--", unid).value
    assert (unid, "\U0001f600") == (document["_id"], document["x"])


def test_a_document_too_large_is_refused(hub: Path) -> None:
    done("settings", hub, "document-size-max=100")
    for size in (200, 200_000):
        assert "too_large" == run("put", hub, "a", "-", "--json", stdin=json.dumps({"x": "y" * size})).error["code"]


def test_deleting_leaves_a_stub(hub: Path) -> None:
    first = done("put", hub, "a", '{"x":1}', "--json").value["_rev"]
    stub = done("delete", hub, "a", "--revision", first, "--json").value
    assert {"ok": True, "_id": "a", "_rev": stub["_rev"], "_deleted": True} == stub
    assert 10 == run("delete", hub, "a").code
    assert [] == done("list", hub).lines
    assert [{"_id": "a", "_rev": stub["_rev"], "_deleted": True}] == done("list", hub, "--deleted").lines


def test_deleting_another_revision_is_refused(hub: Path) -> None:
    done("put", hub, "a", '{"x":1}')
    assert 8 == run("delete", hub, "a", "--revision", "1-00000000000000000000000000000000").code
    assert 2 == run("delete", hub, "a", "--revision").code


def test_an_earlier_revision_can_be_shown_until_it_is_forgotten(hub: Path) -> None:
    first = done("put", hub, "a", '{"x":1}', "--json").value["_rev"]
    done("put", hub, "a", '{"x":2}', "--replace")
    assert [2, 1] == [revision["x"] for revision in done("revisions", hub, "a", "--json").value]
    assert 1 == done("get", hub, "a", "--revision", first).value["x"]
    assert "forgot 1 superseded revision;" in done("compact", hub).out
    assert 10 == run("get", hub, "a", "--revision", first).code


def test_lists_are_arrays_under_json_and_lines_without(hub: Path) -> None:
    assert [] == done("list", hub, "--json").value
    for unid in "abc":
        done("put", hub, unid, "{}")
    assert ["a", "b", "c"] == [each["_id"] for each in done("list", hub, "--json").value]
    assert ["a", "b", "c"] == [each["_id"] for each in done("list", hub).lines]


def test_documents_are_found_by_a_selector(hub: Path) -> None:
    for number in range(5):
        done("put", hub, f"d{number}", json.dumps({"n": number, "even": number % 2 == 0}))
    found = done(
        "find", hub, '{"even":true}', "--sort", '[{"n":"desc"}]', "--skip", "1", "--limit", "1", "--json"
    ).value
    assert [2] == [each["n"] for each in found]
    found = done("find", hub, "-", "--sort", "n", stdin='{"n":{"$gt":2}}').lines
    assert [3, 4] == [each["n"] for each in found]


@pytest.mark.parametrize(
    "words", [["{"], ['{"a":{"$foo":1}}'], ["{}", "--sort", "[7]"], ["{}", "--limit", "-1"], ["7"]]
)
def test_a_bad_selector_is_a_mistake(hub: Path, words: list[str]) -> None:
    outcome = run("find", hub, *words, "--json")
    assert (2, "") == (outcome.code, outcome.out)


def test_an_index_is_made_listed_and_removed(hub: Path) -> None:
    assert {"ok": True, "name": "Form,Total"} == done("index", hub, "Form", "Total", "--json").value
    assert 8 == run("index", hub, "Form", "Total").code
    done("index", hub, "Form", "--name", "mine")
    assert ["Form,Total", "mine"] == done("index", hub, "--json").value
    done("index", hub, "--drop", "mine")
    assert "Form,Total\n" == done("index", hub).out
    assert 10 == run("index", hub, "--drop", "mine").code
    assert 2 == run("index", hub, "Form", "--drop", "x").code


def test_info_counts(hub: Path) -> None:
    done("put", hub, "a", "{}")
    done("delete", hub, "a")
    done("put", hub, "b", "{}")
    info = done("info", hub, "--json").value
    assert ("Orders", 1, 1, 0, 0, 3) == tuple(
        info[name] for name in ("title", "documents", "deleted", "conflicts", "conflicted", "update_seq")
    )
    assert "documents    1\n" in done("info", hub).out


def test_attachments_are_not_supported_yet(hub: Path) -> None:
    outcome = run("put", hub, '{"_id": "x", "_attachments": {"a.txt": {}}}', "--json")
    assert (8, "not_supported") == (outcome.code, outcome.error["code"])
    done("put", hub, '{"_id": "x", "_attachments": {}}')
    assert {"_id", "_rev"} == done("get", hub, "x").value.keys()


def test_whoever_saves_is_named_by_a_flag_or_a_variable(hub: Path, tmp_path: Path) -> None:
    def saver(unid: str) -> list[str] | None:
        named: list[str] | None = done("get", hub, unid).value.get("$UpdatedBy")
        return named

    done("put", hub, "a", '{"n":1}', "--user", "ann")
    done("--user", "ann", "import", hub, "-", stdin='{"_id":"b"}')
    done("put", hub, "c", "{}", REPLICA_USER="bob")
    done("acl", hub, "set", "ann", "editor", REPLICA_USER="bob")
    assert [["ann"], ["ann"], ["bob"], ["bob"]] == [saver(unid) for unid in ("a", "b", "c", "_design/access")]
    done("get", hub, "a", REPLICA_USER="bob")
    done("put", hub, "--replace", "a", '{"n":2}')
    assert saver("a") is None, "what the former one saved is not this"
    done("delete", hub, "b", "--user", "ann")
    (stub,) = [each for each in done("export", hub, "--deleted").lines if "_deleted" in each]
    assert ["ann"] == stub["$UpdatedBy"]
    done("create", tmp_path / "new.db", REPLICA_USER="bob")
    outcome = run("put", hub, "a", "{}", "--replace", "--user", "a:b", "--json")
    assert (2, "bad_arguments") == (outcome.code, outcome.error["code"])
