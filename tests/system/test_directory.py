"""Users, groups and tokens in their file: other processes, other replicas, damage, time."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import argon2
import pytest

import replica
from replica.access import Directory, Principal, SecurityLog
from replica.access.directory import ListedToken
from replica.access.passwords import hash_password
from replica.canonical import canonical
from replica.errors import BadSettings, Corrupt, Exists, IllegalName, Mistake, NotADatabase, NotFound, StoreError
from replica.server.catalogue import Catalogue
from tests.system.command import done, spawn
from tests.unit.test_passwords import JAN, couchdbs_key

ANNA = "org.couchdb.user:anna"
FILES = ("_users.db", "_users.db-wal", "_users.db-shm", "_users.db-lock")
PHC = hash_password("secret")  # made once: it is slow on purpose


class Time:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_ms = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def known(tmp_path: Path, time: Time) -> Iterator[Directory]:
    """The directory of an empty folder."""
    opened = Directory(str(tmp_path), clock=time)
    yield opened
    opened.close()


def users_of(folder: Path) -> replica.Replica:
    """The replica that a directory is."""
    return replica.open(folder / "_users.db")


def user(name: str, **items: Any) -> dict[str, Any]:
    return {"type": "user", "name": name, "roles": [], "password_hash": PHC} | items


@pytest.fixture
def anna(known: Directory, tmp_path: Path) -> Directory:
    """A directory in which there is anna, whose password is "secret"."""
    known.add("chef", "other", roles=["_admin"])
    with users_of(tmp_path) as hub:
        hub.put(user("anna", roles=["a", "b"]), unid=ANNA)
    return known


# -- a user


def test_a_folder_without_the_file_has_no_users(known: Directory, tmp_path: Path) -> None:
    assert known.is_empty
    assert not known.has_admin
    assert known.by_name("anna") is None
    assert known.by_password("anna", "secret") is None
    assert known.cookie_key("anna") is None
    assert 32 == len(known.cookie_secret)
    assert [] == known.users() == known.tokens()
    assert [] == [*tmp_path.iterdir()]


def test_a_user_logs_in_with_the_password_and_nothing_else(known: Directory) -> None:
    known.add("anna", "secret", roles=["b", "a"])
    assert Principal("anna", frozenset("ab")) == known.by_password("anna", "secret")
    for name, password in (
        ("anna", ""),
        ("anna", "Secret"),
        ("Anna", "secret"),
        ("", "secret"),
        ("anna\0", "secret"),
        ("\ud800", "x"),
    ):
        assert known.by_password(name, password) is None
    assert not known.is_empty
    assert not known.has_admin


def test_a_name_is_given_once(anna: Directory) -> None:
    with pytest.raises(Exists):
        anna.add("anna", "mine")
    assert anna.by_password("anna", "mine") is None


def test_what_cannot_be_is_refused_and_makes_no_file(known: Directory, tmp_path: Path) -> None:
    for name, password, roles in (("a:b", "x", []), ("anna", "", []), ("anna", "x", ["_writer"])):
        with pytest.raises(Mistake):
            known.add(name, password, roles=roles)
    for attempt in (known.remove, known.revoke, known.create_token, lambda name: known.change_password(name, "x")):
        for name in ("anna", "\ud800"):
            with pytest.raises(NotFound):
                attempt(name)
    assert [] == [*tmp_path.iterdir()]


def test_there_must_be_a_folder(tmp_path: Path) -> None:
    with pytest.raises(BadSettings):
        Directory(str(tmp_path / "none"))


def test_a_changed_password_ends_the_former_one(anna: Directory) -> None:
    key = anna.cookie_key("anna")
    anna.change_password("anna", "new")
    assert anna.by_password("anna", "secret") is None
    assert Principal("anna", frozenset("ab")) == anna.by_password("anna", "new")
    assert key != anna.cookie_key("anna")


def test_a_removed_user_is_gone_with_the_tokens_and_may_come_back_without_them(anna: Directory) -> None:
    secret, other = anna.create_token("anna"), anna.create_token("chef")
    assert 1 == anna.remove("anna")
    assert anna.by_name("anna") is None
    assert anna.by_token(secret) is None
    assert anna.by_token(other) is not None
    assert ["chef"] == [listed.principal.name for listed in anna.users()]
    with pytest.raises(NotFound):
        anna.remove("anna")
    with pytest.raises(NotFound):
        anna.change_password("anna", "x")
    anna.add("anna", "new")
    assert Principal("anna") == anna.by_password("anna", "new")
    assert anna.by_token(secret) is None


def test_tokens_of_a_deleted_user_do_not_open_for_the_next_of_that_name(anna: Directory, tmp_path: Path) -> None:
    secret = anna.create_token("anna")
    with users_of(tmp_path) as hub:
        hub.delete(ANNA)
    assert anna.by_name("anna") is None
    assert ["orphaned"] == [listed.state for listed in anna.tokens()]
    anna.add("anna", "new")
    assert anna.by_token(secret) is None


def test_a_user_and_a_group_do_not_share_a_name(anna: Directory, tmp_path: Path) -> None:
    with users_of(tmp_path) as hub:
        hub.put({"type": "group", "members": ["anna"]}, unid="group:Sales")
    with pytest.raises(Exists):
        anna.add("Sales", "x")


# -- the file


@pytest.mark.parametrize("umask", [0, 0o077])
def test_the_file_is_its_owners_alone_from_the_first_moment(tmp_path: Path, umask: int) -> None:
    seen: dict[str, set[int]] = {}
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for entry in os.scandir(tmp_path):
                try:
                    seen.setdefault(entry.name, set()).add(stat.S_IMODE(os.stat(entry).st_mode))
                except FileNotFoundError:
                    continue

    watcher = threading.Thread(target=watch)
    before = os.umask(umask)
    try:
        watcher.start()
        known = Directory(str(tmp_path))
        known.add("anna", "secret")
        modes = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in FILES}
        known.close()
    finally:
        done.set()
        watcher.join()
        os.umask(before)
    assert dict.fromkeys(FILES, 0o600) == modes
    assert {0o600} == set().union(*seen.values())


def test_a_file_from_elsewhere_is_made_private(tmp_path: Path) -> None:
    with replica.create(tmp_path / "_users.db") as hub:
        hub.put(user("anna"), unid=ANNA)
        os.chmod(tmp_path / "_users.db", 0o664)
        opened = Directory(str(tmp_path))
        assert opened.by_name("anna") is not None
        assert {0o600} == {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in FILES}
        opened.close()


@pytest.mark.parametrize(("mode", "expected"), [(0o600, 0o600), (0o640, 0o640), (0o444, 0o644), (0o666, 0o644)])
def test_a_copy_and_a_backup_are_as_private_as_the_file_and_their_owners_to_write(
    tmp_path: Path, mode: int, expected: int
) -> None:
    with replica.create(tmp_path / "hub.db") as hub:
        hub.put({}, unid="a")
        os.chmod(tmp_path / "hub.db", mode)
        before = os.umask(0o022)
        try:
            hub.backup(tmp_path / "backup.db")
            with hub.copy(tmp_path / "copy.db") as copy:
                copy.put({}, unid="b")
        finally:
            os.umask(before)
    for name in ("backup.db", "copy.db", "copy.db-lock"):
        assert expected == stat.S_IMODE((tmp_path / name).stat().st_mode), name


@pytest.mark.parametrize("umask", [0, 0o077])
def test_a_new_replica_is_its_owners_alone_and_an_export_an_ordinary_file(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with replica.create(tmp_path / "hub.db") as hub:
            hub.put({}, unid="a")
            modes = {stat.S_IMODE(entry.stat().st_mode) for entry in os.scandir(tmp_path)}
        done("export", tmp_path / "hub.db", tmp_path / "hub.ndjson")
    finally:
        os.umask(before)
    assert {0o600} == modes
    assert 0o666 & ~umask == stat.S_IMODE((tmp_path / "hub.ndjson").stat().st_mode)


def test_nothing_secret_is_in_the_file(anna: Directory, tmp_path: Path) -> None:
    secret = anna.create_token("anna")
    anna.change_password("anna", "correct horse")
    content = b"".join((tmp_path / name).read_bytes() for name in FILES)
    assert ANNA.encode() in content
    for text in ("correct horse", secret, secret[21:]):
        assert text.encode() not in content


def test_what_another_process_does_is_noticed(
    known: Directory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLICA_PASSWORD", "secret")

    def command(*words: str) -> str:
        process = spawn(*words, "--data", tmp_path)
        out, err = process.communicate(timeout=60)
        assert 0 == process.returncode, err
        return out.decode().strip()

    assert known.is_empty
    versions = [known.version]
    command("user", "add", "anna", "--admin")
    versions.append(known.version)
    assert known.has_admin
    assert known.by_password("anna", "secret") is not None
    secret = command("token", "create", "anna", "--db", "orders")
    versions.append(known.version)
    assert {"orders"} == known.by_token(secret).databases  # type: ignore[union-attr]
    command("token", "revoke", secret[8:20])
    versions.append(known.version)
    assert known.by_token(secret) is None
    command("user", "remove", "anna")
    versions.append(known.version)
    assert known.by_name("anna") is None
    assert len(versions) == len(set(versions))
    assert known.version == versions[-1]


def test_two_processes_at_once_make_one_file_and_each_user_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLICA_PASSWORD", "secret")
    names = ["anna", "anna", "bruno"]
    processes = [spawn("user", "add", name, "--data", tmp_path) for name in names]
    outcomes = [(process.communicate(timeout=60)[1], process.returncode) for process in processes]
    codes = [code for _, code in outcomes]
    assert [0, 8] == sorted(codes[:2]), outcomes
    assert 0 == codes[2], outcomes
    known = Directory(str(tmp_path))
    assert ["anna", "bruno"] == [listed.principal.name for listed in known.users()]
    known.close()


def test_a_file_that_goes_takes_the_rights_along_and_gives_nobody_any(anna: Directory, tmp_path: Path) -> None:
    assert not anna.is_empty
    (tmp_path / "away").mkdir()
    for path in tmp_path.glob("_users.db*"):
        path.rename(tmp_path / "away" / path.name)
    assert anna.by_name("anna") is None
    assert not anna.is_empty
    assert not anna.has_admin
    for path in (tmp_path / "away").iterdir():
        path.rename(tmp_path / path.name)
    assert anna.by_name("anna") is not None


def test_a_backup_in_the_place_of_the_file_is_noticed(anna: Directory, tmp_path: Path) -> None:
    with users_of(tmp_path) as hub:
        hub.backup(tmp_path / "backup.db")
    anna.remove("anna")
    version = anna.version
    os.replace(tmp_path / "backup.db", tmp_path / "_users.db")
    assert anna.by_name("anna") is not None
    assert version != anna.version


def test_removing_the_last_user_opens_nothing_to_those_who_are_served(anna: Directory, tmp_path: Path) -> None:
    assert not anna.is_empty
    for name in ("anna", "chef"):
        anna.remove(name)
    assert not anna.is_empty
    fresh = Directory(str(tmp_path))
    assert fresh.is_empty
    fresh.close()


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100])
def test_a_file_that_cannot_be_read_is_an_error_and_not_empty(known: Directory, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "_users.db").write_bytes(content)
    for ask in (
        lambda: known.is_empty,
        lambda: known.by_name("anna"),
        lambda: known.version,
        lambda: known.add("x", "y"),
    ):
        with pytest.raises((NotADatabase, Corrupt)):
            ask()


def test_a_file_that_is_damaged_later_is_an_error(anna: Directory, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "_users.db") as raw:
        raw.execute("DROP TABLE leaf")
    raw.close()
    with pytest.raises(StoreError):
        anna.by_name("anna")


# -- documents


def test_documents_that_make_no_sense_log_nobody_in_and_harm_nobody_else(
    anna: Directory, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = {
        "org.couchdb.user:one": user("two"),
        "org.couchdb.user:two": user("two", roles="_admin"),
        "org.couchdb.user:three": user("three", password_hash="$argon2id$v=19$m=9999999,t=1,p=1$c2FsdHNhbHQ$aGFzaA"),
        "org.couchdb.user:four": {"hello": "world"},
        "group:five": {"type": "group", "members": "anna"},
    }
    with users_of(tmp_path) as hub:
        for unid, items in damaged.items():
            hub.put(items, unid=unid)
        hub.put({"type": "group", "members": ["anna"]}, unid="group:six")
    with caplog.at_level(logging.WARNING, "replica.access"):
        for name in ("one", "two", "three", "four"):
            assert anna.by_name(name) is None
            assert anna.by_password(name, "secret") is None
        assert Principal("anna", frozenset("ab"), frozenset({"six"})) == anna.by_password("anna", "secret")
        assert anna.has_admin
    for unid in damaged:
        assert 1 == sum(f"{unid} is damaged" in message for message in caplog.messages)
    assert "secret" not in caplog.text
    states = {listed.principal.name: listed.state for listed in anna.users()}
    assert {"anna": "ok", "chef": "ok"} | dict.fromkeys(("one", "two", "three", "four"), "damaged") == states
    anna.change_password("two", "new")  # mends it, without roles: nobody knows what they were
    assert Principal("two", groups=frozenset()) == anna.by_password("two", "new")
    anna.remove("three")
    assert "three" not in {listed.principal.name for listed in anna.users()}


def test_a_document_whose_bytes_are_damaged_logs_nobody_in(anna: Directory, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "_users.db") as raw:
        changed = raw.execute("UPDATE leaf SET body = replace(body, '\"b\"', '\"c\"') WHERE unid = ?", (ANNA,))
        assert 1 == changed.rowcount
    raw.close()
    other = Directory(str(tmp_path))
    assert other.by_password("anna", "secret") is None
    assert ["damaged", "ok"] == [listed.state for listed in other.users()]
    for attempt in (other.change_password, other.add):
        with pytest.raises((Corrupt, Exists)):
            attempt("anna", "new")
    assert other.by_password("anna", "new") is None
    other.close()


def test_users_all_damaged_are_users_all_the_same(known: Directory, tmp_path: Path) -> None:
    with replica.create(tmp_path / "_users.db") as hub:
        hub.put({"type": "nothing"}, unid=ANNA)
    assert not known.is_empty
    assert not known.has_admin


def test_a_user_without_a_password_is_known_by_a_certificate_only(anna: Directory, tmp_path: Path) -> None:
    with users_of(tmp_path) as hub:
        hub.put({"type": "user", "name": "hub.example", "roles": ["server"]}, unid="org.couchdb.user:hub.example")
    assert anna.by_password("hub.example", "") is None
    assert Principal("hub.example", frozenset({"server"})) == anna.by_name("hub.example")
    assert anna.cookie_key("hub.example") is not None


# -- two replicas of the directory


@pytest.fixture
def branch(anna: Directory, tmp_path: Path) -> Iterator[Directory]:
    """The directory of another server: a replica of the first one's."""
    folder = tmp_path / "branch"
    folder.mkdir()
    with users_of(tmp_path) as hub:
        hub.copy(folder / "_users.db").close()
    opened = Directory(str(folder))
    yield opened
    opened.close()


