"""The command: replicas, conflicts and what is remembered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

import replica
from replica.errors import TooLarge
from tests.system.command import done, run


class Pair(NamedTuple):
    """Two replicas of one database, each with a document of its own and one in common."""

    hub: Path
    laptop: Path


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    pair = Pair(tmp_path / "hub.db", tmp_path / "laptop.db")
    with replica.create(str(pair.hub)) as hub:
        hub.put({"Total": 1, "Same": True}, unid="both")
        with hub.copy(str(pair.laptop)) as laptop:
            hub.put({}, unid="hub")
            laptop.put({}, unid="laptop")
    return pair


@pytest.fixture
def clash(pair: Pair) -> Pair:
    """The same document was changed in both, and they were brought together."""
    done("put", pair.hub, "both", '{"Total":2,"Same":true}', "--replace")
    done("put", pair.laptop, "both", '{"Total":3,"Same":true}', "--replace")
    done("sync", *pair)
    return pair


def unids(db: Path) -> list[str]:
    return [document["_id"] for document in done("list", db).lines]


def test_sync_brings_two_replicas_together(pair: Pair) -> None:
    outcome = done("sync", *pair)
    assert "pull: 1 added (2 B)\npush: 1 added (2 B)\n" == outcome.out
    assert unids(pair.hub) == unids(pair.laptop) == ["both", "hub", "laptop"]
    assert "pull: nothing new\npush: nothing new\n" == done("sync", *pair).out


def test_pull_and_push_go_one_way(pair: Pair) -> None:
    assert "pull: 1 added (2 B)\n" == done("pull", *pair).out
    assert (["both", "hub", "laptop"], ["both", "laptop"]) == (unids(pair.hub), unids(pair.laptop))
    report = done("push", *pair, "--json").value
    assert (None, 1) == (report["pull"], report["push"]["added"])
    assert 0 == done("verify", *pair).code


def test_a_dry_run_counts_and_changes_nothing(pair: Pair) -> None:
    report = done("sync", *pair, "--dry-run", "--json").value
    assert (True, 1, 1) == (report["dry_run"], report["pull"]["added"], report["push"]["added"])
    assert (["both", "hub"], ["both", "laptop"]) == (unids(pair.hub), unids(pair.laptop))


def test_neither_side_is_created(pair: Pair, tmp_path: Path) -> None:
    assert 10 == run("sync", pair.hub, tmp_path / "none.db").code
    assert not (tmp_path / "none.db").exists()


def test_another_database_and_the_same_file_are_unsafe(pair: Pair, tmp_path: Path) -> None:
    done("create", tmp_path / "other.db")
    for other, code in ((tmp_path / "other.db", "not_a_replica"), (pair.hub, "with_itself")):
        outcome = run("sync", pair.hub, other, "--json")
        assert (9, code) == (outcome.code, outcome.error["code"])


def test_a_side_that_is_suddenly_empty_needs_force(pair: Pair, tmp_path: Path) -> None:
    done("sync", *pair)
    with replica.open(str(pair.laptop)) as laptop, laptop._file.write() as connection:
        for table in ("leaf", "conflict_document"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    outcome = run("sync", *pair, "--json")
    assert (9, "suddenly_empty") == (outcome.code, outcome.error["code"])
    assert 0 == run("sync", *pair, "--force").code
    assert 0 == run("verify", *pair).code


def test_a_paused_replica_refuses(pair: Pair) -> None:
    done("settings", pair.laptop, "paused=true")
    assert 8 == run("sync", *pair).code


def test_when_the_time_is_up_it_says_so(pair: Pair) -> None:
    outcome = run("sync", *pair, "--max-duration", "0s", "--json")
    assert (7, "max_duration", False) == (outcome.code, outcome.value["limit"], outcome.value["ok"])
    done("sync", *pair, "--max-duration", "1h30m")


def test_what_was_refused_is_named(pair: Pair) -> None:
    done("settings", pair.hub, "document-size-max=50")
    for number in range(12):
        done("put", pair.laptop, f"large{number}", json.dumps({"x": "y" * 100}))
    outcome = run("sync", *pair)
    assert 3 == outcome.code
    assert outcome.out.startswith("pull: 1 added, 12 refused (too_large)")
    lines = outcome.err.splitlines()
    assert 12 == len(lines)
    assert lines[0].startswith("replicate: pull: large")
    assert "replicate: and 2 more" == lines[-2]
    assert f"hint: too_large: {TooLarge.hint}" == lines[-1]
    assert {"too_large": 12} == run("sync", *pair, "--json").value["pull"]["refused"]


# -- conflicts


def test_a_clash_is_no_failure_unless_asked(clash: Pair) -> None:
    assert 0 == run("sync", *clash).code
    assert 4 == run("sync", *clash, "--fail-on-conflict").code
    assert (0, 4) == (run("conflicts", clash.hub).code, run("conflicts", clash.hub, "--exit-code").code)


def test_a_conflict_is_shown_with_both_values(clash: Pair) -> None:
    outcome = done("conflicts", clash.hub)
    (line,) = [line for line in outcome.out.splitlines() if line.startswith("Total")]
    assert {"2", "3"} == set(line.split()[1:])
    (conflict,) = done("conflicts", clash.hub, "--json").value
    assert "both" == conflict["_id"]
    assert [["Total"]] == [list(leaf["differs"]) for leaf in conflict["leaves"]]


def test_without_conflicts_there_is_nothing_to_show(pair: Pair) -> None:
    assert [] == done("conflicts", pair.hub, "--json").value
    assert ("", "no conflicts\n") == done("conflicts", pair.hub, "--exit-code")[1:]


def test_a_conflict_is_resolved_by_keeping_a_revision(clash: Pair) -> None:
    (conflict,) = done("conflicts", clash.hub, "--json").value
    losing = conflict["leaves"][0]
    answer = done("resolve", clash.hub, losing["_id"], "--keep", losing["_rev"], "--json").value
    assert ("both", False) == (answer["_id"], answer["dry_run"])
    assert losing["differs"]["Total"][1] == done("get", clash.hub, "both").value["Total"]
    done("sync", *clash)
    assert [] == done("conflicts", clash.laptop, "--json").value


def test_a_conflict_is_resolved_with_other_items(clash: Pair) -> None:
    done("resolve", clash.hub, "both", "--items", '{"Total":5}')
    assert 5 == done("get", clash.hub, "both").value["Total"]
    assert 10 == run("resolve", clash.hub, "both", "--items", "-", stdin="{}").code


def test_a_dry_resolution_changes_nothing(clash: Pair) -> None:
    before = done("changes", clash.hub).out
    assert "would resolve both\n" == done("resolve", clash.hub, "both", "--items", "{}", "--dry-run").out
    answer = done("resolve", clash.hub, "--all", "--keep", "newest", "--dry-run", "--json").value
    assert {"ok": True, "resolved": ["both"], "dry_run": True} == answer
    assert before == done("changes", clash.hub).out


def test_all_conflicts_are_resolved_in_a_known_way_or_not_at_all(clash: Pair) -> None:
    assert 2 == run("resolve", clash.hub, "--all", "--keep", "oldest").code


@pytest.mark.parametrize("keep", ["winner", "newest"])
def test_all_conflicts_are_resolved(clash: Pair, keep: str) -> None:
    assert "resolved 1 conflict\n" == done("resolve", clash.hub, "--all", "--keep", keep).out
    assert 3 == done("get", clash.hub, "both").value["Total"]
    assert "resolved 0 conflicts\n" == done("resolve", clash.hub, "--all", "--keep", keep).out


@pytest.mark.parametrize(
    "words",
    [
        "",
        "both",
        "--all",
        "both --all --keep winner",
        "both --keep 1-a --items {}",
        "--all --items {}",
        "--keep winner",
    ],
)
def test_what_to_keep_is_said_once(words: str) -> None:
    assert 2 == run("resolve", "a.db", *words.split()).code


def test_a_conflict_document_that_is_put_becomes_a_document(clash: Pair) -> None:
    (conflict,) = done("conflicts", clash.hub, "--json").value
    unid = conflict["leaves"][0]["_id"]
    shown = done("get", clash.hub, unid).value
    assert "both" == shown["$Ref"]
    saved = done("put", clash.hub, json.dumps({**shown, "Total": 7}), "--json").value
    assert {"_id": unid, "_rev": saved["_rev"], "Same": True, "Total": 7} == done("get", clash.hub, unid).value
    assert [] == done("conflicts", clash.hub, "--json").value


def test_deleting_a_conflict_document_ends_the_conflict(clash: Pair) -> None:
    (conflict,) = done("conflicts", clash.hub, "--json").value
    done("delete", clash.hub, conflict["leaves"][0]["_id"])
    assert [] == done("conflicts", clash.hub, "--json").value
    assert conflict["winner"] == done("get", clash.hub, "both").value["_rev"]


# -- history and changes


def test_exchanges_are_remembered_until_cleared(pair: Pair) -> None:
    done("sync", *pair)
    peer = done("info", pair.laptop, "--json").value["instance_id"]
    sessions = done("history", pair.hub, "--json").value
    assert {peer} == {session["peer"] for session in sessions}
    assert peer in done("history", pair.hub).out
    assert [] == done("history", pair.hub, "--clear", peer, "--json").value
    assert ("", "no exchanges are remembered\n") == done("history", pair.hub)[1:]
    assert 10 == run("history", pair.hub, "--clear", peer).code
    assert "pull: nothing new\npush: nothing new\n" == done("sync", *pair).out


def test_changes_are_lines_of_json_in_order(clash: Pair) -> None:
    changes = done("changes", clash.hub, "--json").lines
    assert ["hub", "laptop", "both"] == [change["unid"] for change in changes]
    assert [1, 1, 2] == [len(change["leaves"]) for change in changes]
    since = changes[0]["sequence"]
    assert changes[1:] == done("changes", clash.hub, "--since", since).lines
    assert 2 == run("changes", clash.hub, "--since", "-1").code
