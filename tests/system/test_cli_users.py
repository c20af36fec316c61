"""The commands about users and tokens: what they ask, print and keep to themselves."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from replica.access import Directory
from tests.house.source import ROOT
from tests.system.command import PROGRAM, Outcome, done, run, spawn

SECRET = "correct horse battery"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a server, with an administrator."""
    (tmp_path / "data").mkdir()
    (tmp_path / "secret").write_text(f"{SECRET}\nnot this\n")
    done("user", "add", "chef", "--data", tmp_path / "data", "--admin", "--password-file", tmp_path / "secret")
    return tmp_path / "data"


@pytest.fixture
def known(folder: Path) -> Iterator[Directory]:
    opened = Directory(str(folder))
    yield opened
    opened.close()


def test_a_user_is_made_listed_changed_and_removed(folder: Path, known: Directory) -> None:
    assert (
        "added the user anna\n"
        == done(
            *("user", "add", "anna", "--data", folder, "--role", "sales", "--role", "a b"), REPLICA_PASSWORD=SECRET
        ).out
    )
    principal = known.by_password("anna", SECRET)
    assert principal is not None
    assert {"sales", "a b"} == principal.roles
    header, anna, chef = done("user", "list", "--data", folder).out.splitlines()
    assert ["name", "administrator", "roles", "groups", "state"] == header.split()
    assert ["anna", "a", "b,", "sales", "ok"] == anna.split()
    assert ["chef", "yes", "ok"] == chef.split()
    assert (
        "changed the password of anna\n" == done("user", "passwd", "anna", "--data", folder, REPLICA_PASSWORD="new").out
    )
    assert known.by_password("anna", "new") is not None
    assert ("removed anna\n", "") == done("user", "remove", "anna", "--data", folder)[1:]
    assert known.by_name("anna") is None
    assert "there is no administrator any more" in done("user", "remove", "chef", "--data", folder).err


def test_the_first_user_without_an_administrator_is_told_so(tmp_path: Path) -> None:
    outcome = done("user", "add", "anna", "--data", tmp_path, REPLICA_PASSWORD=SECRET)
    assert "there is no administrator so far" in outcome.err
    assert "" == done("user", "add", "chef", "--data", tmp_path, "--admin", REPLICA_PASSWORD=SECRET).err


def test_where_there_are_no_users_the_list_says_what_that_means(tmp_path: Path) -> None:
    outcome = done("user", "list", "--data", tmp_path)
    assert "" == outcome.out
    assert "whoever reaches the server may do everything" in outcome.err
    assert [] == done("user", "list", "--data", tmp_path, "--json").value
    assert [] == done("token", "list", "--data", tmp_path, "--json").value
    assert [] == [*tmp_path.iterdir()]


def test_what_is_refused_has_a_code(folder: Path) -> None:
    given = {"REPLICA_PASSWORD": SECRET}
    assert 8 == run("user", "add", "chef", "--data", folder, **given).code
    assert 2 == run("user", "add", "a:b", "--data", folder, **given).code
    assert 2 == run("user", "add", "", "--data", folder, **given).code
    assert 2 == run("user", "add", "anna", "--data", folder, "--role", "_x", **given).code
    assert 2 == run("user", "add", "anna", "--data", folder / "none", **given).code
    assert 2 == run("user", "add", "anna", **given).code
    assert 10 == run("user", "passwd", "anna", "--data", folder, **given).code
    assert 10 == run("user", "remove", "anna", "--data", folder).code
    assert 10 == run("token", "create", "anna", "--data", folder).code
    assert 10 == run("token", "revoke", "0123456789ab", "--data", folder).code
    for expires in ("0", "-1d", "soon", "40000d"):
        assert 2 == run("token", "create", "chef", "--data", folder, f"--expires={expires}").code
    assert ["chef"] == [user["name"] for user in done("user", "list", "--data", folder, "--json").value]


# -- passwords


