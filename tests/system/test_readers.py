"""Single documents that say who may read them, as clients of the server meet them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import replica
from tests.asking import house
from tests.hubs import LIST, hub
from tests.system.pouchdb.node import Pouch
from tests.system.test_gate import feed
from tests.twins import USER, put_in_group

pytestmark = pytest.mark.system


def test_a_feed_ends_when_its_reader_sees_other_documents(tmp_path: Path) -> None:
    """And whoever goes on from where it ended is told of what was there to be seen before."""
    with hub(tmp_path, USER) as made:
        made.grant(anna="reader")
        with replica.open(made.path) as there:
            there.put({"$Readers": ["group:Sales"]}, unid="early")
        headers = {"Authorization": f"Bearer {made.token(USER)}"}
        with feed(made.url, "GET", "/db/_changes?feed=continuous&heartbeat=500", headers) as live:
            assert 200 == live.begin()
            while LIST.encode() not in live.line():
                pass
            put_in_group(made, "Sales", USER)
            while b"last_seq" not in (line := live.line()):
                assert b"early" not in line
        (place,) = re.findall(rb'"last_seq":"([^"]+)"', line)
        told = made.ask(USER, "GET", f"/_changes?since={place.decode()}").json()
        assert {"early", LIST} == {row["id"] for row in told["results"]}
        again = made.ask(USER, "GET", f"/_changes?since={told['last_seq']}").json()
        assert [] == again["results"]


def test_pouchdb_gets_what_its_user_may_read_and_the_rest_when_the_right_is_granted(tmp_path: Path) -> None:
    with hub(tmp_path, USER) as made, Pouch() as pouch:
        made.grant(anna="editor")
        with replica.open(made.path) as there:
            there.put({"$Readers": ["group:Sales"]}, unid="early")
            there.put({}, unid="open")
        local, remote = str(tmp_path / "pouch"), made.url.replace("://", f"://anna:{'x' * 9}@") + "/db"
        for expected in ({"open", LIST}, {"open", LIST, "early"}):
            for _ in range(2):
                assert pouch.replicate(remote, local, {})["ok"]
                assert expected == {unid for unid, _ in pouch.everything(local)}
            put_in_group(made, "Sales", USER)


def test_managers_are_told_how_many_documents_they_do_not_see(tmp_path: Path) -> None:
    with hub(tmp_path, USER, "bob") as made:
        made.grant(anna="manager", bob="designer")
        with replica.open(made.path) as there:
            for n in range(3):
                there.put({"$Readers": ["carl"]}, unid=f"d{n}")
            there.put({"$Readers": "anna"}, unid="mine")
        told = made.ask(USER, "GET", "").json()
        assert (3, 2) == (told["withheld"], told["doc_count"])
        assert "withheld" not in made.ask("bob", "GET", "").json()
        assert "withheld" not in made.ask("root", "GET", "").json()
        assert 5 == made.ask("root", "GET", "").json()["doc_count"]


def test_the_size_of_the_file_is_told_to_those_who_see_all_of_it(tmp_path: Path) -> None:
    with hub(tmp_path, USER) as made:
        made.grant(anna="manager")
        assert "sizes" in made.ask("root", "GET", "").json()
        assert "sizes" not in made.ask(USER, "GET", "").json()


def test_without_users_everybody_sees_everything(tmp_path: Path) -> None:
    with house(tmp_path) as served:
        database = served.database()
        database.saved("x", {"$Readers": ["nobody"]})
        assert 200 == database.get("/x").status
        assert 1 == database.get("").body["doc_count"]
