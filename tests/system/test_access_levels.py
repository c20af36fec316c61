"""Every endpoint asked by users of every level, and by nobody who has logged in, as the access list says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

import replica
from replica.errors import NotAllowed
from replica.rights import Level, checked_entry
from tests.hubs import LIST, SCHEMES, Hub, entries, hub
from tests.system.test_gate import WHOLE, feed
from tests.system.test_gate_matrix import (
    ADMINISTER,
    CASES,
    CHANGES,
    COPY,
    DESIGN,
    LOGIN,
    MANAGE,
    NOTE,
    NOTHING,
    OBSERVE,
    OFFER,
    READ,
    WRITE,
    Case,
    concrete,
)

pytestmark = pytest.mark.system

LEVELS = {level.word: level for level in Level}
ENOUGH = {
    OFFER: Level.DEPOSITOR,
    READ: Level.READER,
    COPY: Level.READER,
    NOTE: Level.READER,
    WRITE: Level.DEPOSITOR,
    DESIGN: Level.DESIGNER,
    MANAGE: Level.MANAGER,
}
"""The level from which on an endpoint is served; what is written is judged by document besides."""
JUDGED: dict[tuple[str, str], tuple[str, ...]] = {
    ("POST", "/{db}"): ("depositor", "author", "editor", "designer", "manager"),
    ("PUT", "/{db}/_design/{design}"): ("designer", "manager"),
}
"""Who may save what the case saves; all others of the level are told 403. A save that is stale is 409 for everybody."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with hub(tmp_path_factory.mktemp("data"), *LEVELS) as made:
        for name in LEVELS:
            made.token(name)
        yield made


def anew(made: Hub) -> None:
    for path in made.folder.glob("db.db*"):
        path.unlink()
    with replica.create(made.path) as there:
        there.put({"n": 1}, unid="part")
        there.put(entries(**{name: name for name in LEVELS}), unid=LIST)


def expected(level: str, method: str, path: str, case: Case) -> int:
    if case.need in (NOTHING, LOGIN):
        return case.status
    if case.need in (OBSERVE, ADMINISTER) or LEVELS[level] < ENOUGH[case.need]:
        return 403
    if (method, path) in JUDGED and level not in JUDGED[method, path]:
        return 403
    return case.status


@pytest.mark.parametrize("level", LEVELS)
def test_a_user_of_a_level_gets_what_it_allows_and_no_more(level: str, world: Hub) -> None:
    anew(world)
    wrong = []
    headers = {"Authorization": f"Bearer {world.token(level)}"}
    with httpx2.Client(base_url=world.url, trust_env=False, timeout=60, headers=headers) as web:
        for (method, path), case in CASES.items():
            answered = (
                web.request(method, concrete(path), json=case.body) if case.body else _bare(web, method, path, case)
            )
            status = expected(level, method, path, case)
            if status != answered.status_code:
                wrong.append((method, path, status, answered.status_code, answered.text))
            if case.need in CHANGES and answered.status_code < 400:
                anew(world)
        row = web.post("/db/_bulk_docs", json={"docs": [{"_id": "part", "_rev": "1-a"}, {"_id": "fresh"}]})
        if level in ("reader", "none"):
            assert row.status_code == (201 if level == "reader" else 403)
    assert [] == wrong
    with replica.open(world.path) as db:
        assert (LEVELS[level] in (Level.NONE, Level.READER)) == ("fresh" not in db)
        assert {"n": 1} == db.get("part").items


def test_whom_replicating_is_denied_reads_and_writes_but_copies_nothing(world: Hub) -> None:
    anew(world)
    with replica.open(world.path) as there:
        found = there.get(LIST)
        found.items = {"entries": [checked_entry("reader", "reader", deny=["replicate"]).to_json()]}
        there.put(found)
    wrong = []
    headers = {"Authorization": f"Bearer {world.token('reader')}"}
    with httpx2.Client(base_url=world.url, trust_env=False, timeout=60, headers=headers) as web:
        for (method, path), case in CASES.items():
            if case.need is NOTE:
                continue
            status = 403 if case.need is COPY else expected("reader", method, path, case)
            answered = _bare(web, method, path, case)
            if status != answered.status_code:
                wrong.append((method, path, status, answered.status_code, answered.text))
    assert [] == wrong
    with replica.open(world.path) as there, there.copy(world.folder / "copy.database") as here:
        there.put({}, unid="more")
        for scheme in SCHEMES:
            with pytest.raises(NotAllowed, match="not allowed to replicate"):
                world.pull(here, "reader", scheme)


