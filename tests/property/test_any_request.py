"""Whatever is asked of whatever is in the table of endpoints: an answer, and never a 5xx but 501 for what is not offered."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import replica
from replica.server.app import ENDPOINTS
from replica.server.description import openapi
from tests.servers import serving

KEYS = (
    *("docs", "keys", "selector", "new_edits", "_id", "_rev", "_revisions", "start", "ids", "_deleted", "id", "rev"),
    *("doc_ids", "limit", "fields", "sort", "index", "ddoc", "name", "queries"),
)
WORDS = (
    *(
        "true",
        "false",
        "null",
        "0",
        "1",
        "-1",
        "1e3",
        "now",
        "normal",
        "longpoll",
        "continuous",
        "main_only",
        "all_docs",
    ),
    *(
        "[]",
        "{}",
        '"order/1"',
        "1-a",
        '["1-a"]',
        "all",
        "_doc_ids",
        "_selector",
        "_design",
        "x" * 300,
        "9" * 30,
        "\0",
        "ü",
    ),
)
leaf = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.sampled_from(WORDS)
names = st.sampled_from(KEYS) | st.text(max_size=5)
values = st.recursive(
    leaf, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=12
)
bodies = values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=30)
parts = st.sampled_from(["order/1", "_design/x", "_local/x", "nothing", ".."]) | st.text(min_size=1, max_size=8)
FEEDS = {"feed": "normal"}  # the others wait, rightly; test_changes has them


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, bytes | None]:
    """Something to ask: an endpoint with parts, parameters and a body that are right by chance only."""
    endpoint = draw(st.sampled_from(ENDPOINTS))
    method = draw(st.sampled_from(endpoint.methods))

    def part(found: re.Match[str]) -> str:
        return "db" if found[1] == "db" and method != "DELETE" else quote(draw(parts), safe="")

    path = re.sub(r"{(\w+)(?::\w+)?}", part, endpoint.path)
    query = (
        draw(
            st.dictionaries(
                st.sampled_from(endpoint.parameters), st.sampled_from(WORDS) | st.text(max_size=5), max_size=3
            )
        )
        if endpoint.parameters
        else {}
    )
    query.update({name: value for name, value in FEEDS.items() if name in query})
    body = draw(st.none() | bodies) if method in ("POST", "PUT", "DELETE") else None
    return method, f"{path}?{urlencode(query)}" if query else path, body


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    folder: Path = tmp_path_factory.mktemp("data")
    with replica.create(str(folder / "db.db")) as made:
        made.put({"Form": "Order", "Total": 7}, unid="order/1")
    with serving(folder) as url, httpx2.Client(base_url=url, timeout=60) as client:
        yield client


@settings(max_examples=300)
@given(asked=requests())
def test_any_request_is_answered(client: httpx2.Client, asked: tuple[str, str, bytes | None]) -> None:
    method, path, body = asked
    answered = client.request(method, path, content=body, headers={"Content-Type": "application/json"})
    assert answered.status_code < 500 or answered.status_code == 501, answered.text
    if answered.status_code >= 400 and method != "HEAD":
        assert {"error", "reason"} <= answered.json().keys()
    elif method != "HEAD" and answered.headers.get("content-type", "").startswith("application/json"):
        answered.json()
    assert 200 == client.get("/db").status_code


def test_the_description_has_every_endpoint() -> None:
    document: dict[str, Any] = openapi(ENDPOINTS)
    told = {(method, path) for path, operations in document["paths"].items() for method in operations}
    assert told == {(m.lower(), re.sub(r":\w+}", "}", e.path)) for e in ENDPOINTS for m in e.methods}
    json.dumps(document)
