"""The command `replicate status`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from replica.cli import render
from replica.cli.configuration import complain_of, configuration
from replica.cli.exits import worst
from replica.cli.inputs import STDIN
from replica.cli.remembered import surveyed
from replica.cli.terminal import Terminal
from replica.store.publish import replace_file

if TYPE_CHECKING:
    from replica.service.configuration import Configuration
    from replica.service.status import Status

DESCRIPTION = """\
Show how each connection is doing: its state and when it last went well; how many documents are known to be still to come and
to go; conflicts; when it runs next. Nobody far away is asked: of a peer behind an address is told what the last run saw."""
EXAMPLE = """\
replicate status
replicate status --json
replicate status --textfile /var/lib/prometheus/node-exporter/replica.prom
"""
READS_CONFIGURATION = True
_COLUMNS = {
    "name": "name",
    "state": "state",
    "last_success": "last success",
    "pending_in": "to come",
    "pending_out": "to go",
    "conflicts": "conflicts",
    "next_run": "next run",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument(
        "--textfile",
        metavar="FILE",
        help="write it to this file instead, as metrics for Prometheus, for its node exporter; `-`: to standard output",
    )


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    found = configuration(arguments)
    statuses, code = surveyed(found, out, closely=True)
    said = [status.to_dict() for status in statuses]
    if arguments.textfile is not None:
        _write(arguments.textfile, statuses, out)
    elif out.as_json:
        out.answer(said, ())
    elif said:
        out.table(tuple(_COLUMNS.values()), _rows(said))
        for each in said:
            if each["reason"]:
                out.note(f"{each['name']}: {each['reason']}")
    return worst((code, complain_of(found, out)))


def rows_of(found: Configuration, out: Terminal) -> Iterator[str]:
    """The same table as plain lines."""
    statuses, _ = surveyed(found, out, closely=True)
    yield from render.table(tuple(_COLUMNS.values()), _rows([status.to_dict() for status in statuses]))


def _rows(said: list[dict[str, Any]]) -> list[list[str]]:
    return [[_cell(key, each[key]) for key in _COLUMNS] for each in said]


def _write(path: str, statuses: list[Status], out: Terminal) -> None:
    """The metrics, all at once: whoever reads the file at any moment finds it whole."""
    from replica.exposition import exposition
    from replica.service.measures import measures

    content = exposition(measures(statuses))
    if path == STDIN:
        out.line(content.decode().rstrip("\n"))
        return
    replace_file(path, content)


def _cell(key: str, value: Any) -> str:
    if value is None:
        return "-"
    if key in ("last_success", "next_run"):
        return render.moment(datetime.fromisoformat(value))
    return f"{value:,}" if type(value) is int else str(value)
