"""The directory of a server, for the commands about users and tokens."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from replica.access import Directory


def add_data_flag(parser: argparse.ArgumentParser) -> None:
    """The flag that names the folder."""
    parser.add_argument("--data", metavar="DIR", required=True, help="the folder with the databases, as `serve` has it")


@contextmanager
def directory(arguments: argparse.Namespace) -> Iterator[Directory]:
    """The users, groups and tokens of the folder. Whoever can write there is asked for nothing."""
    from replica.access import Directory

    opened = Directory(arguments.data)
    try:
        yield opened
    finally:
        opened.close()
