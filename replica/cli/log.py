"""The command `replicate log`."""

from __future__ import annotations

import argparse
import os
from contextlib import closing
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING

from replica.cli import render
from replica.cli.configuration import configuration
from replica.cli.exits import Exit
from replica.cli.inputs import count, since
from replica.cli.terminal import Terminal
from replica.errors import NotFound
from replica.replica import Replica, open_path
from replica.tally import Tally

if TYPE_CHECKING:
    from replica.service.records import Record

DESCRIPTION = """\
Show what was run and what came of it, the oldest first, and who switched connections off or on. With --follow this is JSON,
one line for each, and more are waited for. The log is that of the configuration, or the one that the variable REPLICA_LOG
names, which may hold what other machines have run."""
EXAMPLE = """\
replicate log --connection hub --since 2h
replicate log --errors --json
replicate log --follow
"""
READS_CONFIGURATION = True
SHOWN = 100  # records, unless a time says from when or a number how many


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("--connection", metavar="NAME", help="only what is about the connection of that name")
    parser.add_argument(
        "--errors", action="store_true", help="only runs that failed, were cut off, or were refused documents"
    )
    parser.add_argument(
        "--since", metavar="TIME", type=since, help="only what is not older: 2h, or a time such as 2026-03-01T08:00"
    )
    parser.add_argument(
        "--limit", metavar="N", type=count, help=f"only the last so many; {SHOWN} unless --since says from when"
    )
    parser.add_argument("--follow", action="store_true", help="wait for more, until interrupted")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    from replica.service.general import LOG_VARIABLE
    from replica.service.records import Wanted, coming, latest, unid_of

    path = os.environ.get(LOG_VARIABLE) or configuration(arguments).log_path
    wanted = Wanted(arguments.connection, arguments.errors, arguments.since)
    limit = arguments.limit if arguments.since or arguments.limit is not None else SHOWN
    if not os.path.lexists(path) and not arguments.follow:
        out.answer([], ())
        out.note(f"nothing has run yet: there is no log {path}")
        return Exit.DONE
    with closing(_opened(path)) as log:
        known = log.update_sequence
        records = latest(log, wanted, limit)
        if not arguments.follow:
            out.answer(records, map(_line, records))
            return Exit.DONE
        shown = {unid_of(record) for record in records}
        for record in records:
            out.line(render.json_text(record), now=True)
        for record in coming(log, wanted, known):
            if unid_of(record) not in shown:
                out.line(render.json_text(record), now=True)
    return Exit.DONE


def _opened(path: str) -> Replica:
    try:
        return open_path(path)
    except NotFound as error:
        raise NotFound(f"there is no log {path} yet", hint="`replicate run` makes it.") from error


def _line(record: Record) -> str:
    """A record for people. Other machines may have written it, by other versions."""
    try:
        return render.plain(_run(record) if "run" in record else _switch(record))
    except (KeyError, TypeError, ValueError, AttributeError):
        return render.json_text(record)


def _run(record: Record) -> str:
    start, end = map(datetime.fromisoformat, (record["start"], record["end"]))
    return (
        f"{render.moment(start)}  {_name(record)}  {record['outcome']}: {_said(record, (end - start).total_seconds())}"
    )


def _said(record: Record, seconds: float) -> str:
    if record["error"] is not None:
        return str(record["error"]["message"])
    from replica.service.run import WAYS

    known = {field.name for field in fields(Tally)}
    ways = {way: record[way] for way in WAYS if record[way] is not None}
    tallies = {way: Tally(**{key: value for key, value in said.items() if key in known}) for way, said in ways.items()}
    sentences = [render.tally_sentence(way, tally, False) for way, tally in tallies.items()]
    return f"{'; '.join(sentences) or 'nothing'} ({seconds:.1f} s)"


def _switch(record: Record) -> str:
    reason = f": {record['reason']}" if record["reason"] else ""
    said = f"switched {'on' if record['enabled'] else 'off'} by {record['by']}{reason}"
    return f"{render.moment(datetime.fromisoformat(record['time']))}  {_name(record)}  {said}"


def _name(record: Record) -> str:
    """The connection; and the machine, unless it is this one."""
    from replica.service.places import host

    name: str = record["connection"]
    return name if record["host"] == host() else f"{name} on {record['host']}"
