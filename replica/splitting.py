"""Splitting one big JSON array into its elements without reading it whole. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

from replica.errors import BadDocument

_STRING = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_RUNS = (  # what can be passed over: behind an array, between its elements, in an element
    re.compile(rb"\s*"),
    re.compile(rb'(?:[^"\[\]{},]+|%b)*' % _STRING, re.DOTALL),
    re.compile(rb'(?:[^"\[\]{}]+|%b)*' % _STRING, re.DOTALL),
)
_IN_STRING = re.compile(rb'["\\]')


def elements(first: bytes, chunks: Iterable[bytes], most: int, *, alone: bool = True) -> Iterator[bytes | None]:
    """The texts of the elements of an array, from behind its ``[`` on; None for one of more than `most` bytes.

    What is inside an element is not judged: only brackets and strings are looked at. Behind an array that stands `alone`
    may come further arrays and nothing else; what is behind another one is ignored. `BadDocument` if an array does not end.
    """
    splitter = _Splitter(most)
    for chunk in itertools.chain([first], chunks):
        yield from splitter.feed(chunk, alone)
        if not splitter.depth and not alone:
            return
    if splitter.depth:
        raise BadDocument("the array does not end: the file may be cut off", hint="Get the file again.")


class _Splitter:
    """Where in the array it is: `depth` 1 is between the elements, 0 behind the end."""

    def __init__(self, most: int) -> None:
        self.depth = 1
        self._most = most
        self._kept: list[bytes] = []  # of the element that is not complete
        self._size = 0
        self._in_string = False
        self._escaped = 0  # 1 if the first byte to come is escaped
        self._has_elements = False

    def feed(self, chunk: bytes, alone: bool) -> Iterator[bytes | None]:
        start = at = 0
        while self.depth or alone:
            at = self._after_string(chunk, at) if self._in_string else self._after_run(chunk, at)
            if at >= len(chunk):
                break
            token = chunk[at : at + 1]
            at += 1
            if not self.depth:
                if token != b"[":
                    raise BadDocument("there is something else behind the end of the array")
                self.depth, self._has_elements, start = 1, False, at
            elif token == b'"':  # its end is not in this chunk
                self._in_string = True
            elif token in b"[{":
                self.depth += 1
            else:
                self.depth -= token != b","
                if not self.depth or (token == b"," and self.depth == 1):
                    yield from self._element(chunk[start : at - 1])
                    start = at
        if self.depth:
            self._keep(chunk[start:])

    def _after_run(self, chunk: bytes, at: int) -> int:
        found = _RUNS[min(self.depth, 2)].match(chunk, at)
        assert found is not None
        return found.end()

    def _after_string(self, chunk: bytes, at: int) -> int:
        at += self._escaped
        self._escaped = 0
        while found := _IN_STRING.search(chunk, at):
            at = found.end()
            if found[0] == b'"':
                self._in_string = False
                return at if at == len(chunk) else self._after_run(chunk, at)
            at += 1
        self._escaped = int(at > len(chunk))
        return len(chunk)

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= self._most:
            self._kept.append(part)
        else:
            self._kept.clear()

    def _element(self, end: bytes) -> Iterator[bytes | None]:
        self._keep(end)
        text = b"".join(self._kept)
        too_large, self._size = self._size > self._most, 0
        self._kept.clear()
        if too_large:
            yield None
        elif self.depth or self._has_elements or text.strip():  # an empty array has no element
            yield text.strip()
        self._has_elements = True
