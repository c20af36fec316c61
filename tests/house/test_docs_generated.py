"""The pages that follow from the code are up to date."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest

from tests.house.source import ROOT

DOCS = ROOT / "docs"
NAMES = ("commands.md", "configuration.md", "errors.md", "openapi.json", "settings.md")


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    specification = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_these_are_all_pages_that_are_generated(generator: ModuleType) -> None:
    assert sorted(NAMES) == sorted(generator.PAGES)


@pytest.mark.parametrize("name", NAMES)
def test_a_generated_page_is_what_the_code_says(name: str, generator: ModuleType) -> None:
    page = (DOCS / name).read_text(encoding="utf-8")
    assert generator.PAGES[name]() == page, f"run: python docs/generate.py (docs/{name} is behind the code)"
