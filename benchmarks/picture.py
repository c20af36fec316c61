"""The results as a picture: a group of bars for each row, every group with its own scale; shorter is faster.

python benchmarks/picture.py results/DATE.json > latest.svg
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from compare import Results, measured
from plan import ROWS
from table import duration

WIDTH, LEFT, RIGHT = 900, 210, 250
BAR, GAP, TOP = 16, 14, 64
BLUE, GREY, ORANGE = "#1f6f8b", "#9aa5b1", "#e08e45"
LANES = (("replica", "ours", BLUE), ("SQLite's limit", "limit", GREY), ("PouchDB", "peer", ORANGE))


@dataclass(frozen=True)
class Group:
    """Bars that are compared: each a lane, the key of its measurement and a colour. The first is ours."""

    title: str
    bars: tuple[tuple[str, str | None, str], ...]


GROUPS = [Group(row.title, tuple((lane, getattr(row, key), colour) for lane, key, colour in LANES)) for row in ROWS]


def drawn_bars(results: Results, group: Group) -> list[tuple[str, str, float]]:
    """(lane, colour, seconds) of what was measured of it."""
    found = ((lane, colour, measured(results, key)) for lane, key, colour in group.bars)
    return [(lane, colour, each["seconds"]) for lane, colour, each in found if each]


def text(x: float, y: float, words: str, extra: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" {extra}>{escape(words)}</text>\n'


def draw(group: Group, drawn: list[tuple[str, str, float]], top: float) -> Iterator[str]:
    """The bars of one group, the longest over the full breadth, each with its time and how it compares with ours."""
    longest = max(seconds for _, _, seconds in drawn)
    ours = drawn[0][2] if drawn[0][0] == group.bars[0][0] else None
    yield text(LEFT - 12, top + BAR * len(drawn) / 2 + 5, group.title, 'text-anchor="end"')
    for number, (lane, colour, seconds) in enumerate(drawn):
        y = top + number * BAR
        length = max(2.0, (WIDTH - LEFT - RIGHT) * seconds / longest)
        compared = f" ({seconds / ours:.3g} × ours)" if ours and number else ""
        yield f'<rect x="{LEFT}" y="{y:g}" width="{length:.1f}" height="{BAR - 3}" fill="{colour}"/>\n'
        yield text(LEFT + length + 6, y + BAR - 5, f"{lane} {duration(seconds)}{compared}", 'class="small"')


def svg(results: Results, groups: Iterable[Group] = GROUPS) -> str:
    """The whole picture, as text."""
    corpus, machine = results["corpus"], results["machine"]
    size = corpus["bytes"] / max(1, corpus["documents"])
    heading = f"{corpus['documents']:,} documents of {size:,.0f} bytes: time taken, shorter is faster"
    where = f"{results['date']} · {machine['cpu']}, {machine['cores']} cores · commit {machine['commit']}"
    subject = f"{where} · each group has its own scale"
    parts, y = [text(20, 26, heading, 'class="head"'), text(20, 44, subject, 'class="small"')], float(TOP)
    for group in groups:
        drawn = drawn_bars(results, group)
        if drawn:
            parts.extend(draw(group, drawn, y))
            y += BAR * len(drawn) + GAP
    style = "text{font:13px sans-serif;fill:#222}.small{font-size:11px;fill:#444}.head{font-weight:bold;font-size:15px}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y:g}" viewBox="0 0 {WIDTH} {y:g}" role="img">\n'
        f"<title>{escape(heading)}</title>\n<style>{style}</style>\n"
        f'<rect width="100%" height="100%" fill="white"/>\n{"".join(parts)}</svg>\n'
    )


if __name__ == "__main__":
    print(svg(json.loads(Path(sys.argv[1]).read_text())), end="")