def replicate(folder: Path) -> None:
    report = replica.replicate(folder / "_users.db", folder / "branch" / "_users.db")
    assert report.ok


def test_a_directory_replicates_and_its_cookies_do_not(anna: Directory, branch: Directory, tmp_path: Path) -> None:
    assert branch.by_password("anna", "secret") is not None
    assert anna.cookie_secret != branch.cookie_secret
    assert anna.cookie_key("anna") != branch.cookie_key("anna")
    secret = branch.create_token("anna")
    replicate(tmp_path)
    assert anna.by_token(secret) is not None
    anna.revoke(secret[8:20])
    replicate(tmp_path)
    assert branch.by_token(secret) is None


def test_a_conflict_leaves_the_roles_that_both_gave_and_one_password_until_it_is_settled(
    anna: Directory, branch: Directory, tmp_path: Path
) -> None:
    for folder, roles in ((tmp_path, ["a", "_admin"]), (tmp_path / "branch", ["a", "b"])):
        with users_of(folder) as hub:
            document = hub.get(ANNA)
            document["roles"] = roles
            hub.put(document)
    branch.change_password("anna", "of the branch")
    replicate(tmp_path)
    for known in (anna, branch):
        assert Principal("anna", frozenset("a")) == known.by_name("anna")
        assert known.by_password("anna", "secret") is None
        assert known.by_password("anna", "of the branch") is not None  # its document was saved more often
        assert "conflict" == known.users()[0].state
    anna.change_password("anna", "settled")
    replicate(tmp_path)
    for known in (anna, branch):
        assert Principal("anna", frozenset("a")) == known.by_password("anna", "settled")
        assert "ok" == known.users()[0].state


