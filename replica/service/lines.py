"""Where in a TOML file something is said, for messages: its parser does not tell."""

from __future__ import annotations

import re

CONNECTION = "connection"

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_LONG = re.compile(r"'''|\"\"\"")


class Lines:
    """The lines of a file that was understood as TOML, by what they say. What is written in unusual ways has the line of
    what it is in.
    """

    def __init__(self, text: str) -> None:
        self._found: dict[tuple[int | None, str], int] = {}
        table, number, is_long = "", -1, False
        for at, line in enumerate(text.splitlines(), 1):
            inside = is_long
            if len(_LONG.findall(line)) % 2:
                is_long = not is_long
            if inside:
                continue
            header, key = _HEADER.fullmatch(line), _KEY.match(line)
            if header:
                table = _plain(header[2])
                if header[1] == "[[" and table == CONNECTION:
                    number += 1
                self._note(table, number, "", at)
            elif key:
                self._note(table, number, _plain(key[1]), at)

    def _note(self, table: str, number: int, key: str, at: int) -> None:
        first, _, rest = table.partition(".")
        inside = first == CONNECTION and number >= 0
        path = ".".join(filter(None, (rest if inside else table, key)))
        self._found.setdefault((number if inside else None, path), at)

    def of_key(self, key: str) -> int | None:
        """The line of a key, or of a table, that is in no connection."""
        return self._found.get((None, key))

    def of_connection(self, number: int, key: str = "") -> int | None:
        """The line of a key of the connection of that number, from 0 on; if it is not found, that of the connection."""
        whole = self._found.get((number, ""), self.of_key(CONNECTION))
        return self._found.get((number, key), self._found.get((number, key.partition(".")[0]), whole))


def _plain(key: str) -> str:
    return re.sub(r"""["'\s]""", "", key)
