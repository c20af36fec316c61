"""Write the pages that follow from the code: commands.md, configuration.md, errors.md, openapi.json, settings.md.

    python docs/generate.py

A test compares them with what this makes. They are written here and not by argparse, whose layout differs between
versions of Python.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from replica.canonical import Json
from replica.cli.commands import GROUPS
from replica.cli.exits import MEANINGS, exit_for
from replica.cli.parsing import VARIABLES, Command, command_parser, flags_of, main_parser
from replica.errors import NotSupported, ReplicaError
from replica.store.settings import SETTINGS, Setting

DOCS = Path(__file__).parent
NOTE = "<!-- Made by docs/generate.py from the code; change the code, then run it. -->\n\n"

Line = Iterator[str]


def commands_page() -> str:
    """Every command with its arguments, flags and an example; what all have in common comes first."""
    return NOTE + "\n".join(_commands()) + "\n"


def _commands() -> Line:
    everywhere = {action.dest for action in flags_of(main_parser())}
    yield from ("# Commands", "", "`replicate COMMAND --help` shows the same for one command.", "")
    for title, group in GROUPS.items():
        names = ", ".join(f"[{name}](#{name.replace(' ', '-')})" for name in group)
        yield f"* {title}: {names}"
    yield ""
    yield from _common()
    for group in GROUPS.values():
        for name in group:
            yield from _command(name, everywhere)


def _common() -> Line:
    yield from ("## Every command", "")
    yield "Data goes to standard output, everything else to standard error. With `--json`, standard output holds exactly one JSON"
    yield "value (an array where the command lists things; `changes` and `export` are always JSON lines), and an error is one"
    yield from ("line of JSON on standard error: see [errors](errors.md). Progress is shown on a terminal only.", "")
    yield from _arguments(flags_of(main_parser()))
    yield ""
    yield from (VARIABLES.replace("\n", " "), "", "### Exit codes", "", "| code | meaning |", "|---|---|")
    for code, meaning in MEANINGS.items():
        yield f"| {int(code)} | {meaning} |"
    yield ""


def _command(name: str, everywhere: set[str]) -> Line:
    command, parser = command_parser(name)
    own = [action for action in parser._actions if action.dest not in everywhere]
    positionals = [action for action in own if not action.option_strings]
    flags = [action for action in own if action.option_strings]
    yield from (f"## {name}", "", _prose(command), "", "```text")
    words = ["replicate", name, *map(_usage, positionals), *map(_usage, flags)]
    yield from (" ".join(words), "```", "")
    if own:
        yield from _arguments([*positionals, *flags])
        yield ""
    yield from ("Example:" if command.EXAMPLE.strip().count("\n") == 0 else "Examples:", "", "```text")
    yield from (*command.EXAMPLE.strip().splitlines(), "```", "")


def _prose(command: Command) -> str:
    return inspect.cleandoc(command.DESCRIPTION)


def _arguments(actions: list[argparse.Action]) -> Line:
    yield from ("| argument | meaning |", "|---|---|")
    for action in actions:
        names = ", ".join(f"`{option}{_operand(action)}`" for option in action.option_strings)
        more = "" if action.default in (None, False, "", argparse.SUPPRESS, []) else f" (default: `{action.default}`)"
        yield f"| {names or f'`{_name(action)}`'} | {_cell(action.help or '')}{more} |"


def _usage(action: argparse.Action) -> str:
    if action.option_strings:
        text = action.option_strings[-1] + _operand(action)
        return text if action.required else f"[{text}]"
    shapes = {"?": "[{}]", "*": "[{} ...]", "+": "{} [{} ...]"}
    return shapes.get(str(action.nargs), "{}").replace("{}", _name(action))


def _operand(action: argparse.Action) -> str:
    return "" if action.nargs == 0 else f" {_name(action)}"


def _name(action: argparse.Action) -> str:
    if action.metavar is not None:
        return str(action.metavar)
    return "|".join(map(str, action.choices)) if action.choices else action.dest.upper()


def _cell(text: str) -> str:
    return text.replace("%%", "%").replace("|", "\\|")


def errors_page() -> str:
    """Every error: class, code, exit code, whether to retry, what it means, what to do."""
    return NOTE + "\n".join(_errors()) + "\n"


def _errors() -> Line:
    from replica import errors

    yield from ("# Errors", "")
    yield "The errors are in `replica.errors`. They branch by what can be done next:"
    yield ""
    tree = re.search(r"::\n\n(.*?)\n\n(?! )", inspect.getdoc(errors) or "", re.DOTALL)
    assert tree is not None
    yield from ("```text", inspect.cleandoc(tree[1]), "```", "")
    yield "A conflict is not an error. Calling the library wrongly from Python (a number where a path belongs) is a"
    yield "`TypeError`, as everywhere."
    yield ""
    yield "`code`, `hint` and `may_retry` are attributes of the error; with `--json` the command prints"
    yield '`{"error": {"code", "message", "hint", "retryable"}}`. The hint may be more precise than the one here.'
    yield ""
    for error in _family(ReplicaError):
        yield from (f"## {error.__name__}", "")
        retry = "may be tried again later" if error.may_retry else "trying again does not help"
        yield f"`{error.code}` · exit code {int(exit_for(error('')))} · {retry}"
        yield from ("", inspect.getdoc(error) or "", "", f"*{error.hint}*", "")


def _family(error: type[ReplicaError]) -> Iterator[type[ReplicaError]]:
    yield error
    for child in error.__subclasses__():
        if child.__module__ == ReplicaError.__module__:
            yield from _family(child)


def settings_page() -> str:
    """Every setting: what it takes, its default, what it is for."""
    return NOTE + "\n".join(_settings()) + "\n"


def _settings() -> Line:
    yield from ("# Settings", "")
    yield "Each replica keeps its settings in its file. `replicate settings DB` shows them, `replicate settings DB KEY=VALUE`"
    yield 'changes one; in Python, `hub.settings["keep-revisions"] = 3`. A copy begins with the settings of its source'
    yield "(but not `paused`); after that they are about one replica and do not travel, unless it says so. An unknown"
    yield "name is refused."
    yield ""
    yield from ("| setting | takes | default | meaning |", "|---|---|---|---|")
    for name, setting in SETTINGS.items():
        default = json.dumps(setting.default, ensure_ascii=False)
        yield f"| `{name}` | {_cell(_takes(setting))} | `{default}` | {_cell(setting.meaning)} |"


def _takes(setting: Setting) -> str:
    """What a setting says when it is given something that nothing can be."""
    nothing: Json = object()
    try:
        return setting.problem(nothing) or "anything"
    except NotSupported:
        return "null"


def configuration_page() -> str:
    """Every key of a configuration: its default, what it is for."""
    return NOTE + "\n".join(_configuration()) + "\n"


def _configuration() -> Line:
    from replica.service.connection import Connection
    from replica.service.general import ABOUT

    yield from ("# Configuration", "")
    yield "What `replica.toml` may say. [Connections](connections.md) tells what it is for, with examples. An unknown key is an"
    yield from ("error, and so are keys that do not go together.", "")
    yield from ("| key | meaning |", "|---|---|")
    yield from (f"| `{key}` | {_cell(about)} |" for key, about in ABOUT.items())
    yield from ("| `[[connection]]` | A connection, with the keys below |", "")
    yield from ("## A connection", "", "| key | default | meaning |", "|---|---|---|")
    for field in Connection.model_fields.values():
        default = "needed" if field.is_required() else "" if field.default in (None, ()) else _default(field.default)
        yield f"| `{field.alias}` | {default} | {_cell(field.description or '')} |"


def _default(value: object) -> str:
    return "" if not isinstance(value, str | int | float) else "`0s`" if value == 0.0 else f"`{json.dumps(value)}`"


def description() -> str:
    """The HTTP API for tools, as OpenAPI."""
    from replica.server.app import ENDPOINTS
    from replica.server.description import openapi

    return json.dumps(openapi(ENDPOINTS), indent=1, ensure_ascii=False) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands_page,
    "configuration.md": configuration_page,
    "errors.md": errors_page,
    "openapi.json": description,
    "settings.md": settings_page,
}

if __name__ == "__main__":
    for page, made in PAGES.items():
        (DOCS / page).write_text(made(), encoding="utf-8")