def test_a_password_comes_from_a_file_a_variable_a_file_in_a_variable_or_a_command(
    folder: Path, known: Directory
) -> None:
    file = folder.parent / "other"
    file.write_text("from a file\r\n")
    ways = {
        "one": (["--password-file", file], {"REPLICA_PASSWORD": SECRET}, "from a file"),
        "two": ([], {"REPLICA_PASSWORD": SECRET}, SECRET),
        "three": ([], {"REPLICA_PASSWORD_FILE": str(file)}, "from a file"),
        "four": ([], {"REPLICA_PASSWORD_COMMAND": f"cat {file}"}, "from a file"),
        "five": ([], {"REPLICA_PASSWORD_FILE": str(file), "REPLICA_PASSWORD": SECRET}, SECRET),  # as where it is sent
    }
    for name, (flags, variables, password) in ways.items():
        done("user", "add", name, "--data", folder, *flags, **variables)
        assert known.by_password(name, password) is not None, name


@pytest.mark.parametrize("content", [b"", b"\nsecond line\n", b"\xff\xfe", None])
def test_a_file_without_a_password_makes_no_user(folder: Path, content: bytes | None) -> None:
    file = folder.parent / "empty"
    if content is not None:
        file.write_bytes(content)
    assert 2 == run("user", "add", "anna", "--data", folder, "--password-file", file).code
    assert 1 == len(done("user", "list", "--data", folder, "--json").value)


def test_without_a_password_and_a_terminal_it_is_a_mistake(folder: Path) -> None:
    outcome = run("user", "add", "anna", "--data", folder, stdin="typed\n")
    assert 2 == outcome.code
    assert "--password-file" in outcome.err


def on_a_terminal(folder: Path, *typed: str) -> tuple[int, str]:
    """`user add anna` on a terminal, where this is typed in answer to each question: the code, and all that was shown."""
    parent, child = pty.openpty()
    command = [*PROGRAM, "user", "add", "anna", "--data", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, stdin=child, stdout=child, stderr=child, env=environment, start_new_session=True, close_fds=True
    )
    os.close(child)
    shown = b""
    questions = iter(typed)
    try:
        while piece := os.read(parent, 1024):
            shown += piece
            if piece.rstrip(b"\r\n").endswith(b": "):
                os.write(parent, next(questions).encode() + b"\n")
    except OSError:  # the other end was closed
        pass
    finally:
        os.close(parent)
    return process.wait(timeout=60), shown.decode()


def test_on_a_terminal_it_is_asked_twice_and_not_shown(folder: Path, known: Directory) -> None:
    code, shown = on_a_terminal(folder, SECRET, SECRET)
    assert 0 == code, shown
    assert "New password of anna: " in shown
    assert "The same again: " in shown
    assert SECRET not in shown
    assert known.by_password("anna", SECRET) is not None


def test_two_passwords_that_differ_make_no_user(folder: Path, known: Directory) -> None:
    code, shown = on_a_terminal(folder, SECRET, f"{SECRET}!")
    assert 2 == code, shown
    assert SECRET not in shown
    assert known.by_name("anna") is None


# -- what nobody else sees


