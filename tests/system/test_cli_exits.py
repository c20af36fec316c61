"""The command: exit codes, and how errors are told."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from replica import errors
from replica.cli.exits import MEANINGS, Exit, exit_for
from tests.system.command import done, run, spawn

CODES = {
    1: "ReplicaError StoreError",
    2: "Mistake BadSettings BadSelector BadRequest UnsupportedMediaType IllegalName",
    5: "DiskError Busy TransportError Unreachable TimedOut Garbled TooManyAttempts",
    7: "LimitReached",
    8: "Refused StaleRevision Exists NotAllowed ReadOnly Paused BadDocument BadAccessList BadMember IllegalUnid TooLarge "
    "NotSupported AttachmentsNotSupported",
    9: "Unsafe NotAReplica WithItself SuddenlyEmpty HardLinked Replaced",
    10: "NotFound",
    11: "Locked",
    12: "NotAuthenticated NotTrusted",
    13: "Stale",
    14: "TooNew TooOld OtherProtocol",
    15: "NotADatabase Corrupt",
}


def family(error: type[errors.ReplicaError] = errors.ReplicaError) -> Iterator[type[errors.ReplicaError]]:
    yield error
    for child in error.__subclasses__():
        yield from family(child)


def test_every_error_has_the_exit_code_that_is_promised() -> None:
    promised = {name: code for code, names in CODES.items() for name in names.split()}
    assert promised == {error.__name__: exit_for(error("")) for error in family() if "replica." in error.__module__}


def test_every_exit_code_has_a_meaning() -> None:
    assert list(Exit) == list(MEANINGS)


def test_an_error_is_told_in_two_lines(tmp_path: Path) -> None:
    outcome = run("info", tmp_path / "none.db")
    assert (10, "") == (outcome.code, outcome.out)
    first, second = outcome.err.splitlines()
    assert f"replicate: error: there is no file {tmp_path}/none.db" == first
    assert second.startswith("hint: `replicate create ")


def test_an_error_is_told_in_one_line_of_json(tmp_path: Path) -> None:
    outcome = run("info", tmp_path / "none.db", "--json")
    assert (10, "") == (outcome.code, outcome.out)
    assert {"code", "message", "hint", "retryable"} == outcome.error.keys()
    assert ("not_found", False) == (outcome.error["code"], outcome.error["retryable"])


def test_a_message_stays_on_its_line_whatever_it_quotes(tmp_path: Path) -> None:
    outcome = run("info", tmp_path / "a\n\x1b[31m\u009b.db")
    assert 2 == len(outcome.err.splitlines())
    assert "\x1b" not in outcome.err
    assert "\u009b" not in outcome.err


@pytest.mark.parametrize(
    "words",
    ["", "snyc a b", "--wrong", "info", "info a b", "info a --wrong", "info a --jso", "settings", "completion tcsh"],
)
def test_wrong_words_are_a_mistake(words: str) -> None:
    outcome = run(*words.split())
    assert (2, "") == (outcome.code, outcome.out)
    if words:
        outcome = run(*words.split(), "--json")
        assert (2, "", "bad_arguments") == (outcome.code, outcome.out, outcome.error["code"])


def test_a_mistyped_command_gets_a_suggestion() -> None:
    assert "hint: Did you mean `replicate sync`?" in run("snyc").err


def test_a_traceback_is_shown_only_when_asked(tmp_path: Path) -> None:
    assert "Traceback" not in run("info", tmp_path / "none.db").err
    assert "Traceback" in run("info", tmp_path / "none.db", "--debug").err


def test_an_error_nobody_thought_of_has_code_1_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("oops")

    monkeypatch.setattr("replica.cli.info.run", broken)
    outcome = run("info", tmp_path / "none.db", "--json")
    assert (1, "", "error", "KeyError: 'oops'") == (
        outcome.code,
        outcome.out,
        outcome.error["code"],
        outcome.error["message"],
    )
    assert 2 == len(run("info", tmp_path / "none.db").err.splitlines())


def test_a_replica_that_another_program_writes_for_long_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done("create", tmp_path / "hub.db")
    monkeypatch.setattr("replica.opening.open.__kwdefaults__", {**_defaults(), "busy_timeout": 0.05})
    with closing(sqlite3.connect(tmp_path / "hub.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        outcome = run("put", tmp_path / "hub.db", "{}", "--json")
        assert (11, "locked", True) == (outcome.code, outcome.error["code"], outcome.error["retryable"])
        other.execute("ROLLBACK")


def _defaults() -> dict[str, object]:
    import replica

    return dict(replica.open.__kwdefaults__ or {})


def test_a_hard_link_is_unsafe(tmp_path: Path) -> None:
    done("create", tmp_path / "hub.db")
    os.link(tmp_path / "hub.db", tmp_path / "second.db")
    assert 9 == run("info", tmp_path / "hub.db").code


# -- standard output


def test_output_that_nobody_reads_any_more_ends_it_quietly(tmp_path: Path) -> None:
    done("create", tmp_path / "hub.db")
    done("import", tmp_path / "hub.db", "-", stdin="".join(f'{{"n":{n},"x":"{"y" * 200}"}}\n' for n in range(1000)))
    with spawn("list", tmp_path / "hub.db", "--json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert b"" == process.stderr.read()
    assert 141 == process.returncode


def test_output_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    done("create", tmp_path / "hub.db")
    with open("/dev/full", "wb") as full, spawn("info", tmp_path / "hub.db", "--json", stdout=full) as process:
        _, told = process.communicate()
    assert 5 == process.returncode
    assert "disk_error" == json.loads(told)["error"]["code"]


def test_closed_streams_do_no_harm(tmp_path: Path) -> None:
    with spawn("create", tmp_path / "hub.db", preexec_fn=lambda: (os.close(0), os.close(1), os.close(2))) as process:
        process.communicate()
    assert 0 == process.returncode
    assert 0 == run("info", tmp_path / "hub.db").code
