"""The command `replicate push`."""

from __future__ import annotations

import argparse

from replica.cli import sync
from replica.cli.terminal import Terminal

DESCRIPTION = """\
Send what is new at replica A to replica B. Of the documents of A nothing is changed; it notes what B has."""
EXAMPLE = "replicate push laptop.db orders.db"

configure = sync.configure


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    return sync.replicate(arguments, out, "push")
