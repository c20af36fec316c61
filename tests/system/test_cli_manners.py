"""The command: help, flags and variables, signals, the terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import resource
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import replica
from replica.cli.commands import COMMANDS, FAMILIES, FIRST_WORDS
from replica.cli.finding import find_command
from replica.cli.parsing import command_parser, flags_of, parse, variable
from tests.house.source import ROOT
from tests.system.command import PROGRAM, done, run, spawn

QUIET = {**os.environ, "PYTHONPATH": str(ROOT)}

# -- help


def test_help_lists_every_command() -> None:
    text = done("--help").out
    width = max(map(len, COMMANDS))
    assert [] == [name for name, listed in COMMANDS.items() if f"  {name:<{width}}  {listed.summary}\n" not in text]


@pytest.mark.parametrize("first", FAMILIES)
def test_the_first_word_of_two_alone_lists_the_second_ones(first: str) -> None:
    outcome = run(first)
    assert (2, "") == outcome[:2]
    for text in (outcome.err, done(first, "--help").out):
        listed = re.findall(r"^  ([a-z]+ ?[a-z]*)  +[a-z]", text.partition("commands:\n")[2], re.MULTILINE)
        assert [f"{first} {second}" for second in FAMILIES[first]] == [name.strip() for name in listed]


@pytest.mark.parametrize("words", [["user"], ["--json", "user"], ["--config", "x.toml", "user", "--json"]])
def test_flags_may_stand_around_both_words_of_a_command(words: list[str]) -> None:
    rest = [word for word in words if word != "user"]
    assert ("user add", [*rest, "anna", "--data", "d"]) == find_command([*words, "add", "anna", "--data", "d"])
    assert ("user", rest) == find_command(words)


def test_a_second_word_that_is_none_is_a_mistake() -> None:
    assert 2 == run("user", "ad", "anna").code
    assert "`replicate user add`" in run("user", "ad", "anna").err


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_describes_it_and_shows_an_example_that_parses(name: str) -> None:
    text = done(*name.split(), "--help").out
    description, _, examples = text.partition("\nexample:\n")
    assert len(description.splitlines()) > 3
    shown = re.findall(r"replicate [^|>)\n]*", examples.split("\n\n")[0])
    assert shown
    for line in shown:
        found, rest = find_command(shlex.split(line)[1:])
        assert found is not None
        parse(found, rest)


def test_the_version_is_told() -> None:
    assert re.fullmatch(r"replicate (\d+(\.\w+)+|\(not installed\))\n", done("--version").out)
    assert done("--version").out == done("info", "--version").out


def test_help_loads_nothing_heavy_and_no_command() -> None:
    heavy = (
        "{'sqlalchemy', 'rich', 'sqlite3', 'json', 'alembic', 'msgspec', 'starlette', 'httpx2', 'pydantic', 'cronsim'}"
    )
    look = (
        "import sys\nfrom replica.cli import main\nmain(['--help'])\n"
        f"print(sorted({heavy} & sys.modules.keys()), file=sys.stderr)\n"
        "print([name for name in sys.modules if name.startswith('replica.cli.')], file=sys.stderr)"
    )
    answer = subprocess.run([sys.executable, "-c", look], env=QUIET, capture_output=True, text=True, check=True)
    loaded, modules = answer.stderr.splitlines()
    assert "[]" == loaded
    assert not {f"replica.cli.{listed.module}" for listed in COMMANDS.values()} & set(eval(modules))


def test_a_command_between_files_loads_nothing_of_the_network(tmp_path: Path) -> None:
    one, two = tmp_path / "one.db", tmp_path / "two.db"
    done("create", one)
    done("put", one, "x", '{"a":1}')
    done("copy", one, two)
    heavy = (
        "{'msgspec', 'httpx2', 'anyio', 'starlette', 'uvicorn', 'backports.zstd', 'compression.zstd', 'alembic', 'rich', "
        "'pydantic', 'cronsim'}"
    )
    look = (
        "import sys\nfrom replica.cli import main\nmain(sys.argv[1:])\n"
        f"print(sorted({heavy} & sys.modules.keys()), file=sys.stderr)"
    )
    for words in (["get", one, "x"], ["find", one, '{"a":1}'], ["sync", "--json", one, two], ["verify", one, two]):
        command = [sys.executable, "-c", look, *map(str, words)]
        answer = subprocess.run(command, env=QUIET, capture_output=True, text=True, check=True)
        assert ("[]", words) == (answer.stderr.splitlines()[-1], words)


def test_help_is_there_at_once() -> None:
    """Under five times what Python needs to do nothing: in processor time, the best of some tries, as other programs run too."""

    def seconds(command: list[str]) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, env=QUIET, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    pairs = [(seconds([*PROGRAM, "--help"]), seconds([sys.executable, "-c", "pass"])) for _ in range(9)]
    helps, nothing = zip(*pairs, strict=True)
    assert min(helps) < 5 * min(nothing), pairs


# -- flags and variables


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    done("create", tmp_path / "hub.db", "--title", "Orders")
    return tmp_path / "hub.db"


def test_every_flag_has_a_variable_of_its_own() -> None:
    for name in COMMANDS:
        parser = command_parser(name)[1]
        names = [variable(flag.option_strings[-1]) for flag in flags_of(parser)]
        assert len(names) == len(set(names))
        assert [] == [each for each in names if not re.fullmatch(r"REPLICA_[A-Z_]+", each)]


def test_variables_stand_for_flags(hub: Path, tmp_path: Path) -> None:
    assert run("info", hub, REPLICA_JSON="1").value == done("info", hub, "--json").value
    done("copy", hub, tmp_path / "copy.db")
    done("put", hub, "{}")
    switched = {"REPLICA_DRY_RUN": "yes", "REPLICA_JSON": "true", "REPLICA_MAX_DURATION": "1h"}
    assert done("sync", hub, tmp_path / "copy.db", **switched).value["dry_run"]
    assert not done("sync", hub, tmp_path / "copy.db", "--json", REPLICA_DRY_RUN="0", REPLICA_MAX_DURATION="").value[
        "dry_run"
    ]


def test_the_command_line_wins_over_a_variable(hub: Path) -> None:
    for unid in "abc":
        done("put", hub, unid, "{}")
    assert 1 == len(done("find", hub, "{}", REPLICA_LIMIT="1").lines)
    assert 2 == len(done("find", hub, "{}", "--limit", "2", REPLICA_LIMIT="1").lines)


@pytest.mark.parametrize("name", ["REPLICA_LIMIT", "REPLICA_CONFLICTS"])
def test_a_variable_that_means_nothing_is_a_mistake(hub: Path, name: str) -> None:
    outcome = run("find", hub, "{}", **{name: "maybe"})
    assert 2 == outcome.code
    assert name in outcome.err


def test_errors_are_json_where_the_variable_says_so(tmp_path: Path) -> None:
    assert "bad_arguments" == run("info", REPLICA_JSON="1").error["code"]
    assert "not_found" == run("info", tmp_path / "none", REPLICA_JSON="on").error["code"]


@pytest.mark.parametrize("content", [None, "not toml", "title = 'x'", "[section]"])
def test_a_configuration_file_must_be_there_and_hold_known_keys(hub: Path, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "replica.toml"
    if content is not None:
        path.write_text(content)
    for words in (["--config", path, "info", hub], ["info", hub, f"--config={path}"]):
        assert (2, "") == run(*words)[:2]
    assert 2 == run("info", hub, REPLICA_CONFIG=str(path)).code


def test_an_empty_configuration_file_is_fine(hub: Path, tmp_path: Path) -> None:
    (tmp_path / "replica.toml").write_text("# nothing yet\n")
    assert "Orders" in done("--config", tmp_path / "replica.toml", "info", hub).out


def test_quiet_says_nothing_of_what_went_well(hub: Path, tmp_path: Path) -> None:
    for words in (
        ["put", hub, "{}"],
        ["copy", hub, tmp_path / "copy.db"],
        ["sync", hub, tmp_path / "copy.db"],
        ["verify", hub],
    ):
        assert (0, "", "") == run(*words, "-q")
    assert "Orders" in done("info", hub, "-q").out


def test_verbose_tells_the_time(hub: Path) -> None:
    assert re.fullmatch(r"\d+\.\d\d s\n", done("info", hub, "-v").err)
    assert "" == done("info", hub, "-v", "--json").err


@pytest.mark.parametrize("name", ["-dash.db", "--", "--json"])
def test_after_two_dashes_nothing_is_a_flag(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done("create", "-q", "--", name)
    done("--", "put", name, name, '{"a": 1}')
    assert {"_id": name, "a": 1}.items() <= done("get", "--", name, name).value.items()
    assert {"_id": name, "a": 1}.items() <= done("get", f"./{name}", "--", name).value.items()
    assert f"unrecognized arguments: {name}" in run("info", "--", name, name).err
    assert 'title    "x"' in done("settings", "--", name, "title=x").out


# -- signals

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_following_changes_ends_on_a_signal(hub: Path, number: int, code: int) -> None:
    done("put", hub, "a", "{}")
    with spawn("changes", hub, "--follow") as process:
        assert process.stdout is not None
        assert "a" == json.loads(process.stdout.readline())["unid"]
        done("put", hub, "b", "{}")
        assert "b" == json.loads(process.stdout.readline())["unid"]
        process.send_signal(number)
        _, told = process.communicate()
    assert code == process.returncode
    assert told.startswith(b"replicate: error: interrupted\nhint: ")


def test_an_interrupted_import_keeps_the_batches_that_were_finished(hub: Path) -> None:
    with spawn("import", hub, "-", "--json") as process, replica.open(str(hub)) as here:
        assert process.stdin is not None
        process.stdin.write(b"".join(b'{"n":%d}\n' % number for number in range(2500)))
        process.stdin.flush()
        arrived = here.changes(live=True)
        for _ in range(2000):
            next(arrived)
        process.send_signal(signal.SIGTERM)
        out, told = process.communicate()
        assert (143, b"", "interrupted") == (process.returncode, out, json.loads(told)["error"]["code"])
        assert 2000 == len(here)
        assert here.verify()["ok"]
    assert 0 == run("put", hub, "{}").code


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_heard_inside_a_function_that_sqlite_calls(number: int, code: int) -> None:
    """There Python's exceptions become errors of SQLite, wherever in the function they are raised."""
    program = f"""if True:
        import sqlite3, sys
        from replica.cli.complaints import complain
        from replica.cli.interruption import Interrupted, interruptible
        try:
            with interruptible():
                connection = sqlite3.connect(":memory:")
                connection.create_function("f", 0, lambda: print(flush=True) or 1)
                connection.execute("{ENDLESS} WHERE f()").fetchone()
        except BaseException as error:
            sys.exit(complain(error, as_json=False, debug=False))
    """
    with subprocess.Popen(
        [sys.executable, "-c", program], env=QUIET, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        _, told = process.communicate()
    assert (code, True) == (process.returncode, told.startswith(b"replicate: error: interrupted\nhint: "))


def test_a_second_signal_ends_it_at_once() -> None:
    """Also where nothing listens to the first: deep inside SQLite, or in code that swallows it."""
    program = (
        "import sqlite3\nfrom replica.cli.interruption import Interrupted, interruptible\n"
        "with interruptible():\n  while True:\n    try:\n      print(flush=True)\n"
        f"      sqlite3.connect(':memory:').execute({ENDLESS!r}).fetchone()\n    except Interrupted:\n      pass"
    )
    with subprocess.Popen([sys.executable, "-c", program], env=QUIET, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        process.wait()
    assert process.returncode in (130, 143)


# -- the terminal


def on_a_terminal(*words: object, patience: float = 0.0, output: int | None = None, **variables: str) -> str:
    """What a command shows when its streams (or all but its output) are a terminal of 100 columns."""
    mine, its = pty.openpty()
    program = f"import sys, replica.cli.progress as p\np.PATIENCE_S = {patience}\nfrom replica.cli import main\nsys.exit(main())"
    environment = {**QUIET, "TERM": "xterm", "COLUMNS": "100", **variables}
    command = [sys.executable, "-c", program, *map(str, words)]
    with subprocess.Popen(command, env=environment, stdin=its, stdout=output or its, stderr=its) as process:
        os.close(its)
        shown = drained(mine)
    assert 0 == process.returncode, shown
    return shown


def drained(terminal: int) -> str:
    """What is shown from now on, until nobody has the other end open."""
    shown = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(terminal)
    return shown.decode()


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    (tmp_path / "in.ndjson").write_text("".join(f'{{"_id":"{number}"}}\n' for number in range(3000)))
    return tmp_path / "in.ndjson"


COLOR = re.compile(r"\x1b\[[\d;]*3\d")


def test_progress_is_shown_on_a_terminal(hub: Path, tmp_path: Path, lines: Path) -> None:
    done("copy", hub, tmp_path / "copy.db")
    shown = on_a_terminal("import", hub, lines)
    assert "import" in shown
    assert re.search(r"[123],000 documents, [\d,]+/s", shown)
    assert "read 3,000: 3,000 added" in shown
    assert COLOR.search(shown)
    shown = on_a_terminal("sync", hub, tmp_path / "copy.db", "--no-color")
    assert re.search(r"pull 0 done; push 3,000 done; [\d,]+/s", shown)
    assert not COLOR.search(shown)


def test_while_it_waits_for_changes_what_was_done_both_ways_stands_there(hub: Path, tmp_path: Path) -> None:
    done("copy", hub, tmp_path / "copy.db")
    for name, unids in (("hub.db", "abc"), ("copy.db", "xy")):
        for unid in unids:
            done("put", tmp_path / name, unid, "{}")
    mine, its = pty.openpty()
    command = [*PROGRAM, "sync", str(tmp_path / "copy.db"), str(hub), "--continuous", "--no-color"]
    with subprocess.Popen(command, env={**QUIET, "TERM": "xterm"}, stdin=its, stdout=its, stderr=its) as process:
        os.close(its)
        shown = ""
        while "push 5 done" not in shown:
            shown += os.read(mine, 65536).decode()
        process.send_signal(signal.SIGINT)
        shown += drained(mine)
    assert 130 == process.returncode
    assert "waiting for changes; pull 3 done; push 5 done" in shown


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("verify hub.db", r"verify .* (100|\d?\d)%"),
        ("verify hub.db other.db", r"compare .* (100|\d?\d)%"),
        ("copy hub.db new.db", r"copy .* (100|\d?\d)%"),
        ("backup hub.db new.db", r"backup .* (100|\d?\d)%"),
        ("compact hub.db", r"compact .* \d+ s"),
        ("export hub.db new.ndjson", r"export .* 3,000 documents"),
    ],
)
def test_progress_is_shown_of_other_long_work(hub: Path, lines: Path, words: str, shown: str) -> None:
    done("import", hub, lines)
    done("copy", hub, hub.parent / "other.db")
    command, *names = words.split()
    given = [command, *(hub.parent / name for name in names)]
    assert re.search(shown, on_a_terminal(*given, "--no-color"))
    (hub.parent / "new.db").unlink(missing_ok=True)
    (hub.parent / "new.ndjson").unlink(missing_ok=True)
    assert "%" not in on_a_terminal(*given, patience=60)


