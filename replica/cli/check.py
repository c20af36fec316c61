"""The command `replicate check`."""

from __future__ import annotations

import argparse

from replica.cli import render
from replica.cli.configuration import complain_of, configuration
from replica.cli.exits import Exit, worst
from replica.cli.inputs import duration
from replica.cli.remembered import surveyed
from replica.cli.terminal import Terminal

DESCRIPTION = """\
Tell which connections do not replicate as they should: those that are late, fail, wait for somebody to look at them, or have
never run. The exit code is 6 then: for cron and monitoring. What is switched off is left out."""
EXAMPLE = """\
replicate check
replicate check --max-age 2h
"""
READS_CONFIGURATION = True


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument(
        "--max-age", metavar="D", type=duration, help="tell also which have not gone well for so long, such as 2h"
    )


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    found = configuration(arguments)
    statuses, code = surveyed(found, out, closely=False)
    findings = [
        {"name": status.connection.name, "state": status.judged.state, "message": message}
        for status in statuses
        if (message := status.finding(arguments.max_age)) is not None
    ]
    lines = [render.plain(f"{each['name']}: {each['state']}: {each['message']}") for each in findings]
    if not lines and not out.quiet:
        lines = [f"{render.counted(len(statuses), 'connection')}, nothing wrong"]
    problem = complain_of(found, out)
    is_well = not findings and code == Exit.DONE and problem == Exit.DONE
    out.answer({"ok": is_well, "checked": len(statuses), "findings": findings}, lines if is_well or findings else ())
    return worst((Exit.DIFFERENT if findings else Exit.DONE, code, problem))
