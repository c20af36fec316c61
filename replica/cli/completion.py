"""The command `replicate completion`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

from replica.cli.commands import COMMANDS, FAMILIES, FIRST_WORDS
from replica.cli.exits import Exit
from replica.cli.parsing import Parser, command_parser, flags_of, main_parser
from replica.cli.terminal import Terminal

DESCRIPTION = "Print a script with which a shell completes the commands and their flags."
EXAMPLE = """\
source <(replicate completion bash)
replicate completion zsh > ~/.zfunc/_replicate
replicate completion fish > ~/.config/fish/completions/replicate.fish
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags."""
    parser.add_argument("shell", metavar="SHELL", choices=tuple(SHELLS), help="bash, zsh or fish")


def run(arguments: argparse.Namespace, out: Terminal) -> int:
    """Do it; the exit code."""
    script = list(SHELLS[arguments.shell]())
    out.answer("\n".join(script) + "\n", script)
    return Exit.DONE


def _parsers() -> Iterator[tuple[str, Parser]]:
    return ((name, command_parser(name)[1]) for name in COMMANDS)


def _first_words() -> Iterator[tuple[str, str]]:
    """The first words of commands, and what each is for."""
    for first in FIRST_WORDS:
        yield first, COMMANDS[first].summary if first in COMMANDS else ", ".join(FAMILIES[first])


def _words(parser: Parser) -> str:
    """What a word can be: flags, and the choices of an argument that has some."""
    flags = [word for flag in flags_of(parser) for word in flag.option_strings]
    choices = [
        str(choice) for action in parser._actions if not action.option_strings for choice in action.choices or ()
    ]
    return " ".join(choices + flags)


def _bash() -> Iterator[str]:
    yield "# bash completion for replicate"
    yield "_replicate() {"
    yield '    local word=${COMP_WORDS[COMP_CWORD]} command="" words="" at'
    yield "    for ((at = 1; at < COMP_CWORD; at++)); do"
    yield '        case "${COMP_WORDS[at]}" in'
    yield "            --config) ((at++)) ;;"
    yield "            -*) ;;"
    yield '            *) command="${command:+$command }${COMP_WORDS[at]}"'
    yield f'                case "$command" in {"|".join(FAMILIES)}) ;; *) break ;; esac ;;'
    yield "        esac"
    yield "    done"
    yield '    case "$command" in'
    yield f'        "") words="{" ".join(FIRST_WORDS)} {_words(main_parser())}" ;;'
    for first, seconds in FAMILIES.items():
        yield f'        {first}) words="{" ".join(seconds)}" ;;'
    for name, parser in _parsers():
        yield f'        "{name}") words="{_words(parser)}" ;;'
    yield "    esac"
    yield f'    [[ $word == -* ]] || case "$command" in ""|completion|{"|".join(FAMILIES)}) ;; *) words="" ;; esac'
    yield '    COMPREPLY=($(compgen -W "$words" -- "$word"))'
    yield "}"
    yield "complete -o bashdefault -o default -F _replicate replicate"


def _zsh() -> Iterator[str]:
    yield "#compdef replicate"
    yield "_replicate() {"
    yield "    local state"
    yield "    local -a commands"
    yield "    commands=("
    for name, summary in _first_words():
        yield f"        {_quoted(f'{name}:{summary}')}"
    yield "    )"
    yield f"    _arguments -C {_zsh_flags(main_parser())} '1: :->command' '*:: :->rest'"
    yield "    case $state in"
    yield "        command) _describe command commands ;;"
    yield "        rest)"
    yield "            case $words[1] in"
    for name, parser in _parsers():
        rest = "'1:shell:(bash zsh fish)'" if name == "completion" else "'*:file:_files'"
        if " " not in name:
            yield f"                {name}) _arguments {_zsh_flags(parser)} {rest} ;;"
    for first, seconds in FAMILIES.items():
        yield f"                {first})"
        yield "                    case $words[2] in"
        for second in seconds:
            flags = _zsh_flags(command_parser(f"{first} {second}")[1])
            rest = f"'1:command:({second})' '*:file:_files' ;;"
            yield f"                        {second}) _arguments {flags} {rest}"
        yield f"                        *) _arguments '1:command:({' '.join(seconds)})' ;;"
        yield "                    esac ;;"
    yield "            esac ;;"
    yield "    esac"
    yield "}"
    yield 'if [[ $funcstack[1] == _replicate ]]; then _replicate "$@"; else compdef _replicate replicate; fi'


def _zsh_flags(parser: Parser) -> str:
    specs = []
    for flag in flags_of(parser):
        said = "".join(f"\\{c}" if c in "[]:\\" else c for c in str(flag.help))
        value = "" if flag.nargs == 0 else f":{flag.metavar}:{'_files' if flag.metavar == 'FILE' else ' '}"
        specs += [_quoted(f"{word}[{said}]{value}") for word in flag.option_strings]
    return " ".join(specs)


def _fish() -> Iterator[str]:
    yield "# fish completion for replicate"
    seen = f"__fish_seen_subcommand_from {' '.join(FIRST_WORDS)}"
    for name, summary in _first_words():
        yield f"complete -c replicate -n 'not {seen}' -f -a {name} -d {_quoted(summary)}"
    for first, seconds in FAMILIES.items():
        condition = f"__fish_seen_subcommand_from {first}; and not __fish_seen_subcommand_from {' '.join(seconds)}"
        for second in seconds:
            summary = COMMANDS[f"{first} {second}"].summary
            yield f"complete -c replicate -n '{condition}' -f -a {second} -d {_quoted(summary)}"
    yield from _fish_flags(main_parser(), f"not {seen}")
    for name, parser in _parsers():
        yield from _fish_flags(parser, "; and ".join(f"__fish_seen_subcommand_from {word}" for word in name.split()))
    yield "complete -c replicate -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'"


def _fish_flags(parser: Parser, condition: str) -> Iterator[str]:
    for flag in flags_of(parser):
        spelled = " ".join(f"-{'l' if word[:2] == '--' else 's'} {word.lstrip('-')}" for word in flag.option_strings)
        value = "" if flag.nargs == 0 else " -r" if flag.metavar == "FILE" else " -x"
        yield f"complete -c replicate -n '{condition}' {spelled}{value} -d {_quoted(str(flag.help))}"


def _quoted(text: str) -> str:
    """For all three shells: between single quotes, which fish escapes within and the others leave and enter again."""
    return "'" + text.replace("'", "'\"'\"'") + "'"


SHELLS: dict[str, Callable[[], Iterator[str]]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
