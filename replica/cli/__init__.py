"""The command `replicate`: from words to an exit code.

What `replicate --help` needs is imported here; everything else when a command runs.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from replica.cli.commands import COMMANDS
from replica.cli.complaints import complain
from replica.cli.exits import Exit
from replica.cli.finding import find_command
from replica.cli.interruption import Interrupted, interruptible
from replica.cli.parsing import is_given, main_parser, parse


def main(words: Sequence[str] | None = None) -> int:
    """Run one command with these words (those of the command line if None); its exit code.

    An interrupt ends it after the batch in hand was finished or undone; a second one ends the process at once.
    """
    words = list(sys.argv[1:] if words is None else words)
    _prepare_streams()
    try:
        with interruptible():
            return _run(words)
    except (Exception, Interrupted) as error:  # noqa: BLE001 - the outermost edge: whatever it is, it gets a code
        _hand_over_output()
        if isinstance(error, BrokenPipeError):  # whoever read the output has seen enough
            return Exit.PIPE
        return complain(error, as_json=is_given(words, "--json"), debug=is_given(words, "--debug"))


def _run(words: list[str]) -> int:
    name, rest = find_command(words)
    try:
        if name is None or name not in COMMANDS:
            main_parser(name).parse_args(rest)
            main_parser(name).print_help(sys.stderr)
            return Exit.USAGE
        command, arguments = parse(name, rest)
    except SystemExit:  # --help and --version
        sys.stdout.flush()
        return Exit.DONE
    from replica.cli.terminal import Terminal

    out = Terminal(arguments)
    code = int(command.run(arguments, out))
    out.close()
    return code


def _prepare_streams() -> None:
    """UTF-8 whatever the locale, and file names as they are; a stream that is closed takes everything."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - open until the end
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="surrogateescape" if name == "stdout" else "backslashreplace")


def _hand_over_output() -> None:
    """Write what was printed before the error. Where that fails, keep the interpreter from trying again at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
