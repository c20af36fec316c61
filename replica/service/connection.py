"""One connection of a configuration, and what each of its keys may say: `Connection`."""

from __future__ import annotations

import os
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from replica.errors import Mistake
from replica.service import units
from replica.service.calendar import Schedule, Zone, find_zone
from replica.service.units import TimeRange
from replica.service.values import (
    as_schedule,
    as_zone,
    check_name,
    check_user,
    read_days,
    read_rate,
    read_seconds,
    read_texts,
    read_times,
)
from replica.transports.address import is_address, parse_address

EVERY_MIN_S = 1.0
EVERY_MAX_S = 366 * 86400.0
JITTER_MAX_S = 86400.0

Kind = Literal["env", "file", "command"]


class Reference(NamedTuple):
    """Where a secret is: the variable, the file or the command of that name. `key`: what said so."""

    key: str
    kind: Kind
    name: str


Seconds = Annotated[float, BeforeValidator(read_seconds)]
_CONFIG = ConfigDict(
    frozen=True,
    extra="forbid",
    strict=True,
    alias_generator=lambda name: name.replace("_", "-"),
    validate_by_name=True,
    validate_by_alias=True,
    hide_input_in_errors=True,
    arbitrary_types_allowed=True,
)


class Within(BaseModel):
    """When `every` counts: at these times, on these days."""

    model_config = _CONFIG

    times: Annotated[tuple[TimeRange, ...], BeforeValidator(read_times)] = (TimeRange(0, units.DAY_MINUTES),)
    days: Annotated[frozenset[int], BeforeValidator(read_days)] = frozenset(range(7))

    def __str__(self) -> str:
        return f"{','.join(map(str, self.times))} {units.written_days(self.days)}"


class Connection(BaseModel):
    """A replication between databases here and a peer, and when it runs. `read_connection` makes one and checks what goes
    together; it cannot be changed.
    """

    model_config = _CONFIG

    name: str = Field(description="What the connection is called: letters, digits, `.`, `_` and `-`; 64 at most")
    here: str = Field(
        description="A file on this machine; or a folder, or a pattern such as `data/*.db`, for all the databases there"
    )
    exclude: Annotated[tuple[str, ...], BeforeValidator(read_texts)] = Field(
        (), description="Patterns of the databases in a folder that are left out, with or without their `.db`"
    )
    peer: str = Field(
        description="The other replica: an address or a file. For a folder, what is above the databases there: `/` and the "
        "name of each are put after it"
    )
    direction: Literal["both", "pull", "push"] = Field(
        "both", description="`both`; `pull` from the peer only; `push` to the peer only"
    )
    schedule: Annotated[Schedule | None, BeforeValidator(as_schedule)] = Field(
        None, description="When to run: cron's five fields, or `@hourly`, `@daily`, `@weekly`, `@monthly`"
    )
    every: Seconds | None = Field(
        None, description="Instead of `schedule`: how long after a run has begun the next one is due"
    )
    within: Within | None = Field(
        None, description='With `every`: `{times = ["08:00-22:00"], days = "mon-fri"}`; either may be left out'
    )
    timezone: Annotated[Zone, BeforeValidator(as_zone)] = Field(
        default_factory=lambda: find_zone("UTC"), description="The time zone of all that, by default this machine's"
    )
    jitter: Seconds = Field(
        0.0, description="Begin up to so much later: always the same for one name, and another for another name"
    )
    on_missed: Literal["skip", "once", "all"] = Field(
        "once", description="With `schedule`, what becomes of runs that were missed: `skip`, `once` for all, or `all`"
    )
    priority: Literal["high", "medium", "low"] = Field("medium", description="What is `high` runs before what is `low`")
    time_limit: Seconds | None = Field(
        None, description="End a run after so long, with the batch in hand; the next one goes on from there"
    )
    rate: Annotated[float | None, BeforeValidator(read_rate)] = Field(
        None, description="So many bytes a second at most over the network, each way: `500k`, `2MiB`"
    )
    enabled: bool = Field(True, description="`false`: run when it is called by name only")
    user: str | None = Field(None, description="Who asks there, if the address does not say so")
    password_env: str | None = Field(None, description="The variable that holds the user's password")
    password_file: str | None = Field(None, description="The file whose first line is the user's password")
    password_command: str | None = Field(None, description="The command that prints the user's password")
    token_env: str | None = Field(None, description="The variable that holds a token")
    token_file: str | None = Field(None, description="The file whose first line is a token")
    token_command: str | None = Field(None, description="The command that prints a token")
    ca_file: str | None = Field(None, description="Trust the certificates in this PEM file, and no others")
    client_cert: str | None = Field(None, description="Show the certificate in this PEM file, which holds its key too")

    _check_name = field_validator("name")(check_name)
    _check_user = field_validator("user")(check_user)

    @field_validator("here", "password_file", "token_file", "ca_file", "client_cert")
    @classmethod
    def _make_whole(cls, path: str, info: ValidationInfo) -> str:
        return _whole(path, info)

    @field_validator("peer")
    @classmethod
    def _check_peer(cls, peer: str, info: ValidationInfo) -> str:
        if not is_address(peer):
            return _whole(peer, info)
        try:
            address = parse_address(f"{peer.rstrip('/')}/x")
        except Mistake as error:
            raise ValueError(str(error).replace("/x is", " is").replace("/x names", " names")) from error
        if address.password is not None:
            raise ValueError("no password may stand in an address here; name its user, and say where the password is")
        return peer.rstrip("/")

    @field_validator("every")
    @classmethod
    def _check_every(cls, every: float) -> float:
        if not EVERY_MIN_S <= every <= EVERY_MAX_S:
            raise ValueError(f"it is {EVERY_MIN_S:g}s at least, and a year at most")
        return every

    @field_validator("jitter")
    @classmethod
    def _check_jitter(cls, jitter: float) -> float:
        if jitter > JITTER_MAX_S:
            raise ValueError("it is a day at most")
        return jitter

    @field_validator("time_limit")
    @classmethod
    def _check_time_limit(cls, limit: float) -> float:
        if limit <= 0:
            raise ValueError("it is more than nothing")
        return limit

    @property
    def is_scheduled(self) -> bool:
        """Whether it ever runs unless it is called by its name."""
        return self.schedule is not None or self.every is not None

    @property
    def when(self) -> str:
        """When it runs, for people."""
        if self.schedule is not None:
            return self.schedule.text
        if self.every is None:
            return "by name"
        within = "" if self.within is None else f" within {self.within}"
        return f"every {units.written_duration(self.every)}{within}"

    @property
    def password(self) -> Reference | None:
        """Where the user's password is."""
        return self._reference("password")

    @property
    def token(self) -> Reference | None:
        """Where the token is."""
        return self._reference("token")

    def _reference(self, what: str) -> Reference | None:
        kinds: tuple[Kind, ...] = ("env", "file", "command")
        named = ((kind, getattr(self, f"{what}_{kind}")) for kind in kinds)
        return next((Reference(f"{what}-{kind}", kind, name) for kind, name in named if name is not None), None)


KEYS = tuple(str(field.alias) for field in Connection.model_fields.values())
WITHIN_KEYS = tuple(Within.model_fields)


def _whole(path: str, info: ValidationInfo) -> str:
    """A path from the root on: what is relative is so to the folder of the configuration."""
    if not path or "\0" in path:
        raise ValueError("it names no file")
    if path.startswith("~"):
        raise ValueError("`~` means nothing here; write the whole path, or one from the file's folder on")
    return os.path.normpath(os.path.join((info.context or {}).get("folder", ""), path))