@pytest.mark.parametrize("saved", [1, 3])
def test_a_removed_user_does_not_come_back_because_another_server_changed_the_password(
    anna: Directory, branch: Directory, tmp_path: Path, saved: int
) -> None:
    secret = branch.create_token("anna")
    replicate(tmp_path)
    anna.remove("anna")
    for _ in range(saved):
        branch.change_password("anna", "again")
    replicate(tmp_path)
    for known in (anna, branch):
        assert known.by_name("anna") is None
        assert known.by_password("anna", "again") is None
        assert known.by_token(secret) is None
    branch.add("anna", "back")
    replicate(tmp_path)
    assert anna.by_password("anna", "back") is not None


def test_a_removed_user_with_conflicts_is_gone_for_good(anna: Directory, branch: Directory, tmp_path: Path) -> None:
    for known, password in ((anna, "one"), (branch, "two")):
        known.change_password("anna", password)
    replicate(tmp_path)
    anna.remove("anna")
    replicate(tmp_path)
    assert branch.by_name("anna") is None
    with users_of(tmp_path) as hub:
        assert [] == [*hub.conflicts()]


def test_a_token_that_was_changed_in_two_places_opens_nothing(
    anna: Directory, branch: Directory, tmp_path: Path
) -> None:
    secret = anna.create_token("anna", databases=["orders"])
    replicate(tmp_path)
    unid = f"token:{secret[8:20]}"
    for folder, databases in ((tmp_path, None), (tmp_path / "branch", ["other"])):
        with users_of(folder) as hub:
            token = hub.get(unid)
            token["databases"] = databases
            hub.put(token)
    replicate(tmp_path)
    assert anna.by_token(secret) is None
    assert ["damaged"] == [listed.state for listed in anna.tokens()]
    anna.revoke(unid.removeprefix("token:"))
    assert [] == anna.tokens()


