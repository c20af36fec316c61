"""How to get to the peer of a connection: its secrets, which it names by where they are, and its bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from replica.errors import Mistake
from replica.service.connection import Connection, Reference
from replica.service.reveal import first_line_of_command, first_line_of_file
from replica.transports.address import Address, is_address
from replica.transports.network import SILENCE_S, Network, Secret


def network_of(connection: Connection, environment: Mapping[str, str]) -> Network | None:
    """How to get to the peer of a connection; None if that is a file. `Mistake` if a secret is not where it should be."""
    if not is_address(connection.peer):
        return None
    password = _revealed(connection.password, environment)
    limit = connection.time_limit
    return Network(
        password=password,
        token=_revealed(connection.token, environment),
        find_secret=_secret_of(connection.user, password or ""),
        ca_file=connection.ca_file,
        client_cert=connection.client_cert,
        bytes_per_second=connection.rate,
        silence_s=SILENCE_S if limit is None else min(SILENCE_S, limit),
    )


def _secret_of(user: str | None, password: str) -> Callable[[Address], Secret | None]:
    return lambda address: None if user is None else Secret(user, password)


def _revealed(reference: Reference | None, environment: Mapping[str, str]) -> str | None:
    if reference is None:
        return None
    if reference.kind == "file":
        return first_line_of_file(reference.key, reference.name)
    if reference.kind == "command":
        return first_line_of_command(reference.key, reference.name)
    if not environment.get(reference.name):
        hint = "Set it where this runs: cron and systemd have an environment of their own."
        raise Mistake(f"{reference.key}: the variable {reference.name} is not set", hint=hint)
    return environment[reference.name]
