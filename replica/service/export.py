"""What lets cron or systemd call `replicate run` every minute, for one configuration: texts."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import NamedTuple

from replica.service.configuration import Configuration
from replica.service.general import LOG_KEY, LOG_VARIABLE

UNIT = "replica"


class Caller(NamedTuple):
    """Who is to call what: the absolute path of the command, and the account; "" if that is root's, or whoever installs it."""

    program: str
    user: str


def crontab(configuration: Configuration, caller: Caller) -> str:
    """A crontab with one line, in the form that a user's own has."""
    command = shlex.join([caller.program, "-q", "--config", configuration.path, "run"])
    variable = "".join(f"{name}={value}\n" for name, value in _variables(configuration))
    return f"# For `crontab`; cron mails what goes wrong.\n{variable}* * * * *  {_without_percent(command)}\n"


def service(configuration: Configuration, caller: Caller) -> str:
    """The unit that runs what is due."""
    words = [caller.program, "--config", configuration.path, "run"]
    lines = [
        "[Unit]",
        "Description=replica: connections that are due",
        "After=network-online.target",
        "Wants=network-online.target",
        "",
        "[Service]",
        "Type=oneshot",
        f"ExecStart={' '.join(map(_word, words))}",
        *(f"Environment={_word(f'{name}={value}')}" for name, value in _variables(configuration)),
        *([f"User={caller.user}"] if caller.user else []),
    ]
    return "\n".join([*lines, ""])


def timer() -> str:
    """The unit that starts the other one every minute."""
    lines = [
        "[Unit]",
        "Description=replica: every minute",
        "",
        "[Timer]",
        "OnCalendar=minutely",
        "AccuracySec=1s",
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]
    return "\n".join([*lines, ""])


def lacking(configuration: Configuration) -> Iterator[str]:
    """What connections need and cron and systemd do not have: variables with secrets."""
    for connection in configuration.connections:
        for reference in (connection.password, connection.token):
            if reference is not None and reference.kind == "env":
                yield f"{connection.name}: `{reference.key}` needs the variable {reference.name} there, too"


def _variables(configuration: Configuration) -> Iterator[tuple[str, str]]:
    """Where the log is, unless the file says so: other variables may count there."""
    if not configuration.general[LOG_KEY].origin.startswith(f"{configuration.path}:"):
        yield LOG_VARIABLE, configuration.log_path


def _without_percent(command: str) -> str:
    """For cron, `%` ends the line."""
    return command.replace("%", r"\%")


def _word(text: str) -> str:
    """A word of a unit: quoted if it has to be, `%` and `$` as themselves."""
    text = text.replace("%", "%%").replace("$", "$$")
    return (
        text if re.fullmatch(r"[\w@%+=:,./$-]+", text) else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    )
