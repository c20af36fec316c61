"""The command `replicate pull`."""

from __future__ import annotations

import argparse

from replica.cli import sync
from replica.cli.terminal import Terminal

DESCRIPTION = """\
Fetch what is new at replica B into replica A. B is only read; it notes, if it can be written, what A has."""
EXAMPLE = "replicate pull laptop.db orders.db"

configure = sync.configure


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    return sync.replicate(arguments, out, "pull")