def test_a_group_in_conflict_has_the_members_in_whom_both_agree(
    anna: Directory, branch: Directory, tmp_path: Path
) -> None:
    with users_of(tmp_path) as hub:
        hub.put({"type": "group", "members": ["anna", "chef"]}, unid="group:Sales")
        hub.put({"type": "group", "members": ["Sales"]}, unid="group:All")
    assert {"Sales", "All"} == anna.by_name("anna").groups  # type: ignore[union-attr]
    replicate(tmp_path)
    for folder, members in ((tmp_path, ["anna"]), (tmp_path / "branch", ["chef", "bruno"])):
        with users_of(folder) as hub:
            document = hub.get("group:Sales")
            document["members"] = members
            hub.put(document)
    replicate(tmp_path)
    for known in (anna, branch):
        assert set() == known.by_name("anna").groups  # type: ignore[union-attr]


# -- passwords from elsewhere


OF_COUCHDB = {
    "org.couchdb.user:jan": {"type": "user", "name": "jan", "roles": ["x"], **JAN},
    "org.couchdb.user:eva": {
        "type": "user",
        "name": "eva",
        "roles": [],
        "password_scheme": "pbkdf2",
        "pbkdf2_prf": "sha256",
        "salt": "5a7cb9185b067e50824cd1a858656021",
        "iterations": 600,
        "derived_key": couchdbs_key("sha256", "pear", "5a7cb9185b067e50824cd1a858656021", 600),
        "e-mail": "eva@example.org",
    },
}


