"""The page in `examples/`, in a real browser: PouchDB there and a server of ours, one of another origin."""

from __future__ import annotations

import functools
import http.server
import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import replica
from tests.needs import need, need_packages
from tests.system.serving import server_process

pytestmark = pytest.mark.system

EXAMPLES = Path(__file__).parents[2] / "examples"
DRIVER = Path(__file__).with_name("pouchdb") / "pages.mjs"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    """The origin of the page."""
    handler = functools.partial(Quiet, directory=str(EXAMPLES))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_two_browsers_and_an_office_clash_and_agree(site: str, tmp_path: Path) -> None:
    """What one saved offline arrives when the network is back; the clash is shown in both, and in the office's replica."""
    peers, chromium = need_packages("pouchdb", "playwright-core"), need("chromium")
    with replica.create(tmp_path / "orders.db") as orders:
        orders.put({"Form": "Order", "Total": 1}, unid="from the office")
        with server_process(tmp_path, "--cors", site) as served:
            host, port = served.address
            words = ["node", str(DRIVER), str(peers), chromium, f"{site}/page.html", f"http://{host}:{port}/orders"]
            done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
        assert (0, "") == (done.returncode, done.stderr), served.log
        lines = json.loads(done.stdout)
        assert lines[0] == lines[1]
        winner = orders.get("Miller")["Total"]
        assert sorted(lines[0]) == [f"Miller: {winner} (and 1 that clash)", "from the office: 1"]
        assert [1, 11, 12] == sorted(each["Total"] for each in orders.find({"Form": "Order"}, conflicts=True))
