"""What several files of system tests begin with: a machine with a configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.connections import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A folder in which `laptop.db` and `hub.db` are replicas, each with a document that the other has not."""
    made = Site(tmp_path)
    made.pair()
    return made
