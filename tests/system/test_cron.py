"""Debian's cron runs what it is told to, as it is: the line in the documents, and what `schedule export` prints."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from pathlib import Path

import pytest

from tests.connections import Site
from tests.house.pages import blocks
from tests.house.source import ROOT
from tests.needs import absent, need
from tests.system.command import PROGRAM

pytestmark = pytest.mark.system

DEADLINE_S = 90
# Tells cron a time that is so many seconds later, so that its next minute begins soon.
LATER = """
#include <stdlib.h>
#include <time.h>
time_t time(time_t *told) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    time_t later = now.tv_sec + atoi(getenv("LATER_S"));
    if (told) *told = later;
    return later;
}
"""


def crontab() -> str:
    """The lines on the page."""
    texts = [block.text for block in blocks(ROOT / "docs" / "connections.md", "text")]
    (found,) = [text for text in texts if "* * * * *" in text]
    return found


def in_a_namespace(site: Site, program: str) -> list[str]:
    """What starts cron where it sees this crontab alone, and nothing that it writes is seen by others."""
    spool = "/var/spool/cron/crontabs"
    script = f"""
        mount -t tmpfs tmpfs /var/spool && mkdir -p {spool} && cp {shlex.quote(str(site.folder / "crontab"))} {spool}/root
        chmod 600 {spool}/root
        mount -t tmpfs tmpfs /run
        ! test -e /etc/crontab || mount --bind /dev/null /etc/crontab
        ! test -d /etc/cron.d || mount -t tmpfs tmpfs /etc/cron.d
        exec env LD_PRELOAD={shlex.quote(str(site.folder / "later.so"))} {shlex.quote(program)} -f
    """
    return ["unshare", "--mount", "sh", "-c", script]


@pytest.mark.parametrize("source", ["documents", "export"])
def test_cron_runs_what_is_due(tmp_path: Path, source: str) -> None:
    if subprocess.run([need("unshare"), "--mount", "true"], capture_output=True, check=False).returncode:
        absent("root, to mount what cron sees")
    cron, compiler = need("cron"), need("gcc")
    site = Site(tmp_path)
    site.pair()
    programs = tmp_path / "programs"
    programs.mkdir()
    words = shlex.join([*PROGRAM])
    (programs / "replicate").write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {words} "$@"\n')
    (programs / "replicate").chmod(0o755)
    site.file = tmp_path / ".config" / "replica" / "replica.toml"
    site.file.parent.mkdir(parents=True)
    site.write(
        {"name": "hub", "here": tmp_path / "laptop.db", "peer": tmp_path / "hub.db", "schedule": "* * * * *"}, head=""
    )
    site.log = tmp_path / ".local" / "state" / "replica" / "log.db"
    if source == "documents":
        lines = re.sub(r"^PATH=", f"HOME={tmp_path}\nPATH={programs}:", crontab(), flags=re.MULTILINE)
        assert f"PATH={programs}:" in lines
    else:
        lines = site.done(
            "schedule", "export", "--cron", PATH=f"{programs}:{os.environ['PATH']}", HOME=str(tmp_path)
        ).out
        assert f"{programs}/replicate -q" in lines
    (tmp_path / "crontab").write_text(lines)
    (tmp_path / "later.c").write_text(LATER)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", tmp_path / "later.so", tmp_path / "later.c"], check=True)
    later = {**os.environ, "LATER_S": str((57 - int(time.time())) % 60)}
    with subprocess.Popen(in_a_namespace(site, cron), env=later, stderr=subprocess.PIPE) as process:
        try:
            deadline = time.monotonic() + DEADLINE_S
            while not site.outcomes():
                assert process.poll() is None, process.stderr.read() if process.stderr else ""
                assert time.monotonic() < deadline
                time.sleep(0.1)  # cron tells nobody when it has run something
        finally:
            process.terminate()
    assert "done" == site.outcomes()[0]
    assert 3 == site.count("hub.db") == site.count("laptop.db")