def test_a_password_in_the_way_of_couchdb_is_kept_in_ours_once_it_was_proved(known: Directory, tmp_path: Path) -> None:
    with replica.create(tmp_path / "_users.db") as hub:
        for unid, items in OF_COUCHDB.items():
            hub.put(dict(items), unid=unid)
    for name, password in (("jan", "apple"), ("eva", "pear")):
        assert known.by_password(name, "wrong") is None
        before = known.version
        assert known.by_password(name, password) is not None
        assert before != known.version
        after = known.version
        assert known.by_password(name, password) is not None
        assert after == known.version
    with users_of(tmp_path) as hub:
        eva = hub.get("org.couchdb.user:eva").items
    assert {"type", "name", "roles", "password_hash", "e-mail"} == eva.keys()
    assert eva["password_hash"].startswith("$argon2id$")


def test_two_servers_that_keep_a_password_anew_do_not_clash(anna: Directory, branch: Directory, tmp_path: Path) -> None:
    with users_of(tmp_path) as hub:
        hub.put(dict(OF_COUCHDB["org.couchdb.user:jan"]), unid="org.couchdb.user:jan")
    replicate(tmp_path)
    for known in (anna, branch):
        assert known.by_password("jan", "apple") is not None
    revisions = set()
    for folder in (tmp_path, tmp_path / "branch"):
        with users_of(folder) as hub:
            revisions.add(hub.get("org.couchdb.user:jan").revision)
    assert 1 == len(revisions)
    replicate(tmp_path)
    with users_of(tmp_path) as hub:
        assert [] == [*hub.conflicts()]
        assert 2 == hub.get("org.couchdb.user:jan").sequence
    assert {"ok"} == {listed.state for listed in branch.users()}


