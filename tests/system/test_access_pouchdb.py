"""PouchDB pushes what its user may not change."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hubs import LIST, entries, hub
from tests.system.pouchdb.node import Pouch

pytestmark = pytest.mark.system


def test_pouchdb_is_denied_a_changed_list_and_the_rest_of_its_push_arrives(tmp_path: Path) -> None:
    """It does not offer again by itself what was denied: it comes with the next change, or when it is told to start anew."""
    with hub(tmp_path, "anna") as made, Pouch() as pouch:
        made.grant(anna="editor")
        local, remote = str(tmp_path / "pouch"), made.url.replace("://", f"://anna:{'x' * 9}@") + "/db"
        pouch.replicate(remote, local, {})
        listed = pouch.get(local, LIST)
        pouch.put(local, {"_id": LIST, "_rev": listed["_rev"], **entries(anna="manager")})
        for n in range(3):
            pouch.put(local, {"_id": f"d{n}", "n": n})
        outcome = pouch.replicate(local, remote, {})
        assert (True, 1, 3) == (outcome["ok"], outcome["doc_write_failures"], outcome["docs_written"])
        assert {"d0", "d1", "d2"} <= made.unids()
        assert [(LIST, "not_allowed")] == made.refused()
        assert entries(anna="editor")["entries"] == made.ask("root", "GET", f"/{LIST}").json()["entries"]
        made.grant(anna="manager")
        pouch.replicate(local, remote, {"checkpoint": False, "since": 0})
        assert [] == made.refused()
        assert 1 == len(made.ask("root", "GET", f"/{LIST}?conflicts=true").json()["_conflicts"])
