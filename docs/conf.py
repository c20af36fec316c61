"""How Sphinx renders these pages: `make docs`. They are written to read well without it."""

import re
import tomllib
from pathlib import Path
from typing import Any

_project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = "replica"
release = version = _project["version"]
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "replica"
root_doc = "index"
exclude_patterns = ["_build"]
myst_heading_anchors = 3
suppress_warnings = ["myst.xref_missing"]  # the README, examples and benchmarks lie outside


def setup(app: Any) -> None:
    """Make the contents beside each page from the links of the first one."""
    app.connect("source-read", _add_contents)


def _add_contents(app: Any, name: str, source: list[str]) -> None:
    if name == root_doc:
        pages = re.findall(r"\]\(([\w/.-]+)\.md\)", source[0])
        source[0] += "\n".join(["", "```{toctree}", ":hidden:", "", *pages, "```", ""])
