"""The command `replicate history`."""

from __future__ import annotations

import argparse
from typing import Any

import replica
from replica.cli import render
from replica.cli.exits import Exit
from replica.cli.network import opened
from replica.cli.terminal import Terminal

DESCRIPTION = """\
Show what a replica remembers of its exchanges with others, the newest first. The next replication with a peer goes on
from the newest exchange that both remember; after --clear it compares everything, which is slower and loses nothing."""
EXAMPLE = "replicate history laptop.db"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("db", metavar="DB", help="a replica")
    parser.add_argument("--clear", metavar="PEER", help="first forget the exchanges with this instance id")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    with opened(arguments.db, arguments) as hub:
        sessions = [_entry(session) for session in hub.history(clear=arguments.clear)]
    if out.as_json:
        out.answer(sessions, ())
    elif sessions:
        out.table(("time", "direction", "peer", "position", "what"), map(_row, sessions))
    else:
        out.note("no exchanges are remembered")
    return Exit.DONE


def _entry(session: replica.Session) -> dict[str, Any]:
    return {
        "session": session.id,
        "direction": session.direction,
        "peer": session.peer,
        "position": session.position,
        "time": render.moment_of(session.at_ms),
        "counts": session.counts,
    }


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    counts = ", ".join(f"{value} {name}" for name, value in entry["counts"].items() if value and value is not True)
    what = "copy" if entry["counts"].get("snapshot") else counts or "nothing new"
    return entry["time"], entry["direction"], entry["peer"], str(entry["position"]), what