def test_a_password_is_in_no_output_error_or_list_of_processes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLICA_PASSWORD_FILE", str(folder.parent / "secret"))
    seen: list[bytes] = []
    done_with = threading.Event()
    process = spawn("user", "add", "anna", "--data", folder, "--debug")

    def watch() -> None:
        while not done_with.wait(0.01):
            with suppress(OSError):  # it has ended
                seen.append(Path(f"/proc/{process.pid}/cmdline").read_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, err = process.communicate(timeout=60)
    done_with.set()
    watcher.join()
    assert 0 == process.returncode, err
    for given in ("user", "list"), ("token", "list"):
        seen += [text.encode() for text in done(*given, "--data", folder, "--json", "-v")[1:]]
    failing: list[Outcome] = [
        run("user", "add", "anna", "--data", folder, "--debug"),
        run("user", "add", "a:b", "--data", folder, "--debug"),
        run("user", "passwd", "nobody", "--data", folder, "--debug", "--json"),
        run("user", "add", "carla", "--data", folder, "--debug", REPLICA_PASSWORD=SECRET * 100),
    ]
    assert 0 not in {outcome.code for outcome in failing}
    everything = b"".join([out, err, *seen, *(text.encode() for outcome in failing for text in outcome[1:])])
    assert SECRET.encode() not in everything
    assert b"$argon2" not in everything


def test_a_token_is_printed_once_and_alone(folder: Path, known: Directory) -> None:
    (folder / "orders.db").touch()
    outcome = done("token", "create", "chef", "--data", folder, "--db", "orders", "--db", "none", "--read-only")
    (secret,) = outcome.out.splitlines()
    assert "there is no database none so far" in outcome.err
    assert "orders" not in outcome.err
    assert secret not in outcome.err
    principal = known.by_token(secret)
    assert principal is not None
    assert ({"orders", "none"}, True) == (principal.databases, principal.read_only)
    for words in (["token", "list"], ["token", "list", "--json"], ["user", "list", "--json"]):
        assert secret[21:] not in "".join(done(*words, "--data", folder)[1:])
    assert secret not in "".join(done("token", "revoke", secret, "--data", folder)[1:])
    assert secret not in "".join(run("token", "revoke", secret, "--data", folder)[1:])
    assert known.by_token(secret) is None


def test_how_long_a_token_counts_is_said_in_days_or_less(folder: Path) -> None:
    made = done("token", "create", "chef", "--data", folder, "--expires", "1d12h", "--json").value
    assert "T" in made["expires"]
    assert made["created"] < made["expires"]
    assert ["ok"] == [token["state"] for token in done("token", "list", "--data", folder, "--json").value]
    done("token", "create", "chef", "--data", folder)
    header, *rows = done("token", "list", "--data", folder).out.splitlines()
    assert ["id", "user", "databases", "rights", "expires", "state"] == header.split()
    assert sum("never" in row for row in rows) == 1


# -- from CouchDB


def test_users_of_couchdb_are_imported_and_log_in(folder: Path, known: Directory) -> None:
    jan = {
        "_id": "org.couchdb.user:jan",
        "_rev": "1-e0ebfb84005b920488fc7a8cc5470cc0",
        "derived_key": "e579375db0e0c6a6fc79cd9e36a36859f71575c3",
        "iterations": 10,
        "name": "jan",
        "password_scheme": "pbkdf2",
        "roles": ["sales"],
        "salt": "1112283cf988a34f124200a050d308a1",
        "type": "user",
    }
    design = {"_id": "_design/_auth", "_rev": "1-753ae0157a8b1a22339f3c0ef4f1bf19", "language": "javascript"}
    old = {
        "_id": "org.couchdb.user:eve",
        "name": "eve",
        "type": "user",
        "roles": [],
        "password_sha": "ab",
        "salt": "cd",
    }
    rows = [{"id": doc["_id"], "key": doc["_id"], "value": {"rev": "1-a"}, "doc": doc} for doc in (design, jan, old)]
    dump = json.dumps({"total_rows": 3, "offset": 0, "rows": rows})
    assert 3 == done("import", folder / "_users.db", "-", "--json", stdin=dump).value["added"]
    principal = known.by_password("jan", "apple")
    assert principal is not None
    assert {"sales"} == principal.roles
    assert known.by_password("jan", "apple") is not None
    assert known.by_password("eve", "ab") is None
    states = {user["name"]: user["state"] for user in done("user", "list", "--data", folder, "--json").value}
    assert {"chef": "ok", "jan": "ok", "eve": "damaged"} == states
    assert 0 == done("import", folder / "_users.db", "-", "--json", stdin=json.dumps(jan)).value["added"]


def test_a_document_with_roles_twice_makes_no_administrator(folder: Path, known: Directory) -> None:
    """CVE-2017-12635: one parser saw the first roles, the other one the last."""
    twice = '{"_id":"org.couchdb.user:mal","type":"user","name":"mal","roles":[],"roles":["_admin"],"password_scheme":"pbkdf2"}'
    for words in (("import", folder / "_users.db", "-"), ("put", folder / "_users.db", "org.couchdb.user:mal", "-")):
        assert 0 != run(*words, stdin=twice).code
    assert known.by_name("mal") is None
    assert ["chef"] == [user["name"] for user in done("user", "list", "--data", folder, "--json").value]
