"""A machine that claims to run every test installs every program the tests ask for."""

from __future__ import annotations

import ast
import re

from tests.house.source import ROOT


def asked_for() -> dict[str, str]:
    """Each program named in a call of `need`, with a file that names it."""
    programs = {}
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "need":
                argument = node.args[0]
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    programs[argument.value] = path.relative_to(ROOT).as_posix()
    return programs


def test_every_program_the_tests_need_is_installed_by_ci_run() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    installed = set(re.findall(r"command -v ([\w.+-]+)", script))
    assert {} == {program: file for program, file in asked_for().items() if program not in installed}
