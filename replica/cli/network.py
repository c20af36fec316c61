"""Replicas by their addresses: the flags for the network, and where secrets come from.

A secret comes from a variable, a file, a command, `~/.netrc` or a prompt; never from a flag, which others can see. It is
sent, and neither printed nor kept.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import replica
from replica.cli.inputs import rate
from replica.cli.secrets import PASSWORD, TOKEN, by_variable
from replica.errors import Mistake
from replica.transports.address import Address, is_address

if TYPE_CHECKING:
    from replica.transports.network import Network, Secret


def add_flags(parser: argparse._ActionsContainer) -> None:
    """The flags of every command for addresses."""
    text = "trust the certificates in this PEM file, and no others, where an address is https"
    parser.add_argument("--ca-file", metavar="FILE", help=text)
    text = "show the certificate in this PEM file, which holds its key too"
    parser.add_argument("--client-cert", metavar="FILE", help=text)


def add_user(parser: argparse._ActionsContainer) -> None:
    """The flag of every command that says who saves, in a file."""
    text = "who saves, in a file: their name stands in $UpdatedBy; a server knows itself who asks"
    parser.add_argument("--user", dest="saver", metavar="NAME", help=text)


def add_rate(parser: argparse.ArgumentParser) -> None:
    """The flag that bounds how fast bytes go."""
    text = "send and receive at most so many bytes a second over the network: 500k, 2M, 64KiB"
    parser.add_argument("--bwlimit", metavar="RATE", type=rate, help=text)


def opened(name: str, arguments: argparse.Namespace) -> replica.Replica:
    """The replica in a file or at an address."""
    if is_address(name):
        return replica.open(name, network=network(arguments, name))
    return replica.open(name, user=arguments.saver)


def network(arguments: argparse.Namespace, *names: str) -> Network | None:
    """How to get to the addresses among the names; None if there is none."""
    if not any(map(is_address, names)):
        return None
    from replica.transports.network import Network

    return Network(
        token=by_variable(TOKEN),
        find_secret=_find_secret,
        ca_file=arguments.ca_file,
        client_cert=arguments.client_cert,
        bytes_per_second=getattr(arguments, "bwlimit", None),
    )


def at_once(hub: replica.Replica) -> AbstractContextManager[object]:
    """In a file: one transaction. At an address there is none, and the server refuses what someone else changed."""
    return nullcontext() if is_address(hub.path) else hub.batch()


def size_max(hub: replica.Replica) -> int:
    """The largest document that may be worth sending."""
    from replica.store.settings import SETTINGS

    name = "document-size-max"
    return int(SETTINGS[name].default if is_address(hub.path) else hub.settings[name])


def _find_secret(address: Address) -> Secret | None:
    """The user and password for an address: those of the variables, of `~/.netrc`, or typed in."""
    from replica.transports.network import Secret

    password = by_variable(PASSWORD) if address.user is not None else None
    if address.user is not None and password is not None:
        return Secret(address.user, password)
    noted = _netrc(address)
    if noted is not None:
        return noted
    if address.user is not None and sys.stdin is not None and sys.stdin.isatty():
        import getpass

        return Secret(address.user, getpass.getpass(f"Password of {address.user} for {address}: "))
    return None


def _netrc(address: Address) -> Secret | None:
    """What `~/.netrc`, or the file that NETRC names, has for the host: of that user, if the address names one."""
    from netrc import NetrcParseError, netrc
    from urllib.parse import urlsplit

    from replica.transports.network import Secret

    path = os.environ.get("NETRC") or os.path.expanduser("~/.netrc")
    try:
        found = netrc(path).authenticators(urlsplit(address.url).hostname or "") if os.path.exists(path) else None
    except (NetrcParseError, OSError) as error:
        raise Mistake(f"{path} cannot be read as a netrc file", hint="Correct it, or name another in NETRC.") from error
    if found is None or (address.user is not None and address.user != found[0]):
        return None
    return Secret(found[0], found[2] or "")