def test_a_login_works_where_nothing_can_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with replica.create(tmp_path / "_users.db") as hub:
        hub.put(dict(OF_COUCHDB["org.couchdb.user:jan"]), unid="org.couchdb.user:jan")
    known = Directory(str(tmp_path))
    with users_of(tmp_path) as held, held.batch():  # another writer, for longer than the login waits
        replaced = known._file.replica()
        assert replaced is not None
        replaced.file._lock._timeout_s = 0.1
        assert known.by_password("jan", "apple") is not None
    assert "kept in an old way" in caplog.text
    known.close()


# -- tokens


def test_a_token_is_its_user_for_less(anna: Directory) -> None:
    whole, part = anna.create_token("anna"), anna.create_token("anna", databases=["b", "a"], read_only=True)
    assert Principal("anna", frozenset("ab")) == anna.by_token(whole)
    assert Principal("anna", frozenset("ab"), databases=frozenset("ab"), read_only=True) == anna.by_token(part)
    assert set() == anna.by_token(anna.create_token("anna", databases=[])).databases  # type: ignore[union-attr]


def test_a_token_follows_its_user(anna: Directory, tmp_path: Path) -> None:
    secret = anna.create_token("anna")
    with users_of(tmp_path) as hub:
        document = hub.get(ANNA)
        document["roles"] = ["c"]
        hub.put(document)
    assert Principal("anna", frozenset("c")) == anna.by_token(secret)


def test_a_token_ends_when_it_was_said(anna: Directory, time: Time) -> None:
    secret = anna.create_token("anna", expires_ms=time.now_ms + 1000)
    time.now_ms += 999
    assert anna.by_token(secret) is not None
    assert "ok" == anna.tokens()[0].state
    time.now_ms += 1
    assert anna.by_token(secret) is None
    assert "expired" == anna.tokens()[0].state


def forged(secret: str) -> list[str]:
    return [
        "",
        "x",
        secret[:20],
        secret[:-1] + ("A" if secret[-1] != "A" else "B"),
        secret + " ",
        secret.replace("_", "-", 1),
    ]


def test_what_is_not_quite_a_token_opens_nothing(anna: Directory) -> None:
    first, second = anna.create_token("anna"), anna.create_token("anna")
    for secret in [*forged(first), first[:20] + second[20:], second[:20] + first[20:]]:
        assert anna.by_token(secret) is None


def test_a_revoked_token_is_worthless_by_its_id_or_itself(anna: Directory) -> None:
    tokens = [anna.create_token("anna") for _ in range(2)]
    names = [tokens[0][8:20], tokens[1]]
    for secret, name in zip(tokens, names, strict=True):
        assert secret[8:20] == anna.revoke(name)
        assert anna.by_token(secret) is None
        with pytest.raises(NotFound) as caught:
            anna.revoke(name)
        assert secret not in str(caught.value)
    assert [] == anna.tokens()


def test_tokens_are_listed_by_id(anna: Directory) -> None:
    secrets = sorted(anna.create_token(name) for name in ("anna", "chef", "anna"))
    listed: list[ListedToken] = anna.tokens()
    assert [secret[8:20] for secret in secrets] == [token.id for token in listed]
    assert {"ok"} == {token.state for token in listed}


