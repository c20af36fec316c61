"""The command `replicate serve`."""

from __future__ import annotations

import argparse
import sys

from replica.cli import render
from replica.cli.exits import Exit
from replica.cli.inputs import count
from replica.cli.terminal import Terminal

DESCRIPTION = """\
Serve the databases of a folder over HTTP, until it is interrupted: `NAME.db` is `/NAME`. Requests that are running are
finished then; a second interrupt ends the process at once. There are no users so far: who reaches the server may do
everything, so it listens on loopback addresses and Unix sockets only."""
EXAMPLE = """\
replicate serve --data /var/lib/replica
replicate serve --data . --port 0 --cors http://localhost:8080
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("--data", metavar="DIR", required=True, help="the folder with the databases")
    parser.add_argument("--host", metavar="ADDRESS", default="127.0.0.1", help="a loopback address to listen on")
    parser.add_argument(
        "--port", metavar="N", type=count, default=5985, help="the port to listen on; 0 is any free one"
    )
    parser.add_argument("--socket", metavar="PATH", help="listen on this Unix socket instead")
    parser.add_argument(
        "--cors",
        metavar="ORIGIN",
        action="append",
        default=[],
        help="let web pages of this origin ask, such as http://localhost:8080; may be repeated; * is every page",
    )
    parser.add_argument(
        "--access-log",
        choices=("text", "json", "none"),
        help="a line for each request on standard error; text unless --json or --quiet say otherwise",
    )


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    from replica.server.running import serve

    def ready(address: str) -> None:
        if out.as_json:
            print(
                render.json_text({"ready": {"address": address, "data": arguments.data}}), file=sys.stderr, flush=True
            )
        else:
            out.note(f"replicate: serving {arguments.data} at {address}")

    usual = "none" if out.quiet else "json" if out.as_json else "text"
    serve(
        arguments.data,
        host=arguments.host,
        port=arguments.port,
        path=arguments.socket,
        cors=arguments.cors,
        access_log=arguments.access_log or usual,
        ready=ready,
    )
    return Exit.DONE
