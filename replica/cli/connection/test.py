"""The command `replicate connection test`."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from replica.cli.configuration import complain_of, configuration
from replica.cli.exits import Exit, exit_for, worst
from replica.cli.terminal import Terminal

if TYPE_CHECKING:
    from replica.service.probe import Probe

DESCRIPTION = """\
Reach the peers of these connections, or of all: greet each as a run would, say what it is, whether the secrets are right, and
whether the two may replicate as the connection says. Nothing is written at either end. The exit code is that of the worst
of what was found."""
EXAMPLE = """\
replicate connection test
replicate connection test hub --json
"""
READS_CONFIGURATION = True
_KINDS = {"file": "a file", "replica": "a replica on a server", "couchdb": "a server that speaks CouchDB's protocol"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("names", metavar="NAME", nargs="*", help="the connections; all unless named")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    from replica.service.probe import probes

    found = configuration(arguments)
    codes = [] if arguments.names else [complain_of(found, out)]
    chosen = [*map(found.connection, arguments.names)] or list(found.connections)
    entries = []
    for connection in chosen:
        for probe in probes(connection, os.environ):
            entries.append({"connection": connection.name, **probe.to_dict()})
            codes.append(Exit.DONE if probe.error is None else exit_for(probe.error))
            if not out.as_json:
                _tell(connection.name, probe, out)
    if out.as_json:
        out.answer(entries, ())
    return worst(codes)


def _tell(name: str, probe: Probe, out: Terminal) -> None:
    here, peer = probe.to_dict()["here"], probe.to_dict()["peer"]
    if probe.error is None:
        assert probe.kind is not None
        out.done({}, f"{name}: {here}: {peer} is {_KINDS[probe.kind]}, and may be replicated with")
    else:
        out.warn(f"{name}: {here}: {probe.error}")
        if not out.quiet:
            out.note(f"hint: {probe.error.hint}")
