"""The command: import and export."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import replica
from tests.system.command import Outcome, done, run


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    done("create", tmp_path / "hub.db")
    return tmp_path / "hub.db"


def take(hub: Path, text: str, *flags: str) -> dict[str, Any]:
    """The report of an import from standard input."""
    report: dict[str, Any] = run("import", hub, "-", "--json", *flags, stdin=text).value
    return report


def counts(report: dict[str, Any]) -> dict[str, int]:
    return {name: value for name, value in report.items() if type(value) is int and value}


def test_a_file_is_imported(hub: Path, tmp_path: Path) -> None:
    (tmp_path / "in.ndjson.gz").write_bytes(gzip.compress(b'{"_id":"a","x":1}\n{"x":2}\n'))
    assert "read 2: 2 added\n" == done("import", hub, tmp_path / "in.ndjson.gz").out
    assert {1, 2} == {each["x"] for each in done("list", hub).lines}


def test_importing_again_changes_only_what_differs(hub: Path) -> None:
    take(hub, '{"_id":"a","x":1}\n{"_id":"b","x":1}\n{"_id":"c"}\n')
    report = take(hub, '{"_id":"a","_rev":"9-x","x":1}\n{"_id":"b","x":2}\n{"_id":"c","_deleted":true}\n{"_id":"d"}')
    assert {"read": 4, "unchanged": 1, "updated": 1, "deleted": 1, "added": 1} == counts(report)
    assert ["1", "2"] == [done("get", hub, unid).value["_rev"][0] for unid in "ab"]


def test_bad_lines_are_named_and_do_not_stop_the_rest(hub: Path) -> None:
    outcome = run("import", hub, "-", stdin='{"x":1}\n{"x":\n{"x":3}\n[1]\n')
    assert (3, "read 4: 2 added, 2 failed\n") == (outcome.code, outcome.out)
    first, second = outcome.err.splitlines()
    assert first.startswith("replicate: line 2: not JSON")
    assert "replicate: line 4: a document is a JSON object (bad_document)" == second


def test_bad_lines_are_in_the_report(hub: Path) -> None:
    outcome = run("import", hub, "-", "--json", stdin='{"x":1}\n{"_id":7}\n')
    assert (3, "") == (outcome.code, outcome.err)
    assert not outcome.value["ok"]
    assert [(2, "bad_document")] == [(each["line"], each["code"]) for each in outcome.value["failures"]]


def test_of_many_bad_lines_some_are_named_and_all_are_counted(hub: Path) -> None:
    outcome = run("import", hub, "-", stdin="{\n" * 500)
    assert (11, "replicate: and 490 more") == (len(outcome.err.splitlines()), outcome.err.splitlines()[-1])
    assert 500 + 1 == len(run("import", hub, "-", "-v", stdin="{\n" * 500).err.splitlines())


def test_a_line_too_long_is_refused_alone(hub: Path) -> None:
    done("settings", hub, "document-size-max=1000")
    long = json.dumps({"x": "y" * 70_000})
    report = take(hub, f'{{"x":1}}\n{long}\n{json.dumps({"x": "y" * 2000})}\n{{"x":2}}\n')
    assert {"read": 4, "added": 2, "failed": 2} == counts(report)
    assert [(2, "too_large"), (3, "too_large")] == [(each["line"], each["code"]) for each in report["failures"]]


@pytest.mark.parametrize(("content", "code"), [(None, 10), (gzip.compress(b'{"x":1}', mtime=0)[:12], 8), (b"[", 8)])
def test_a_file_that_cannot_be_read_at_all_is_an_error(
    hub: Path, tmp_path: Path, content: bytes | None, code: int
) -> None:
    path = tmp_path / "in"
    if content is not None:
        path.write_bytes(content)
    outcome = run("import", hub, path, "--json")
    assert (code, "") == (outcome.code, outcome.out)
    assert {"code", "message", "hint", "retryable"} == outcome.error.keys()


def test_what_was_whole_in_a_file_cut_off_is_imported(hub: Path, tmp_path: Path) -> None:
    lines = b"".join(b'{"_id":"%d"}\n' % number for number in range(5_000))
    (tmp_path / "in.gz").write_bytes(gzip.compress(lines)[:-1000])
    outcome = run("import", hub, tmp_path / "in.gz", "--json")
    report = outcome.value
    assert (3, 1) == (outcome.code, report["failed"])
    assert 1000 < report["added"] == len(done("list", hub).lines)


def test_an_array_and_a_dump_are_imported(hub: Path) -> None:
    assert {"read": 2, "added": 2} == counts(take(hub, '[{"_id":"a"},\n{"_id":"b"}]'))
    dump = '{"total_rows":1,"offset":0,"rows":[\n{"id":"c","key":"c","value":{"rev":"1-a"},"doc":{"_id":"c"}}\n]}'
    assert {"read": 1, "added": 1} == counts(take(hub, dump))
    assert ["a", "b", "c"] == [each["_id"] for each in done("list", hub).lines]


def test_nothing_to_import_is_done(hub: Path) -> None:
    assert "nothing to import\n" == done("import", hub, "-").out


# -- export


@pytest.fixture
def conflicted(hub: Path, tmp_path: Path) -> Path:
    """A replica with documents, a conflict document and a deletion stub."""
    for unid in "abc":
        done("put", hub, unid, json.dumps({"x": unid}))
    done("copy", hub, tmp_path / "other.db")
    done("put", hub, "a", '{"x":"here"}', "--replace")
    done("put", tmp_path / "other.db", "a", '{"x":"there"}', "--replace")
    done("delete", hub, "c")
    done("sync", hub, tmp_path / "other.db")
    return hub


@pytest.mark.parametrize("flags", [[], ["--conflicts"], ["--deleted"], ["--conflicts", "--deleted"]])
@pytest.mark.parametrize("name", ["out.ndjson", "out.ndjson.gz"])
def test_importing_an_export_into_its_own_replica_changes_nothing(
    conflicted: Path, tmp_path: Path, name: str, flags: list[str]
) -> None:
    before = done("changes", conflicted).out
    exported = done("export", conflicted, tmp_path / name, *flags, "--json").value
    report = done("import", conflicted, tmp_path / name, "--json").value
    assert 2 + len(flags) == exported["documents"] == report["read"] == report["unchanged"]
    assert before == done("changes", conflicted).out


def test_an_export_to_standard_output_is_lines_of_json(conflicted: Path) -> None:
    for flags in ([], ["--json"]):
        assert ["a", "b"] == [each["_id"] for each in done("export", conflicted, *flags).lines]
    documents = done("export", conflicted, "--conflicts", "--deleted").lines
    assert (1, 1) == (sum("$Conflict" in each for each in documents), sum("_deleted" in each for each in documents))


def test_an_export_does_not_touch_an_existing_file(conflicted: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    outcome: Outcome = run("export", conflicted, tmp_path / "out", "--json")
    assert (8, "exists") == (outcome.code, outcome.error["code"])
    assert "mine" == (tmp_path / "out").read_text()


def test_what_is_exported_is_exactly_what_was_saved(hub: Path, tmp_path: Path) -> None:
    items = {"big": 10**400, "one": 1, "float": 1.0, "": "", "é\u2028": [None, True, {"\x00": "\U0001f600"}]}
    with replica.open(str(hub)) as opened:
        opened.put(items, unid="a\n/+é")
    done("export", hub, tmp_path / "out")
    done("create", tmp_path / "new.db")
    done("import", tmp_path / "new.db", tmp_path / "out")
    with replica.open(str(tmp_path / "new.db")) as opened:
        assert items == opened.get("a\n/+é").items
        assert "1.0" == repr(opened.get("a\n/+é")["float"])
