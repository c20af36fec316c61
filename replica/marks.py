"""Item marks: for every item the revision that last changed it, removed items too.

They make merging possible without old bodies: an item was changed on one side if its mark is not in the other's
ancestry. At rest and on the wire they are a short text, since nearly all items share one mark:

* ``None``: nothing is known (the revision came through a foreign system); never merged automatically;
* empty: every item was last changed by this very revision;
* else canonical JSON, revision to list of item names; one revision may have ``true`` instead of a list: all items not
  named elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from replica.canonical import Json, canonical, parse
from replica.errors import BadDocument
from replica.revision import Ancestor

Marks = dict[str, Ancestor]

TEXT_MAX = 2**20  # characters, where peers could send any number; names of items that are long gone are among them

_REVISION = re.compile(r"[1-9][0-9]{0,15}-[0-9a-f]{32}", re.ASCII)


def read_marks(text: str, names: Iterable[str], own: Ancestor) -> Marks:
    """The marks of a revision `own` whose items are `names`, from their text; `BadDocument` if it cannot be read."""
    rest, marks = own, {}
    for revision, named in _groups(text).items():
        number, _, packed = revision.partition("-")
        mark = Ancestor(int(number), bytes.fromhex(packed))
        if named is True:
            rest = mark
        else:
            marks.update(dict.fromkeys(named, mark))
    return dict.fromkeys(names, rest) | marks


def check_marks(text: str) -> None:
    """Refuse (`BadDocument`) what is not the text of marks."""
    _groups(text)


def _groups(text: str) -> dict[str, Json]:
    if len(text) > TEXT_MAX:
        raise BadDocument(f"the item marks have more than {TEXT_MAX:,} characters")
    groups = parse(text) if text else {}
    if not isinstance(groups, dict) or not all(_is_group(*group) for group in groups.items()):
        raise BadDocument("the item marks cannot be read")
    return groups


def _is_group(revision: str, named: Json) -> bool:
    listed = isinstance(named, list) and all(isinstance(name, str) for name in named)
    return (named is True or listed) and _REVISION.fullmatch(revision) is not None


def write_marks(marks: Marks, names: Iterable[str], own: Ancestor) -> str | None:
    """The text of `marks`: the largest group of present items (`names`) goes unnamed. `read_marks` gives them back.

    None, so that nothing is known, where it would be longer than `TEXT_MAX`.
    """
    present = set(names)
    groups: dict[Ancestor, list[str]] = {}
    for name, mark in marks.items():
        groups.setdefault(mark, []).append(name)
    if not marks or (groups.keys() == {own} and present == marks.keys()):
        return ""
    most = max(groups, key=lambda mark: (len(present.intersection(groups[mark])), mark))
    removed = [name for name in groups[most] if name not in present]
    text = {str(mark): sorted(named) for mark, named in groups.items() if mark != most or removed}
    if not removed:
        text |= {str(most): True}  # type: ignore[dict-item]
    written = canonical(text).decode()
    return written if len(written) <= TEXT_MAX else None
