"""The command `replicate config show`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from replica.cli import render
from replica.cli.configuration import complain_of, configuration
from replica.cli.terminal import Terminal

if TYPE_CHECKING:
    from replica.service.general import Setting

DESCRIPTION = """\
Show the configuration that counts: what the file says, what variables say, and the defaults that matter. With --origin, also
who says so: a line of the file, a variable, this machine, or nobody. Connections with which something is wrong are left
out, named on standard error, and make the exit code 2."""
EXAMPLE = """\
replicate config show
replicate config show --origin --json
"""
READS_CONFIGURATION = True


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("--origin", action="store_true", help="show where each value comes from")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    found = configuration(arguments)
    settings = {connection.name: list(found.settings(connection)) for connection in found.connections}
    if out.as_json:
        tables = [{each.key: _value(each, arguments.origin) for each in said} for said in settings.values()]
        general = {key: _value(each, arguments.origin) for key, each in found.general.items()}
        out.answer({"file": found.path, **general, "connections": tables}, ())
    else:
        out.line(render.plain(found.path))
        header = ("connection", "key", "value", "origin")
        rows = [_row("", each) for each in found.general.values()]
        rows += [_row(name, each) for name, said in settings.items() for each in said]
        shown = 4 if arguments.origin else 3
        out.table(header[:shown], [row[:shown] for row in rows])
    return complain_of(found, out)


def _value(setting: Setting, with_origin: bool) -> Any:
    return {"value": setting.value, "origin": setting.origin} if with_origin else setting.value


def _row(name: str, setting: Setting) -> tuple[str, ...]:
    value = setting.value if isinstance(setting.value, str) else render.json_text(setting.value)
    return name, setting.key, value, setting.origin