def test_no_thread_gets_in_with_a_token_that_was_revoked_before_it_asked(anna: Directory, tmp_path: Path) -> None:
    """Another directory, as of another process, revokes; these threads ask all the time."""
    other = Directory(str(tmp_path))
    late: list[str] = []
    revoked: set[str] = set()
    secrets = [anna.create_token("anna") for _ in range(10)]
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            for secret in secrets:
                was_revoked = secret in revoked
                if anna.by_token(secret) is not None and was_revoked:
                    late.append(secret)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for secret in secrets:
        other.revoke(secret[8:20])
        revoked.add(secret)
    done.set()
    for thread in threads:
        thread.join()
    other.close()
    assert [] == late


@pytest.mark.parametrize("change", [{"removed": True}, {"password_hash": PHC}])
def test_a_password_that_is_right_lets_nobody_in_whose_user_was_changed_meanwhile(
    known: Directory, tmp_path: Path, change: dict[str, Any]
) -> None:
    slow = user("anna", password_hash=argon2.PasswordHasher(8, 32 * 1024, 1).hash("secret"))
    found: list[Principal | None] = []
    in_time = False
    with replica.create(tmp_path / "_users.db") as hub:
        document = hub.put(slow, unid=ANNA)
        while not in_time:
            assert known.by_name("anna") is not None
            login = threading.Thread(target=lambda: found.append(known.by_password("anna", "secret")))
            login.start()
            document.items = slow | change
            document = hub.put(document)
            in_time = login.is_alive()  # else this machine was busy, and it was let in before
            login.join()
            document.items = slow
            document = hub.put(document)
    assert found[-1] is None


# -- what a server keeps to itself


def test_cookies_are_signed_alike_by_all_processes_and_for_one_user_each(anna: Directory, tmp_path: Path) -> None:
    other = Directory(str(tmp_path))
    assert anna.cookie_secret == other.cookie_secret
    assert anna.cookie_key("anna") == other.cookie_key("anna")
    assert anna.cookie_key("anna") != anna.cookie_key("chef")
    assert anna.cookie_key("nobody") is None
    anna.remove("anna")
    assert other.cookie_key("anna") is None
    other.close()


def test_a_cookie_does_not_outlive_its_user_who_is_made_again(anna: Directory) -> None:
    key = anna.cookie_key("anna")
    anna.remove("anna")
    anna.add("anna", "secret")
    assert key != anna.cookie_key("anna")


def test_the_version_stays_when_nothing_changed(anna: Directory) -> None:
    anna.version
    version = anna.version
    assert anna.cookie_secret
    assert anna.by_password("anna", "secret") is not None
    assert version == anna.version


def test_documents_that_go_through_the_front_door_are_as_ours(anna: Directory, tmp_path: Path) -> None:
    """Nothing of the directory is in a form that `put` would refuse: it can be exported and imported."""
    anna.create_token("anna", databases=["orders"])
    with users_of(tmp_path) as hub, replica.create(tmp_path / "again.db") as again:
        for document in hub.documents():
            assert canonical(document.items)
            again.put(document.items, unid=document.unid)
    (tmp_path / "elsewhere").mkdir()
    shutil.move(tmp_path / "again.db", tmp_path / "elsewhere" / "_users.db")
    known = Directory(str(tmp_path / "elsewhere"))
    assert known.by_password("anna", "secret") is not None
    known.close()


def test_the_directory_is_no_database_that_is_served_wherever_it_lies(tmp_path: Path) -> None:
    (tmp_path / "branch").mkdir()
    for name in ("_users", "branch/_users", "branch/_USERS", "branch/orders"):
        replica.create(tmp_path / f"{name}.db").close()
    catalogue = Catalogue(str(tmp_path), SecurityLog(str(tmp_path)))
    assert ["branch/orders"] == catalogue.names()
    for name in ("_users", "branch/_users", "branch/_USERS", "branch/../_users", "./_users", "branch/orders/../_users"):
        with pytest.raises(NotFound), catalogue.use(name):
            pass
        with pytest.raises((IllegalName, NotFound)):
            catalogue.create(name)
        with pytest.raises(NotFound):
            catalogue.delete(name)
    catalogue.close()
