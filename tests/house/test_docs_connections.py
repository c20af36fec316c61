"""What the page about connections says of the file and of the log is so."""

from __future__ import annotations

import re
from pathlib import Path

from replica import service
from replica.service.lint import doubts
from tests.connections import Site
from tests.house.pages import blocks
from tests.house.source import ROOT

PAGE = ROOT / "docs" / "connections.md"


def test_the_configuration_on_the_page_is_one(tmp_path: Path) -> None:
    (block,) = blocks(PAGE, "toml")
    (tmp_path / "replica.toml").write_text(block.text, encoding="utf-8")
    found = service.load(str(tmp_path / "replica.toml"))
    assert () == found.problems
    assert ["hub", "archive"] == [connection.name for connection in found.connections]
    about_files = {"here", "password-file"}
    assert {"direction"} == {doubt.key for doubt in doubts(found)} - about_files


def test_every_item_of_a_run_is_described(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.pair()
    site.write({"name": "hub"})
    site.done("run", "hub")
    (record,) = site.records()
    rows = re.findall(r"^\| (`[^|]*`) \|", PAGE.read_text(encoding="utf-8").partition("## The log")[2], re.MULTILINE)
    described = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert record.keys() == described