def test_progress_of_an_export_is_shown_beside_its_documents_only_if_they_go_elsewhere(
    hub: Path, tmp_path: Path, lines: Path
) -> None:
    done("import", hub, lines)
    with open(tmp_path / "out.ndjson", "wb") as output:
        assert "3,000 documents, " in on_a_terminal("export", hub, output=output.fileno())
    assert "documents, " not in on_a_terminal("export", hub)


def test_no_progress_is_shown_elsewhere_or_for_short_work(hub: Path, lines: Path) -> None:
    assert "" == done("import", hub, lines).err
    assert "documents, " not in on_a_terminal("import", hub, lines, patience=60)
    assert "documents, " not in on_a_terminal("import", hub, lines, "-q")


def test_tables_are_drawn_on_a_terminal_and_plain_elsewhere(hub: Path) -> None:
    drawn = on_a_terminal("settings", hub, NO_COLOR="1")
    assert "─" in drawn
    assert not COLOR.search(drawn)
    for plain in (done("settings", hub).out, on_a_terminal("settings", hub, TERM="dumb").replace("\r", "")):
        assert plain.isascii()
        assert "\x1b" not in plain


# -- completion


def completions(typed: str) -> list[str]:
    """What bash offers for the last word of a command line."""
    script = done("completion", "bash").out
    words = typed.split(" ")
    ask = f"COMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1}; _replicate; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    answer = subprocess.run(["bash", "-c", f"{script}\n{ask}"], capture_output=True, text=True, check=True)
    return answer.stdout.split()


def test_bash_completes_commands_and_flags() -> None:
    assert ["compact", "completion"] == completions("replicate comp")
    assert ["--fail-on-conflict", "--force"] == sorted(completions("replicate --json sync a --f"))
    assert ["zsh"] == completions("replicate completion z")
    assert [] == completions("replicate info hu")
    assert FIRST_WORDS == completions("replicate --config x.toml ")[: len(FIRST_WORDS)]
    assert ["add", "list", "passwd", "remove"] == completions("replicate user ")
    assert ["remove"] == completions("replicate --json user r")
    assert ["--read-only"] == completions("replicate token create anna --re")
    assert [] == completions("replicate user add an")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_told_every_command_and_flag(shell: str) -> None:
    script = done("completion", shell).out
    assert [] == [name for name in COMMANDS if not all(word in script for word in name.split())]
    assert "fail-on-conflict" in script
