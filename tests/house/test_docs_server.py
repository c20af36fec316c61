"""docs/server.md lists what CouchDB's API offers here, parameter by parameter, and where each is tested; no less, no more."""

from __future__ import annotations

import re
from typing import NamedTuple

from replica.server.couchdb import ENDPOINTS
from replica.server.gate.rights import Need
from tests.house.source import ROOT

PAGE = (ROOT / "docs" / "server.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([A-Z ]+) (/\S*)` \| (?:`([^`]*)`)? ?\| (\w+) \| (.+?) \| `([\w. ]+)` \|$", re.MULTILINE)


class Documented(NamedTuple):
    """One row of the table."""

    parameters: tuple[str, ...]
    needs: str
    what: str
    tests: tuple[str, ...]

    def text(self) -> str:
        """Of the tests."""
        return "".join((ROOT / "tests" / "system" / test).read_text(encoding="utf-8") for test in self.tests)


def documented() -> dict[tuple[str, str], Documented]:
    return {
        (methods, path): Documented(tuple(parameters.split()), needs, what, tuple(tests.split()))
        for methods, path, parameters, needs, what, tests in ROW.findall(PAGE)
    }


def test_every_endpoint_is_documented_with_its_parameters() -> None:
    declared = {(" ".join(endpoint.methods), endpoint.path): endpoint.parameters for endpoint in ENDPOINTS}
    assert declared == {endpoint: row.parameters for endpoint, row in documented().items()}
    assert len(ENDPOINTS) == len(declared)


def test_what_an_endpoint_needs_is_in_the_table_and_explained() -> None:
    declared = {(" ".join(endpoint.methods), endpoint.path): endpoint.needs.value for endpoint in ENDPOINTS}
    assert declared == {endpoint: row.needs for endpoint, row in documented().items()}
    explained = re.findall(r"^\| (\w+) \| [^|]+ \|$", PAGE.partition("| needs | who")[2], re.MULTILINE)
    assert [need.value for need in Need] == explained


def test_every_parameter_is_tested_where_the_page_says() -> None:
    untested = []
    for (methods, path), row in documented().items():
        text = row.text()
        untested += [f"{methods} {path} {name}" for name in row.parameters if not mentions(text, name)]
        place = path.removeprefix("/{db}").removeprefix("/_design/{design}").lstrip("/")
        if not mentions(text, place.partition("/")[0].partition("{")[0]):
            untested.append(f"{methods} {path}")
    assert [] == untested


def mentions(text: str, name: str) -> bool:
    return not name or re.search(rf"\b{re.escape(name)}\b", text, re.IGNORECASE) is not None


def test_what_is_not_offered_is_in_the_table_as_501() -> None:
    for (methods, path), row in documented().items():
        refused = next(
            endpoint.handler.__name__ == "refuse"
            for endpoint in ENDPOINTS
            if (" ".join(endpoint.methods), endpoint.path) == (methods, path)
        )
        assert refused == row.what.startswith("**501**"), path
