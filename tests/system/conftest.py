"""What several files of system tests begin with: a machine with a configuration, and its other replica behind a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connections import Site, behind_a_server


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A folder in which `laptop.db` and `hub.db` are replicas, each with a document that the other has not."""
    made = Site(tmp_path)
    made.pair()
    return made


@pytest.fixture
def server(site: Site) -> Iterator[str]:
    """The address of a server, where `hub.db` is from now on."""
    with behind_a_server(site) as url:
        yield url
