"""The command `replicate serve`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from replica.cli import render
from replica.cli.exits import Exit
from replica.cli.inputs import count
from replica.cli.terminal import Terminal
from replica.errors import Mistake

if TYPE_CHECKING:
    import ssl

DESCRIPTION = """\
Serve the databases of a folder over HTTP, until it is interrupted: `NAME.db` is `/NAME`. Requests that are running are
finished then; a second interrupt ends the process at once. As long as there are no users, who reaches the server may do
everything, so it listens on loopback addresses and Unix sockets only; with an administrator, on any address."""
EXAMPLE = """\
replicate serve --data /var/lib/replica
replicate serve --data . --port 0 --cors http://localhost:8080
replicate serve --data /var/lib/replica --host 0.0.0.0 --port 6984 --tls-cert hub.pem --tls-key hub.key
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("--data", metavar="DIR", required=True, help="the folder with the databases")
    parser.add_argument("--host", metavar="ADDRESS", default="127.0.0.1", help="the address to listen on")
    parser.add_argument(
        "--port", metavar="N", type=count, default=5985, help="the port to listen on; 0 is any free one"
    )
    parser.add_argument("--socket", metavar="PATH", help="listen on this Unix socket instead")
    parser.add_argument("--tls-cert", metavar="FILE", help="speak HTTPS, with the certificate in this PEM file")
    parser.add_argument("--tls-key", metavar="FILE", help="the PEM file with its key, if it is in another one")
    text = "let users prove who they are by a certificate that an authority in this PEM file signed: its common name"
    parser.add_argument("--tls-client-ca", metavar="FILE", help=text)
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
    from replica.server.running import Place, serve

    def ready(address: str, warning: str | None) -> None:
        if out.as_json:
            said = {"address": address, "data": arguments.data} | ({} if warning is None else {"warning": warning})
            print(render.json_text({"ready": said}), file=sys.stderr, flush=True)
            return
        out.note(f"replicate: serving {arguments.data} at {address}")
        if warning is not None:
            out.warn(f"warning: {warning}")

    usual = "none" if out.quiet else "json" if out.as_json else "text"
    place = Place(arguments.host, arguments.port, arguments.socket, _tls(arguments))
    log = arguments.access_log or usual
    serve(arguments.data, place, cors=arguments.cors, access_log=log, ready=ready)
    return Exit.DONE


def _tls(arguments: argparse.Namespace) -> ssl.SSLContext | None:
    """What the flags say of TLS. `Mistake` if they do not go together."""
    if arguments.tls_cert is None:
        if arguments.tls_key is not None or arguments.tls_client_ca is not None:
            raise Mistake(
                "--tls-key and --tls-client-ca go with --tls-cert", hint="Name a certificate: --tls-cert FILE."
            )
        return None
    if arguments.socket is not None:
        raise Mistake("a Unix socket has no TLS", hint="Leave out --socket, or --tls-cert.")
    from replica.server.tls import server_context

    return server_context(arguments.tls_cert, arguments.tls_key, arguments.tls_client_ca)
