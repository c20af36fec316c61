"""What the documents show is what happens: their commands and their Python are run, and compared.

In a ```console block, lines that begin with `$ ` are commands (`> ` goes on with one), and what follows is what they
print on stdout and stderr; the blocks of a page are one shell session. The ```python blocks of a page are one session
too. In what is expected, `…` stands for anything within a line, and alone on its line for any number of lines.
"""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import replica
from tests.house.pages import Block, blocks, name_of, pages
from tests.house.source import ROOT

TIMEOUT_S = 120
MARK = "@@ command"  # printed between commands, to tell their outputs apart
COMMAND = "import sys; from replica.cli import main; sys.exit(main())"

SESSIONS = [page for page in pages() if any(blocks(page, "console"))]
PROGRAMS = [page for page in pages() if any(blocks(page, "python"))]


class Command(NamedTuple):
    """One command of a page, and what it is said to print."""

    text: str
    expected: str
    line: int


def is_like(expected: str, actual: str) -> bool:
    """Whether `actual` is `expected`, in which `…` stands for anything."""
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "…" else "[^\n]*".join(map(re.escape, line.rstrip().split("…"))) + r"[ \t]*\n"
        for line in expected.rstrip("\n").splitlines()
    )
    return re.fullmatch(pattern, actual.rstrip("\n") + "\n" if actual.strip() else "") is not None


def commands(page: Path) -> Iterator[Command]:
    """The commands in the console blocks of a page, in order."""
    for block in blocks(page, "console"):
        yield from _commands(block)


def _commands(block: Block) -> Iterator[Command]:
    text: list[str] = []
    expected: list[str] = []
    begun = block.line
    for number, line in enumerate([*block.text.splitlines(), "$ "], block.line):
        if line.startswith("$ "):
            if text:
                yield Command("\n".join(text), "\n".join(expected), begun)
            text, expected, begun = [line[2:]], [], number
        elif line.startswith("> ") and text and not expected:
            text.append(line[2:])
        else:
            expected.append(line)


def script(session: list[Command]) -> str:
    """A shell script that runs the commands; `$?` is that of the command before."""
    lines = ["exec 2>&1 </dev/null", f'mark() {{ local status=$?; echo "{MARK} $1"; return $status; }}']
    for number, command in enumerate(session):
        lines += [f"mark {number}", command.text]
    return "\n".join([*lines, ""])


def environment(folder: Path) -> dict[str, str]:
    """The variables for a page: the command and Python of this run first in the path, a terminal of 80 columns."""
    programs = folder.parent / f"{folder.name} programs"
    programs.mkdir()
    for name, arguments in (("replicate", f"-c '{COMMAND}' "), ("python", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n')
        (programs / name).chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REPLICA_")}
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return kept | {"PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "80", "LC_ALL": "C.UTF-8", "HOME": str(folder)}


@pytest.mark.system
@pytest.mark.parametrize("page", SESSIONS, ids=name_of)
def test_the_commands_on_a_page_print_what_it_says(page: Path, tmp_path: Path) -> None:
    session = list(commands(page))
    ran = typed(session, tmp_path / "session")
    printed = re.split(rf"^{MARK} \d+\n", ran.stdout, flags=re.MULTILINE)[1:]
    assert len(session) == len(printed), ran.stdout
    problems = [
        f"{name_of(page)}:{command.line}\n$ {command.text}\n--- expected\n{command.expected}\n--- printed\n{actual}"
        for command, actual in zip(session, printed, strict=True)
        if not is_like(command.expected, actual)
    ]
    assert not problems, "\n".join(problems)


def typed(session: list[Command], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the commands one after the other in a new folder."""
    folder.mkdir()
    (folder / "examples").symlink_to(ROOT / "examples")
    return subprocess.run(
        ["bash", "-c", script(session)],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


class Checker(doctest.OutputChecker):
    """Compares as the console blocks do."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return want == got or is_like(want, got)


@pytest.mark.parametrize("page", PROGRAMS, ids=name_of)
def test_the_python_on_a_page_does_what_it_says(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in the folder in which the commands of the page were typed."""
    typed(list(commands(page)), tmp_path / "session")
    monkeypatch.chdir(tmp_path / "session")
    names: dict[str, Any] = {"__name__": "__main__"}
    problems: list[str] = []
    for block in blocks(page, "python"):
        if ">>>" in block.text:
            run_dialogue(block, page, names, problems)
        else:
            code = "\n" * (block.line - 1) + block.text
            exec(compile(code, str(page), "exec"), names)
    for value in names.values():
        if isinstance(value, replica.Replica):
            value.close()
    assert not problems, "".join(problems)


def run_dialogue(block: Block, page: Path, names: dict[str, Any], problems: list[str]) -> None:
    """Run a block of `>>>` lines in the namespace of its page."""
    test = doctest.DocTestParser().get_doctest(block.text, names, name_of(page), str(page), block.line - 1)
    test.globs = names  # the parser made a copy
    doctest.DocTestRunner(Checker(), verbose=False).run(test, out=problems.append, clear_globs=False)


def test_blocks_that_show_the_command_are_run() -> None:
    """A shell block that is not run could say anything: `replicate` may only be shown in blocks that are.

    The examples in commands.md are those of each command's help.
    """
    unchecked = [
        f"{name_of(page)}:{block.line}"
        for page in pages()
        if page.name != "commands.md"
        for block in blocks(page, "", "sh", "bash", "shell", "text")
        if re.search(r"^\s*(\$ )?replicate [a-z]", block.text, re.MULTILINE)
    ]
    assert [] == unchecked


@pytest.mark.parametrize(
    ("expected", "actual", "verdict"),
    [
        ("", "", True),
        ("", "a\n", False),
        ("a", "", False),
        ("a\nb", "a\nb\n", True),
        ("a…c", "abbc\n", True),
        ("a…c", "a\nc\n", False),
        ("a\n…\nc", "a\nc\n", True),
        ("a\n…\nc", "a\n1\n2\nc\n", True),
        ("…", "a\nb\n", True),
        ("a.c", "abc\n", False),
    ],
)
def test_what_is_expected_may_leave_things_open(expected: str, actual: str, verdict: bool) -> None:
    assert verdict == is_like(expected, actual)