def _bare(web: httpx2.Client, method: str, path: str, case: Case) -> httpx2.Response:
    content = None if case.body is None else json.dumps(case.body)
    return web.request(method, concrete(path), content=content, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_for_everybody_is_for_whoever_has_not_logged_in(level: str, world: Hub) -> None:
    """401 where a login may help. What belongs to the server as a whole stays closed."""
    anew(world)
    world.grant(anonymous=level)
    wrong = []
    with httpx2.Client(base_url=world.url, trust_env=False, timeout=60) as web:
        for (method, path), case in CASES.items():
            if case.need in CHANGES and case.need is not NOTE and case.need is not WRITE:
                continue
            answered = _bare(web, method, path, case)
            status = 401 if case.need is LOGIN else expected(level, method, path, case)
            status = 401 if status == 403 else status
            if status != answered.status_code:
                wrong.append((method, path, status, answered.status_code, answered.text))
            if case.need in CHANGES and answered.status_code < 400:
                anew(world)
                world.grant(anonymous=level)
    assert [] == wrong


DOORS: dict[str, Any] = {
    "PUT": ("PUT", f"/{LIST}", {"_rev": "REV"}),
    "PUT, the slash encoded": ("PUT", "/_design%2Faccess", {"_rev": "REV"}),
    "PUT of a replicator": ("PUT", f"/{LIST}?new_edits=false", {"_rev": "2-b", "_revisions": "ABOVE"}),
    "POST": ("POST", "", {"_id": LIST, "_rev": "REV"}),
    "POST of a replicator": ("POST", "?new_edits=false", {"_id": LIST, "_rev": "2-b", "_revisions": "ABOVE"}),
    "DELETE": ("DELETE", f"/{LIST}?rev=REV", None),
    "PUT as a deletion": ("PUT", f"/{LIST}", {"_rev": "REV", "_deleted": True}),
    "_bulk_docs": ("POST", "/_bulk_docs", {"docs": [{"_id": LIST, "_rev": "REV"}]}),
    "_bulk_docs of a replicator": (
        "POST",
        "/_bulk_docs",
        {"new_edits": False, "docs": [{"_id": LIST, "_rev": "2-b", "_revisions": "ABOVE"}]},
    ),
    "a root beside it": ("PUT", f"/{LIST}?new_edits=false", {"_rev": "9-b"}),
    "_index": ("POST", "/_index", {"index": {"fields": ["n"]}, "ddoc": "access", "name": "x"}),
    "_index away": ("DELETE", "/_index/_design/access/json/there", None),
    "_index away, many": ("POST", "/_index/_bulk_delete", {"docids": [LIST]}),
    "_security": ("PUT", "/_security", {"admins": {"names": ["designer"]}}),
}


@pytest.mark.parametrize("door", DOORS)
def test_through_no_door_does_anybody_but_a_manager_change_the_list(door: str, world: Hub) -> None:
    anew(world)
    with replica.open(world.path) as there:
        document = there.get(LIST)
        index = {"map": {"fields": {"n": "asc"}}, "reduce": "_count", "options": {"def": {"fields": ["n"]}}}
        document["views"] = {"there": index}
        document["language"] = "query"
        base = there.put(document).revision
    method, path, body = DOORS[door]
    text = json.dumps(body).replace('"ABOVE"', json.dumps({"start": 2, "ids": ["b", base.partition("-")[2]]}))
    new = json.loads(text.replace('"2-b"', '"3-b"').replace('"start": 2', '"start": 3').replace("REV", base))
    for document in [new, *(new or {}).get("docs", [])]:
        if isinstance(document, dict) and "_security" not in path and "_index" not in path and "docs" not in document:
            document.setdefault("entries", [{"name": "designer", "level": "manager"}])
    for level in ("none", "depositor", "reader", "author", "editor", "designer"):
        answered = world.ask(level, method, path.replace("REV", base), new)
        with replica.open(world.path) as there:
            assert [base] == [each.revision for each in there.revisions(LIST) if each.sequence >= 2], (
                level,
                answered.text,
            )
    answered = world.ask("manager", method, path.replace("REV", base), new)
    with replica.open(world.path) as there:
        assert base != there.get(LIST).revision if LIST in there else True, answered.text


@pytest.mark.parametrize("loss", ["the entry", "the list", "readability", "a clash"])
def test_a_feed_ends_within_seconds_when_the_list_gives_no_right_to_it(loss: str, world: Hub) -> None:
    anew(world)
    headers = {"Authorization": f"Bearer {world.token('reader')}"}
    with feed(world.url, "GET", "/db/_changes?feed=continuous&heartbeat=100", headers) as live:
        assert 200 == live.begin()
        while b'"id":"part"' not in live.line():
            pass
        with replica.open(world.path) as there:
            document = there.get(LIST)
            if loss == "the list":
                there.delete(document)
            elif loss == "the entry":
                document.items = entries(reader="none")
                there.put(document)
            else:
                said: Any = 5 if loss == "readability" else []
                number, above = (2, [document.revision.partition("-")[2]]) if said else (1, [])
                body = {
                    "_rev": f"{number}-f",
                    "_revisions": {"start": number, "ids": ["f", *above]},
                    "entries": said,
                }
                assert 201 == world.ask("root", "PUT", f"/{LIST}?new_edits=false", body).status_code
        assert not live.rest().endswith(WHOLE)
    assert 403 == world.ask("reader", "GET", "").status_code


def test_a_feed_goes_on_when_the_list_changes_and_keeps_the_right(world: Hub) -> None:
    anew(world)
    headers = {"Authorization": f"Bearer {world.token('reader')}"}
    with feed(world.url, "GET", "/db/_changes?feed=continuous&heartbeat=100", headers) as live:
        assert 200 == live.begin()
        world.grant(reader="editor")
        while b'"_design/access","changes":[{"rev":"2-' not in live.line():
            pass
        assert 201 == world.ask("root", "PUT", "/later", {}).status_code
        while b'"id":"later"' not in live.line():
            pass


def test_the_list_of_databases_has_those_that_somebody_may_see(world: Hub) -> None:
    anew(world)
    for level in LEVELS:
        with httpx2.Client(trust_env=False, headers={"Authorization": f"Bearer {world.token(level)}"}) as web:
            assert ([] if level == "none" else ["db"]) == web.get(f"{world.url}/_all_dbs").json()


def test_a_database_that_cannot_be_opened_is_as_one_that_is_not_there(world: Hub) -> None:
    (world.folder / "bad.db").write_bytes(b"nothing of ours" * 100)
    try:
        headers = {"Authorization": f"Bearer {world.token('manager')}"}
        with httpx2.Client(base_url=world.url, trust_env=False, headers=headers) as web:
            there, absent = web.get("/bad"), web.get("/absent")
            assert (403, there.content) == (absent.status_code, absent.content)
            assert "bad" not in web.get("/_all_dbs").json()
    finally:
        (world.folder / "bad.db").unlink()
