"""What is written by hand: nothing left to do, one word for one thing, one version."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

from tests.house.source import ROOT, texts

UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")
GLOSSARY = ROOT / "docs" / "glossary.md"
OTHERS = re.compile(r"couch|pouch|cloudant|domino|lotus", re.IGNORECASE)


def banned() -> dict[str, str]:
    """The words the glossary forbids, each with the word that takes its place."""
    rows = [line.strip().strip("|").split("|") for line in GLOSSARY.read_text(encoding="utf-8").splitlines()]
    words = {}
    for row in rows:
        if len(row) == 3:
            right = re.findall(r"\*\*(.+?)\*\*", row[0])
            for word in re.findall(r"~~(.+?)~~", row[2]):
                words[word] = ", ".join(right)
    return words


def paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """Line number and text of each block between empty lines."""
    line = 1
    for block in re.split(r"(\n\s*\n)", text):
        if block.strip():
            yield line, block
        line += block.count("\n")


def uses(word: str, text: str) -> list[int]:
    """Offsets of a word, in prose and as part of a name: `docid`, `doc_id`, `docids`, `old_docid`."""
    spelled = r"[ _-]?".join(map(re.escape, word.split()))
    return [hit.start() for hit in re.finditer(rf"(?<![a-z]){spelled}s?(?![a-z])", text, re.IGNORECASE)]


def test_nothing_is_left_to_do() -> None:
    left = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()}"
        for path in texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert [] == left


def test_one_thing_has_one_word() -> None:
    """The words of others are welcome where the paragraph speaks of them by name."""
    words = banned()
    wrong = []
    for path in texts():
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(("replica/", "migrations/", "docs/", "README", "CHANGES")) or path == GLOSSARY:
            continue
        for first, block in paragraphs(path.read_text(encoding="utf-8").replace("sqlite_master", "sqlite_schema")):
            if OTHERS.search(block) or "couch" in name:
                continue
            for word, right in words.items():
                for at in uses(word, block):
                    wrong.append(f"{name}:{first + block.count(chr(10), 0, at)} says {word!r}: write {right!r}")
    assert [] == wrong


def test_the_glossary_bans_what_it_says_it_bans() -> None:
    words = banned()
    assert len(words) >= 8
    assert all(words.values())


def test_the_newest_change_note_is_for_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    noted = re.search(r"^## (\d\S*)", (ROOT / "CHANGES.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert noted is not None
    assert project["version"] == noted[1]
