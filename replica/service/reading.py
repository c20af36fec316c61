"""From a table of keys to a `Connection`, or to all that is wrong with it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from replica.errors import BadSettings, Mistake
from replica.service.connection import KEYS, WITHIN_KEYS, Connection
from replica.transports.address import is_address, parse_address

_SECRETS = tuple(key for key in KEYS if key.startswith(("password-", "token-")))
_FOR_ADDRESSES = ("rate", "user", *_SECRETS, "ca-file", "client-cert")
_HINT = "docs/connections.md lists what a connection may say."


class Fault(NamedTuple):
    """What is wrong with one key; "" if it is all of the connection."""

    key: str
    message: str


def read_connection(table: Mapping[str, Any], *, folder: str = "") -> Connection:
    """The connection that these keys (kebab-case, as in a file) say; relative paths are relative to `folder`.

    `BadSettings`, which names all that is wrong.
    """
    found = understood(table, folder)
    if isinstance(found, Connection):
        return found
    said = "; ".join(f"{fault.key}: {fault.message}" if fault.key else fault.message for fault in found)
    raise BadSettings(f"this is no connection: {said}", hint=_HINT)


def understood(table: Mapping[str, Any], folder: str) -> Connection | list[Fault]:
    """The same, with the faults as they are."""
    faults = [*_unknown(table), *_contradictions(table)]
    known = {key: value for key, value in table.items() if key in KEYS}
    within = known.get("within")
    if isinstance(within, Mapping):
        known["within"] = {key: value for key, value in within.items() if key in WITHIN_KEYS}
    try:
        connection = Connection.model_validate(known, context={"folder": folder})
    except ValidationError as error:
        return [*faults, *map(_fault, error.errors(include_url=False))]
    return faults or connection


def unknown_key(key: str, known: tuple[str, ...]) -> str:
    """What is said of a key that is not known."""
    near = difflib.get_close_matches(key.lower().replace("_", "-"), known, n=1)
    return f"unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def _unknown(table: Mapping[str, Any]) -> Iterator[Fault]:
    yield from (Fault(key, unknown_key(key, KEYS)) for key in table if key not in KEYS)
    within = table.get("within")
    if isinstance(within, Mapping):
        yield from (Fault(f"within.{key}", unknown_key(key, WITHIN_KEYS)) for key in within if key not in WITHIN_KEYS)


def _contradictions(table: Mapping[str, Any]) -> Iterator[Fault]:
    """What does not go together. The values themselves are looked at elsewhere."""
    if "schedule" in table and "every" in table:
        yield Fault("every", "`schedule` and `every` do not go together")
    if "within" in table and "every" not in table:
        yield Fault("within", "it goes with `every`; a schedule says its times itself")
    if "on-missed" in table and "schedule" not in table:
        yield Fault("on-missed", "it goes with `schedule`; after `every` nothing is missed, only late")
    if not {"schedule", "every"} & table.keys():
        for key in ("jitter", "timezone"):
            if key in table:
                yield Fault(key, "it goes with `schedule` or `every`")
    given = [key for key in _SECRETS if key in table]
    for key in given[1:]:
        yield Fault(key, f"there is `{given[0]}` already, and one secret is enough")
    yield from _of_addresses(table, given)


def _of_addresses(table: Mapping[str, Any], secrets: list[str]) -> Iterator[Fault]:
    peer = table.get("peer")
    if not isinstance(peer, str):
        return
    if not is_address(peer):
        yield from (
            Fault(key, "it goes with an address, and the peer is a file") for key in _FOR_ADDRESSES if key in table
        )
        return
    try:
        named = parse_address(f"{peer.rstrip('/')}/x").user
    except Mistake:
        return
    if named is not None and table.get("user", named) != named:
        yield Fault("user", f"the address names {named!r}")
    if secrets and secrets[0].startswith("password-") and named is None and "user" not in table:
        yield Fault(secrets[0], "nobody is named whose password it is; `user` does so")


def _fault(error: Any) -> Fault:
    """What Pydantic says, in our words."""
    key = ".".join(str(part) for part in error["loc"] if isinstance(part, str)).replace("_", "-")
    if error["type"] == "missing":
        return Fault("", f"{key!r} is missing")
    if error["type"] == "value_error":
        return Fault(key, str(error["ctx"]["error"]))
    said = str(error["msg"])
    return Fault(key, said[:1].lower() + said[1:])
