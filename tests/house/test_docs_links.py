"""The documents hang together: every link leads somewhere, and every page can be reached from the first one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.pages import anchors, links, name_of, pages
from tests.house.source import ROOT

FIRST = ROOT / "docs" / "index.md"


def target(page: Path, link: str) -> tuple[Path, str]:
    """The file and the heading that a link leads to."""
    path, _, anchor = link.partition("#")
    return (page.parent / path).resolve() if path else page, anchor


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        path, anchor = target(page, link)
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(link)
    assert [] == broken


def test_every_module_that_the_tour_names_is_there() -> None:
    tour = (FIRST.parent / "tour.md").read_text(encoding="utf-8")
    there = {path.name for folder in ("replica", "tests") for path in (ROOT / folder).rglob("*.py")}
    assert [] == [name for name in re.findall(r"`(?:[\w/]+/)?(\w+\.py)`", tour) if name not in there]


def test_every_page_can_be_reached_from_the_first() -> None:
    reached, pending = set(), [FIRST]
    while pending:
        page = pending.pop()
        if page not in reached and page.suffix == ".md" and page.exists():
            reached.add(page)
            pending += [target(page, link)[0] for link in links(page)]
    assert [] == [name_of(page) for page in pages() if page.is_relative_to(FIRST.parent) and page not in reached]
