"""The command `replicate schedule export`."""

from __future__ import annotations

import argparse
import os
import shutil
import sys

from replica.cli.configuration import complain_of, configuration
from replica.cli.terminal import Terminal
from replica.errors import Mistake
from replica.store.publish import replace_file

DESCRIPTION = """\
Print a crontab that calls `replicate run` every minute for this configuration, as it is; or the two units that let systemd do
so, or write these into a folder. What is due in that minute, `replicate run` knows itself: the schedules stay in the
configuration."""
EXAMPLE = """\
replicate schedule export --cron | crontab -
replicate schedule export --systemd /etc/systemd/system
"""
READS_CONFIGURATION = True


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    forms = parser.add_mutually_exclusive_group(required=True)
    forms.add_argument("--cron", action="store_true", help="a crontab, for the user who installs it")
    forms.add_argument("--systemd", action="store_true", help="a service that runs what is due, and its timer")
    parser.add_argument("folder", metavar="DIR", nargs="?", help="with --systemd, write the units there")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    from replica.service.export import UNIT, Caller, crontab, lacking, service, timer

    if arguments.cron and arguments.folder is not None:
        raise Mistake(
            "a crontab is not written into a folder", hint="Leave the folder out, and hand it to `crontab -`."
        )
    found = configuration(arguments)
    caller = Caller(_program(), _user())
    units = {f"{UNIT}.service": service(found, caller), f"{UNIT}.timer": timer()}
    if arguments.cron:
        text = crontab(found, caller)
        out.answer({"crontab": text}, text.splitlines())
    elif arguments.folder is not None:
        files = {os.path.join(arguments.folder, name): text for name, text in units.items()}
        for path, text in files.items():
            replace_file(path, text.encode())
        out.done({"ok": True, "files": [*files]}, f"wrote {' and '.join(units)}")
    else:
        out.answer(units, "\n".join(f"# {name}\n{text}" for name, text in units.items()).splitlines())
    for lack in lacking(found):
        out.note(f"note: {lack}")
    return complain_of(found, out)


def _program() -> str:
    """The command itself, by a path that counts anywhere."""
    found = shutil.which("replicate") or sys.argv[0]
    return os.path.abspath(found)


def _user() -> str:
    """Who runs the service; nobody has to be named for root."""
    from replica.access.security_log import whoever_runs_this

    return "" if os.getuid() == 0 else whoever_runs_this()
