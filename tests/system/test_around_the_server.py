"""What goes around every request: web pages of other origins, metrics, observers; and the application inside another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from replica.server.app import create_app
from replica.server.exchange import Exchange
from tests.servers import serving

pytestmark = pytest.mark.system

PAGE = "http://localhost:8080"
PREFLIGHT = {"Origin": PAGE, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}


@contextmanager
def client(folder: Path, **options: Any) -> Iterator[httpx2.Client]:
    with serving(folder, **options) as url, httpx2.Client(base_url=url) as opened:
        yield opened


def test_a_page_that_is_allowed_gets_its_preflight_answered_whatever_the_path(tmp_path: Path) -> None:
    with client(tmp_path, cors=[PAGE]) as web:
        for path in ("/", "/db", "/nothing/at/all"):
            answered = web.request("OPTIONS", path, headers=PREFLIGHT)
            assert 204 == answered.status_code
            assert PAGE == answered.headers["access-control-allow-origin"]
            assert "true" == answered.headers["access-control-allow-credentials"]
            assert "GET, PUT, POST, HEAD, DELETE" == answered.headers["access-control-allow-methods"]
            names = answered.headers["access-control-allow-headers"].split(", ")
            assert {"accept", "authorization", "content-type", "origin", "referer"} <= set(names)
            assert "Origin" == answered.headers["vary"]


def test_answers_and_errors_carry_what_the_page_needs_to_see_them(tmp_path: Path) -> None:
    with client(tmp_path, cors=[PAGE]) as web:
        for path, status in (("/", 200), ("/nothing", 404), ("/_uuids?count=x", 400), ("/a/b/c/d", 404)):
            answered = web.get(path, headers={"Origin": PAGE})
            assert (status, PAGE) == (answered.status_code, answered.headers["access-control-allow-origin"])
            assert "true" == answered.headers["access-control-allow-credentials"]
            assert "etag" in answered.headers["access-control-expose-headers"]
            assert "Origin" in answered.headers["vary"]


def test_other_pages_and_all_pages_by_default_get_nothing(tmp_path: Path) -> None:
    with client(tmp_path, cors=[PAGE]) as web:
        for origin in ("http://evil.example", PAGE + ".evil.example", "null"):
            answered = web.get("/", headers={"Origin": origin})
            assert "access-control-allow-origin" not in answered.headers
            assert "Origin" in answered.headers["vary"], "a cache must not hand it to the page that is allowed"
            assert 405 == web.request("OPTIONS", "/", headers={**PREFLIGHT, "Origin": origin}).status_code
    with client(tmp_path) as web:
        assert not {"vary", "access-control-allow-origin"} & web.get("/", headers={"Origin": PAGE}).headers.keys()


def test_a_star_is_every_page_each_by_its_name(tmp_path: Path) -> None:
    with client(tmp_path, cors=["*"]) as web:
        assert PAGE == web.get("/", headers={"Origin": PAGE}).headers["access-control-allow-origin"]
        assert "access-control-allow-origin" not in web.get("/").headers


@pytest.mark.parametrize("origin", ["http://evil.example", "null", PAGE + ".evil.example", "http://127.0.0.1"])
def test_a_page_that_may_not_ask_changes_nothing(origin: str, tmp_path: Path) -> None:
    """Browsers send simple requests for any page, and only keep the answer from it."""
    with client(tmp_path, cors=[PAGE]) as web:
        assert 201 == web.put("/db").status_code
        before = web.get("/db").json()["update_seq"]
        for method, path, kind in (
            ("POST", "/db", "application/json"),
            ("POST", "/db", "text/plain"),
            ("POST", "/db/_bulk_docs", ""),
            ("POST", "/db/_compact", "application/json"),
            ("POST", "/_session", "application/x-www-form-urlencoded"),
            ("PUT", "/other", "text/plain"),
            ("DELETE", "/db", "text/plain"),
            ("PATCH", "/db", "text/plain"),
        ):
            headers = {"Origin": origin, "Content-Type": kind}
            answered = web.request(method, path, content=b'{"docs":[{}]}', headers=headers)
            assert (403, "not_allowed") == (answered.status_code, answered.json()["code"]), (method, path)
            assert "--cors" in answered.json()["hint"]
        assert ["db"] == web.get("/_all_dbs", headers={"Origin": origin}).json()
        assert before == web.get("/db").json()["update_seq"]
        assert 201 == web.post("/db", json={}, headers={"Origin": PAGE}).status_code
        assert 201 == web.post("/db", json={}).status_code, "programs send no origin"


def test_a_page_that_a_proxy_serves_under_the_same_name_may_ask(tmp_path: Path) -> None:
    with client(tmp_path) as web:
        here = str(web.base_url).rstrip("/")
        assert 201 == web.put("/db", headers={"Origin": here}).status_code
        assert 201 == web.put("/db2", headers={"Origin": here.replace("http:", "https:")}).status_code


def test_two_origins_are_refused(tmp_path: Path) -> None:
    with client(tmp_path, cors=[PAGE]) as web:
        headers = [("Origin", PAGE), ("Origin", "http://evil.example")]
        assert 400 == web.request("PUT", "/db", headers=headers).status_code


def test_every_answer_is_data_for_a_browser_and_nothing_else(tmp_path: Path) -> None:
    with client(tmp_path, cors=[PAGE]) as web:
        web.put("/db")
        web.put("/db/page", json={"html": "<script>alert(1)</script>"})
        for method, path, headers in (
            ("GET", "/", {}),
            ("GET", "/db/page", {}),
            ("GET", "/nothing", {}),
            ("GET", "/a/b/c/d", {}),
            ("PATCH", "/db", {}),
            ("GET", "/_metrics", {}),
            ("GET", "/db/_changes?feed=continuous&timeout=1", {}),
            ("POST", "/db", {"Origin": "http://evil.example"}),
            ("OPTIONS", "/db", PREFLIGHT),
            ("GET", "/" + "x" * 40_000, {}),
        ):
            answered = web.request(method, path, headers=headers)
            assert "nosniff" == answered.headers["x-content-type-options"], path[:80]
            assert answered.headers["content-security-policy"].startswith("default-src 'none';")


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:80", "db.localhost:5985", "127.0.0.1", "127.1.2.3:9", "[::1]:5985"]
)
def test_without_users_it_answers_to_this_machines_names(host: str, tmp_path: Path) -> None:
    with client(tmp_path) as web:
        assert 200 == web.get("/", headers={"Host": host}).status_code


@pytest.mark.parametrize(
    "host",
    [
        *(
            "evil.example",
            "evil.example:5985",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "0.0.0.0",
            "192.0.2.1",
        ),
        *("localhost:evil", "localhost@evil.example", "[::2]", "", "xn--localhost", "evillocalhost", "2130706433"),
    ],
)
def test_without_users_another_name_is_refused_because_it_may_be_a_page_that_points_here(
    host: str, tmp_path: Path
) -> None:
    with client(tmp_path) as web:
        web.put("/db")
        for method, path in (("GET", "/"), ("GET", "/db"), ("PUT", "/other"), ("GET", "/nothing/at/all")):
            answered = web.request(method, path, headers={"Host": host, "Origin": f"http://{host}"})
            assert (403, "not_allowed") == (answered.status_code, answered.json()["code"])
            assert method == "PUT" or "there are no users" in answered.json()["reason"]
        assert ["db"] == web.get("/_all_dbs").json()


def metrics(web: httpx2.Client) -> dict[str, float]:
    answered = web.get("/_metrics")
    assert answered.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = [line for line in answered.text.splitlines() if not line.startswith("#")]
    assert [] == [line for line in lines if not re.fullmatch(r'[a-z_]+({(\w+="[^"\n]*",?)+})? [0-9.e+-]+', line)]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_the_metrics_count_requests_by_route_and_never_by_what_clients_invent(tmp_path: Path) -> None:
    with client(tmp_path) as web:
        web.put("/db")
        for number in range(10):
            web.get("/db")
            web.get(f"/nothing{number}/x/y/z")
        web.request("BREW", "/")
        found = metrics(web)
        assert 10 == found['replica_http_requests_total{method="GET",route="/{db}",status="200"}']
        assert 1 == found['replica_http_requests_total{method="PUT",route="/{db}",status="201"}']
        assert 1 == found['replica_http_requests_total{method="other",route="/",status="405"}']
        assert 11 == found['replica_http_request_seconds_bucket{route="/{db}",le="+Inf"}']
        assert 11 == found['replica_http_request_seconds_count{route="/{db}"}']
        assert 1 == found['replica_http_requests_running{route="/_metrics"}']
        assert 1 == found["replica_databases_open"]
        assert 0 == found['replica_update_sequence{db="db"}']
        assert 0 < found["process_peak_memory_bytes"]
        assert not [name for name in found if "nothing" in name]


def test_observers_are_told_of_every_exchange(tmp_path: Path) -> None:
    class Seen:
        ended_: list[tuple[str, str, str, int]] = []  # noqa: RUF012 - one test, one list

        def begun(self, exchange: Exchange) -> None:
            assert 499 == exchange.status

        def ended(self, exchange: Exchange) -> None:
            self.ended_.append((exchange.method, exchange.path, exchange.route, exchange.status))

    with client(tmp_path, observers=[Seen()]) as web:
        web.get("/db/")
        web.get("/a%2Fb")
    assert [("GET", "/db", "/{db}", 404), ("GET", "/a%2Fb", "/{db}", 404)] == Seen.ended_


@pytest.mark.parametrize("prefix", ["/replica", "/deep/er"])
def test_the_application_is_mounted_in_another_one(prefix: str, tmp_path: Path) -> None:
    app = create_app(str(tmp_path), hosts=["inside"])
    outer = Starlette(routes=[Mount(prefix, app)])
    try:
        with httpx2.Client(transport=_Inside(outer), base_url="http://inside") as web:
            assert "Welcome" == web.get(f"{prefix}/").json()["couchdb"]
            assert 201 == web.put(f"{prefix}/a%2Fb").status_code
            assert "a/b" == web.get(f"{prefix}/a%2Fb/").json()["db_name"]
            assert ["a/b"] == web.get(f"{prefix}/_all_dbs").json()
            assert 404 == web.get("/_all_dbs").status_code
    finally:
        app.close()


class _Inside(httpx2.BaseTransport):
    """Calls an ASGI application, one request at a time."""

    def __init__(self, app: Any) -> None:
        self._inner = httpx2.ASGITransport(app)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        import asyncio

        async def ask() -> httpx2.Response:
            answered = await self._inner.handle_async_request(request)
            body = await answered.aread()
            return httpx2.Response(answered.status_code, headers=answered.headers, content=body)

        return asyncio.run(ask())
