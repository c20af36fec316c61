"""What runs when, and what lets cron and systemd run it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.connections import Site
from tests.needs import need
from tests.system.command import Outcome

pytestmark = pytest.mark.system


def test_what_runs_next_comes_first(site: Site) -> None:
    site.write(
        {"name": "by-name"},
        {"name": "yearly", "schedule": "0 0 1 1 *", "timezone": "Europe/Berlin"},
        {"name": "often", "every": "90s", "priority": "high"},
        {"name": "off", "every": "90s", "enabled": False},
    )
    site.done("run", "yearly", "often")
    shown = site.done("schedule", "show", "--json").value
    assert ["often", "yearly", "by-name", "off"] == [each["name"] for each in shown]
    often, yearly, by_name, off = shown
    assert (None, None, None) == (by_name["next_run"], by_name["last_run"], off["next_run"])
    assert yearly["next_run"].endswith("-12-31T23:00:00.000Z")
    assert ("Europe/Berlin", "high", None) == (yearly["timezone"], often["priority"], by_name["timezone"])
    starts = {record["connection"]: record["start"] for record in site.records()}
    assert starts["often"] == often["last_run"] == often["last_success"]
    header, first, *_ = site.done("schedule", "show").out.splitlines()
    assert header.startswith("name     when")
    assert first.startswith("often    every 1m30s")


def test_without_a_log_nothing_is_made(site: Site) -> None:
    site.write({"name": "hub", "every": "1h"})
    assert [None] == [each["last_run"] for each in site.done("schedule", "show", "--json").value]
    assert not site.log.exists()


# -- for cron and systemd


@pytest.fixture
def strange(tmp_path: Path) -> Site:
    """A configuration whose path holds what shells, cron and units read otherwise; and a program, `replicate`, in `bin`."""
    folder = tmp_path / "a b%c$d'e\"f"
    folder.mkdir()
    made = Site(folder)
    made.write({"name": "hub"})
    program = tmp_path / "bin" / "replicate"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" "$REPLICA_LOG"\n')
    program.chmod(0o755)
    return made


def export(site: Site, *words: object, **variables: str) -> Outcome:
    """What is exported where `replicate` is in `bin`."""
    programs = f"{site.folder}/bin:{site.folder.parent}/bin:{os.environ['PATH']}"
    return site.done("schedule", "export", *words, PATH=programs, **variables)


def test_a_line_for_cron_calls_it_with_this_configuration(strange: Site) -> None:
    line = export(strange, "--cron").out.splitlines()[-1]
    command = line.removeprefix("* * * * *  ")
    assert not re.search(r"(?<!\\)%", command), "cron would end the line there"
    said = subprocess.run(["sh", "-c", command.replace(r"\%", "%")], capture_output=True, text=True, check=True)
    assert ["-q", "--config", str(strange.file), "run", ""] == said.stdout.splitlines()


def test_where_the_log_is_goes_along_unless_the_file_says_so(site: Site, tmp_path: Path) -> None:
    site.write({"name": "hub"})
    assert "REPLICA_LOG" not in export(site, "--cron").out
    assert f"REPLICA_LOG={tmp_path}/other.db\n" in export(site, "--cron", REPLICA_LOG=str(tmp_path / "other.db")).out
    site.write({"name": "hub"}, head="")
    assert (
        f"REPLICA_LOG={tmp_path}/state/replica/log.db\n"
        in export(site, "--cron", XDG_STATE_HOME=str(tmp_path / "state")).out
    )


@pytest.mark.parametrize("kind", ["site", "strange"])
def test_units_are_written_and_are_units(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    program = need("systemd-analyze")
    made: Site = request.getfixturevalue(kind)
    if kind == "site":
        made.write({"name": "hub"})
        (made.folder / "bin").mkdir()
        (made.folder / "bin" / "replicate").symlink_to("/bin/true")
    folder = tmp_path / "units"
    folder.mkdir()
    answer = export(made, "--systemd", folder, "--json", REPLICA_LOG=str(made.folder / "log.db")).value
    assert [str(folder / "replica.service"), str(folder / "replica.timer")] == answer["files"]
    done = subprocess.run(
        [program, "verify", "--man=no", *answer["files"]], capture_output=True, text=True, check=False
    )
    assert ("", 0) == (done.stderr, done.returncode)
    printed = export(made, "--systemd", REPLICA_LOG=str(made.folder / "log.db")).out
    assert (folder / "replica.service").read_text() in printed
    assert (folder / "replica.timer").read_text().rstrip() in printed


def test_secrets_in_variables_are_named(site: Site) -> None:
    site.write({"name": "hub", "peer": "https://hub.example/x", "token_env": "HUB_TOKEN"})
    outcome = export(site, "--cron")
    assert "hub: `token-env` needs the variable HUB_TOKEN there, too" in outcome.err
    assert "HUB_TOKEN" not in outcome.out


def test_what_cannot_be_exported(site: Site, tmp_path: Path) -> None:
    site.write({"name": "hub"})
    assert 2 == site.run("schedule", "export").code
    assert 2 == site.run("schedule", "export", "--cron", "--systemd").code
    assert 2 == site.run("schedule", "export", "--cron", tmp_path).code
    assert 10 == site.run("schedule", "export", "--systemd", tmp_path / "nowhere").code
    assert shlex.quote(str(site.file)) in site.done("schedule", "export", "--cron").out
