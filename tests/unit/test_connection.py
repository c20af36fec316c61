"""What a connection may say: its keys, what goes together, and what is said of mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from replica.errors import BadSettings
from replica.service.connection import KEYS, Connection, Reference
from replica.service.lines import Lines
from replica.service.places import default_log, find_configuration, local_zone
from replica.service.reading import Fault, read_connection, understood
from replica.service.units import TimeRange

LEAST = {"name": "hub", "here": "orders.db", "peer": "https://hub.example/orders"}


def faults(**keys: Any) -> list[Fault]:
    table = {**LEAST, **{key.replace("_", "-"): value for key, value in keys.items()}}
    found = understood({key: value for key, value in table.items() if value is not None}, "/data")
    return [] if isinstance(found, Connection) else found


def said(**keys: Any) -> dict[str, str]:
    return {fault.key: fault.message for fault in faults(**keys)}


def test_a_connection_says_what_it_is() -> None:
    connection = read_connection(
        {
            **LEAST,
            "every": "15m",
            "within": {"times": ["08:00-22:00"], "days": "mon-fri"},
            "timezone": "Europe/Berlin",
            "jitter": "2m",
            "time-limit": "10m",
            "rate": "2MiB",
            "priority": "high",
            "user": "site",
            "password-file": "secret",
        },
        folder="/etc/replica",
    )
    assert ("/etc/replica/orders.db", 900, 600, 2**21) == (
        connection.here,
        connection.every,
        connection.time_limit,
        connection.rate,
    )
    assert connection.within is not None
    assert ((TimeRange(480, 1320),), frozenset(range(5))) == (connection.within.times, connection.within.days)
    assert Reference("password-file", "file", "/etc/replica/secret") == connection.password
    assert connection.token is None
    assert "every 15m within 08:00-22:00 mon-fri" == connection.when


def test_a_connection_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        read_connection(LEAST).name = "other"


def test_what_is_not_said_has_its_default() -> None:
    connection = read_connection(LEAST)
    assert ("both", "medium", "once", True) == (
        connection.direction,
        connection.priority,
        connection.on_missed,
        connection.enabled,
    )
    assert not connection.is_scheduled
    assert "by name" == connection.when


@pytest.mark.parametrize("key", ["name", "here", "peer"])
def test_what_is_needed_is_asked_for(key: str) -> None:
    assert [("", f"{key!r} is missing")] == [tuple(each) for each in faults(**{key: None})]


def test_an_unknown_key_is_refused_with_the_one_that_was_meant() -> None:
    assert {"shedule": "unknown key 'shedule'; did you mean 'schedule'?"} == said(shedule="* * * * *")
    assert [Fault("time_limit", "unknown key 'time_limit'; did you mean 'time-limit'?")] == understood(
        {**LEAST, "time_limit": "1h"}, ""
    )
    assert {"zzz": "unknown key 'zzz'"} == said(zzz=1)
    assert "did you mean 'times'?" in said(every="1h", within={"time": "08:00-09:00"})["within.time"]


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert {"direction", "schedule", "time-limit", "rate", "shedule", "every", "password-env"} == said(
        direction="up", schedule="* *", time_limit="soon", rate="fast", shedule=1, every="x", password_env="A"
    ).keys()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "a b"),
        ("name", ""),
        ("name", "../x"),
        ("name", "x" * 65),
        ("name", 7),
        ("here", ""),
        ("here", "~/orders.db"),
        ("here", "a\0b"),
        ("peer", "ftp://hub.example/orders"),
        ("peer", "https://anna:secret@hub.example/orders"),
        ("peer", "https://"),
        ("peer", "https://hub.example/orders?x=1"),
        ("direction", "sideways"),
        ("schedule", "61 * * * *"),
        ("schedule", 15),
        ("every", "0s"),
        ("every", "-5m"),
        ("every", "999999999999d"),
        ("every", True),
        ("every", []),
        ("priority", "highest"),
        ("on-missed", "never"),
        ("timezone", "Europe/Berlyn"),
        ("jitter", "2d"),
        ("time-limit", "0s"),
        ("rate", "0"),
        ("rate", 1.5),
        ("enabled", "yes"),
        ("user", "an:na"),
        ("user", ""),
        ("exclude", [1]),
    ],
)
def test_a_value_that_a_key_cannot_have_is_named(key: str, value: object) -> None:
    timed = {"schedule": "* * * * *"} if key in ("on-missed", "timezone", "jitter") else {}
    found = said(**timed, **{key: value})
    assert [key] == list(found)
    assert "secret" not in found[key]


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"schedule": "* * * * *", "every": "1h"}, "every"),
        ({"within": {"times": "08:00-09:00"}}, "within"),
        ({"schedule": "* * * * *", "within": {"days": "mon"}}, "within"),
        ({"every": "1h", "on_missed": "all"}, "on-missed"),
        ({"jitter": "1m"}, "jitter"),
        ({"timezone": "UTC"}, "timezone"),
        ({"peer": "hub.db", "rate": "1M"}, "rate"),
        ({"peer": "hub.db", "token_env": "T"}, "token-env"),
        ({"peer": "hub.db", "ca_file": "ca.pem"}, "ca-file"),
        ({"peer": "https://anna@hub.example/orders", "user": "bruno"}, "user"),
        ({"password_env": "P"}, "password-env"),
        ({"token_env": "T", "token_file": "t"}, "token-file"),
        ({"user": "anna", "password_env": "P", "token_env": "T"}, "token-env"),
    ],
)
def test_what_does_not_go_together_is_named(keys: dict[str, Any], key: str) -> None:
    assert [key] == list(said(**keys))


def test_all_that_is_wrong_is_in_the_error_of_one_connection() -> None:
    with pytest.raises(BadSettings, match=r"direction: .*; every: "):
        read_connection({**LEAST, "direction": "up", "every": "x"})


def test_a_name_in_an_address_is_a_user() -> None:
    assert {} == said(peer="https://anna@hub.example/orders", password_env="P")


def test_every_key_is_described() -> None:
    assert [] == [name for name, field in Connection.model_fields.items() if not field.description]
    assert len(KEYS) == len(Connection.model_fields)


# -- lines

TEXT = '''# a comment = 1
log = "x.db"
note = """
[[connection]]
name = "not one"
"""

[[connection]]
name = "hub"   # comment
"here" = 'a.db'
  peer="b.db"
within . times = "08:00-09:00"

[[ connection ]]
name = "other"
[connection.within]
days = "mon"
[elsewhere]
name = 1
'''


@pytest.mark.parametrize(
    ("number", "key", "line"),
    [
        (0, "name", 9),
        (0, "here", 10),
        (0, "peer", 11),
        (0, "within.times", 12),
        (0, "schedule", 8),
        (1, "", 14),
        (1, "name", 15),
        (1, "within", 16),
        (1, "within.days", 17),
        (1, "within.times", 16),
        (7, "name", None),
    ],
)
def test_where_a_key_of_a_connection_stands_is_found(number: int, key: str, line: int | None) -> None:
    assert line == Lines(TEXT).of_connection(number, key)


def test_where_other_keys_stand_is_found() -> None:
    lines = Lines(TEXT)
    assert [2, 3, 18, None] == [lines.of_key(key) for key in ("log", "note", "elsewhere", "none")]


# -- places


def test_the_configuration_is_looked_for_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    home = {"HOME": str(tmp_path)}
    with pytest.raises(BadSettings) as refused:
        find_configuration(None, home)
    wanted = f"./replica.toml, {tmp_path}/.config/replica/replica.toml, /etc/replica/replica.toml"
    assert wanted in str(refused.value)
    (tmp_path / "x/replica").mkdir(parents=True)
    (tmp_path / "x/replica/replica.toml").touch()
    there = find_configuration(None, home | {"XDG_CONFIG_HOME": str(tmp_path / "x")})
    assert str(tmp_path / "x/replica/replica.toml") == there
    (tmp_path / "replica.toml").touch()
    assert "./replica.toml" == find_configuration(None, home)
    assert "given.toml" == find_configuration("given.toml", home)


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ({"HOME": "/home/a"}, "/home/a/.local/state/replica/log.db"),
        ({"HOME": "/home/a", "XDG_STATE_HOME": "/s"}, "/s/replica/log.db"),
        ({"HOME": "/home/a", "XDG_STATE_HOME": "relative"}, "/home/a/.local/state/replica/log.db"),
        ({"STATE_DIRECTORY": "/var/lib/replica:/var/lib/other", "HOME": "/"}, "/var/lib/replica/log.db"),
    ],
)
def test_the_log_has_its_place(environment: dict[str, str], path: str) -> None:
    assert path == default_log(environment)


def test_without_a_home_there_is_no_place_for_the_log() -> None:
    with pytest.raises(BadSettings, match="HOME"):
        default_log({})


def test_the_zone_of_the_machine_has_a_name(tmp_path: Path) -> None:
    link = tmp_path / "localtime"
    assert "UTC" == local_zone({}, str(link))
    link.symlink_to("/usr/share/zoneinfo/Europe/Berlin")
    assert "Europe/Berlin" == local_zone({}, str(link)) == local_zone({"TZ": ""}, str(link))
    assert "Asia/Tokyo" == local_zone({"TZ": "Asia/Tokyo"}, str(link))
    assert "Asia/Tokyo" == local_zone({"TZ": ":/usr/share/zoneinfo/Asia/Tokyo"}, str(link))
