"""Tables, sentences and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from replica.tally import Tally

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
GAP = "  "
WIDTH_MAX = 48  # a wider cell pushes the rest of its line to the right

_COUNTED = (
    ("added", "added"),
    ("updated", "updated"),
    ("deleted", "deleted"),
    ("resurrected", "resurrected"),
    ("merged", "merged"),
    ("replaced", "replaced"),
    ("failed", "failed"),
)


def json_text(value: Any) -> str:
    """A value as JSON on one line."""
    return _encode(value)


def plain(text: str) -> str:
    """A text in which nothing can move the cursor or begin a new line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def pairs(values: Mapping[str, object]) -> Iterator[str]:
    """Names and values, aligned; `-` where the value is not known."""
    width = max(map(len, values))
    for name, value in values.items():
        shown = "-" if value is None else f"{value:,}" if type(value) is int else str(value)
        yield f"{name.replace('_', ' '):{width}}{GAP}{plain(shown)}".rstrip()


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Rows under a header, aligned, as plain lines."""
    lines = [list(map(plain, row)) for row in [header, *rows]]
    widths = [min(WIDTH_MAX, max(map(len, column))) for column in zip(*lines, strict=True)]
    for line in lines:
        yield GAP.join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()


def draw_table(header: Sequence[str], rows: Iterable[Sequence[str]], colored: bool) -> None:
    """The same on a terminal, fitted to its width."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=SIMPLE, pad_edge=False)
    for name in header:
        drawn.add_column(Text(plain(name)), overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(plain(cell)) for cell in row))
    Console(no_color=not colored, highlight=False).print(drawn)


def counted(number: int, word: str) -> str:
    """`1 document`, `2 documents`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def size(number: int) -> str:
    """A number of bytes for people."""
    amount = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            break
        amount /= 1024
    return f"{number} B" if unit == "B" else f"{amount:,.1f} {unit}"


def tally_sentence(direction: str, tally: Tally, dry_run: bool) -> str:
    """What one direction of a replication did."""
    parts = [f"{getattr(tally, name):,} {word}" for name, word in _COUNTED if getattr(tally, name)]
    if tally.conflicts:
        parts.append(counted(tally.conflicts, "new conflict"))
    parts += [f"{number:,} refused ({code})" for code, number in tally.refused.items()]
    if tally.evicted:
        parts.append(f"{tally.evicted:,} evicted, which you may not read any more")
    if tally.unsent:
        parts.append(f"{tally.unsent:,} of these kept with unsent edits")
    said = ", ".join(parts) or "nothing new"
    if tally.bytes and not dry_run:
        said += f" ({size(tally.bytes)})"
    return f"{direction}: {said}{' (dry run: nothing was changed)' if dry_run else ''}"


def moment(time: datetime) -> str:
    """A time in UTC, to the second."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def moment_of(at_ms: int) -> str:
    """Milliseconds since 1970 as ISO 8601 in UTC."""
    time = datetime(1970, 1, 1) + timedelta(milliseconds=at_ms)
    return time.isoformat(timespec="milliseconds") + "Z"
