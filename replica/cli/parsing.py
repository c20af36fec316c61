"""From words to arguments: the parsers, the flags that every command has, and the variables that stand for flags."""

from __future__ import annotations

import argparse
import importlib
import os
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, Protocol, cast

from replica.cli.commands import COMMANDS, GROUPS
from replica.cli.network import add_flags, add_user
from replica.errors import Mistake

PREFIX = "REPLICA_"
VARIABLES = """\
Every flag has a variable: REPLICA_DRY_RUN=1 is --dry-run, REPLICA_MAX_DURATION=5m is --max-duration 5m.
What is on the command line wins; =0 or nothing is as if it were not there."""
_DEFAULT_ENTRY = "-default-"
_SHIELD = "\0"  # no word of a command line holds it
_YES = ("1", "true", "yes", "on")
_NO = ("0", "false", "no", "off")


class Command(Protocol):
    """What the module of a command holds."""

    DESCRIPTION: str
    EXAMPLE: str
    # READS_CONFIGURATION = True: it does so itself, and says what it does with one in which something is wrong.

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments and flags."""

    def run(self, arguments: argparse.Namespace, out: Any) -> int:
        """Do it; the exit code."""


class Parser(argparse.ArgumentParser):
    """A parser that raises `Mistake` instead of ending the process."""

    def __init__(self, prog: str, description: str, epilog: str, usage: str | None = None) -> None:
        layout = argparse.RawDescriptionHelpFormatter
        super().__init__(prog, usage, description, epilog, formatter_class=layout, allow_abbrev=False, add_help=False)
        self._positionals.title = "arguments"
        self._optionals.title = "flags"

    def error(self, message: str) -> NoReturn:
        """Refuse what was given."""
        raise Mistake(message.replace(_SHIELD, ""), hint=f"See `{self.prog} --help`.")


class _Version(argparse.Action):
    """Prints the version, which is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print("replicate", version("notes-replica"))
        except PackageNotFoundError:
            print("replicate (not installed)")
        parser.exit()


def main_parser(first: str | None = None) -> Parser:
    """The parser for words without a command; its help lists the commands, or those that begin with the word `first`."""
    width = max(map(len, COMMANDS))
    lines = ["commands:"]
    for group in GROUPS.values():
        names = [name for name in group if first is None or name.startswith(f"{first} ")]
        lines += [f"  {name:{width}}  {group[name].summary}" for name in names] + [""] * bool(names)
    lines += ["`replicate COMMAND --help` tells more and shows an example.", "", VARIABLES]
    parser = Parser(
        "replicate",
        "Document databases that live in many places at once: edited apart, and brought together by replication.",
        "\n".join(lines),
        "replicate [FLAG ...] COMMAND [ARGUMENT ...]",
    )
    _add_global_flags(parser)
    return parser


def command_parser(name: str) -> tuple[Command, Parser]:
    """A command, and its parser as it stands in the help, without the variables of this process."""
    command = cast(Command, importlib.import_module(f"replica.cli.{COMMANDS[name].module}"))
    examples = "\n".join(f"  {line}" for line in command.EXAMPLE.strip().splitlines())
    parser = Parser(f"replicate {name}", command.DESCRIPTION, f"example:\n{examples}\n\n{VARIABLES}")
    command.configure(parser)
    _add_global_flags(parser)
    return command, parser


def _add_global_flags(parser: Parser) -> None:
    flags = parser.add_argument_group("flags of every command")
    flags.add_argument("-q", "--quiet", action="store_true", help="say nothing about what went well; no progress")
    flags.add_argument("-v", "--verbose", action="store_true", help="say more: times, and every failure by name")
    flags.add_argument("--json", action="store_true", help="print one JSON value, errors too")
    flags.add_argument("--no-color", action="store_true", help="no colors; the variable NO_COLOR does the same")
    text = "the file with the connections; else ./replica.toml, that of the user, or /etc/replica/replica.toml"
    flags.add_argument("--config", metavar="FILE", help=text)
    add_flags(flags)
    add_user(flags)
    flags.add_argument("--debug", action="store_true", help="show where in the program an error came from")
    flags.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    flags.add_argument("-h", "--help", action="help", help="print this and exit")


def parse(name: str, words: Sequence[str]) -> tuple[Command, argparse.Namespace]:
    """The command, and what it was given by words and variables."""
    command, parser = command_parser(name)
    _apply_variables(parser, os.environ)
    arguments = parser.parse_intermixed_args(_shielded(words))
    for given, value in vars(arguments).items():
        setattr(arguments, given, [*map(_bared, value)] if isinstance(value, list) else _bared(value))
    arguments.no_color = arguments.no_color or bool(os.environ.get("NO_COLOR"))
    if arguments.config is not None and not getattr(command, "READS_CONFIGURATION", False):
        from replica.cli.configuration import check_configuration

        check_configuration(arguments.config)
    return command, arguments


def _shielded(words: Sequence[str]) -> list[str]:
    """What comes after `--` is no flag, whatever it looks like. argparse forgets that between its two passes.

    Nor is a name in an access list that looks like one.
    """
    at = words.index("--") if "--" in words else len(words)
    named = [_SHIELD + word if word == _DEFAULT_ENTRY else word for word in words[:at]]
    return [*named, *(_SHIELD + word if word.startswith("-") else word for word in words[at + 1 :])]


def _bared(value: Any) -> Any:
    return value.removeprefix(_SHIELD) if isinstance(value, str) else value


def flags_of(parser: Parser) -> list[argparse.Action]:
    """The flags of a parser, in the order of its help."""
    return [action for action in parser._actions if action.option_strings]


def variable(flag: str) -> str:
    """The name of the variable that stands for a long flag."""
    return PREFIX + flag.removeprefix("--").replace("-", "_").upper()


def _apply_variables(parser: Parser, environment: Mapping[str, str]) -> None:
    for action in flags_of(parser):
        name = variable(action.option_strings[-1])
        text = environment.get(name)
        if text and action.dest not in ("help", "version"):
            action.default = _value(parser, action, name, text)
            action.required = False


def _value(parser: Parser, action: argparse.Action, name: str, text: str) -> Any:
    if action.nargs == 0:
        return _switch(name, text)
    if isinstance(action.default, list):  # a flag that may be repeated
        return text.split()
    try:
        value = action.type(text) if callable(action.type) else text
    except (ValueError, argparse.ArgumentTypeError) as error:
        parser.error(f"variable {name}: {error}")
    if action.choices is not None and value not in action.choices:
        parser.error(f"variable {name}: {text!r} is none of {', '.join(map(str, action.choices))}")
    return value


def _switch(name: str, text: str) -> bool:
    if text.lower() in _YES:
        return True
    if text.lower() in _NO:
        return False
    raise Mistake(f"variable {name} is 1 or 0, not {text!r}", hint="Set it to 1, or unset it.")


def is_given(words: Sequence[str], flag: str) -> bool:
    """Whether a switch is on, said without a parser: also words that cannot be parsed deserve their kind of answer."""
    own = words[: words.index("--")] if "--" in words else words
    return flag in own or os.environ.get(variable(flag), "").lower() in _YES
