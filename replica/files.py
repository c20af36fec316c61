"""Files of documents: reading what people have, and writing one document a line.

Read are one JSON object a line, one JSON array, what CouchDB answers to `_all_docs`, and the arrays, one a line, that
couchbackup writes; plain or gzip. Memory is bounded by the largest document, not by the file.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, BinaryIO, NoReturn

from replica.canonical import Json, parse
from replica.document import canonical_items, check_unid
from replica.errors import AttachmentsNotSupported, BadDocument, DiskError, NotAllowed, NotFound, ReplicaError, TooLarge
from replica.splitting import elements
from replica.store.faults import file_errors
from replica.store.loading import Entry, Reader
from replica.store.publish import SHARED, new_file

ROOM = 64 * 2**10  # what a line may have beyond the largest document: `_id`, `_rev`, spaces
CHUNK = 2**20
HEAD = 4096

_GZIP = b"\x1f\x8b"
_ARRAY_OF = ("rows", "docs")
_BESIDE = ("total_rows", "offset", "update_seq", "new_edits")
_DUMP = re.compile(
    rb'\s*\{\s*(?:"(?:%b)"\s*:\s*(?:"[^"]*"|[^\s",\[\]{}]+)\s*,\s*)*"(?:%b)"\s*:\s*\['
    % ("|".join(_BESIDE).encode(), "|".join(_ARRAY_OF).encode())
)
_ROW = {"id", "key", "value", "doc", "error"}
_ABOUT_REVISIONS = ("_rev", "_revisions", "_revs_info", "_conflicts", "_deleted_conflicts", "_local_seq")
_BACKUP_HEADER = b'{"name":"@cloudant/couchbackup"'
_BACKUP_RESUMED = b'{"marker":"@cloudant/couchbackup:resume"}'  # ends a line that was cut off and is repeated


class Input:
    """A file of documents that is open for reading: `read_bytes` of `size` were read so far; 0 is "not known"."""

    def __init__(self, raw: io.RawIOBase | BinaryIO, name: str, size: int) -> None:
        self.name = name
        self.size = size
        self._counted = _Counted(raw)
        plain = io.BufferedReader(self._counted, CHUNK)
        self._text: Any = plain
        with _reading(name):
            zipped = plain.peek(len(_GZIP)).startswith(_GZIP)
        if zipped:
            self._text = io.BufferedReader(_Counted(gzip.GzipFile(fileobj=plain)), CHUNK)

    @property
    def read_bytes(self) -> int:
        """How much of the file itself was read: compressed bytes if it is compressed."""
        return self._counted.count

    def entries(self, document_max: int) -> Iterator[tuple[int, Reader]]:
        """What `Replica.load` takes: a number (of the line, or of the document in one array) and a reader for each document.

        A reader raises what is wrong with its document: `BadDocument`, or `TooLarge` if there are more bytes than
        `document_max` and some room. A file that is damaged ends with a reader that says so; one of which nothing at all
        can be read is an error here: `BadDocument`, `DiskError`.
        """
        number = 0
        try:
            for number, reader in self._split(document_max + ROOM):
                yield number, reader
        except (OSError, EOFError, zlib.error, BadDocument) as error:
            problem = error if isinstance(error, BadDocument) else _damage(self.name, error)
            if not number:
                raise problem from error
            yield number + 1, partial(_fail, problem)

    def _split(self, most: int) -> Iterator[tuple[int, Reader]]:
        first = self._text.readline(most + 1)
        start = _array_start(first, self._text)
        if start is None:
            yield from _of_lines(self._text, first, most)
        else:
            yield from _of_array(self._text, first, start, most)


class _Counted(io.RawIOBase):
    """Counts what is read."""

    def __init__(self, raw: Any) -> None:
        # What is there, not until the buffer is full: a pipe may be slow, and a file cut off in the middle of a read.
        self._read = getattr(raw, "readinto1", raw.readinto)
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._read(buffer) or 0
        self.count += count
        return int(count)


@contextmanager
def open_input(path: str) -> Iterator[Input]:
    """Open a file of documents for reading. `NotFound`, `NotAllowed`, `DiskError`."""
    with _reading(path):
        raw = open(path, "rb", buffering=0)  # noqa: SIM115 - closed below; only opening it is inside _reading
    with raw:
        with _reading(path):
            size = raw.seek(0, io.SEEK_END) if raw.seekable() else 0
            if size:
                raw.seek(0)
        yield Input(raw, path, size)


@contextmanager
def _reading(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path}", hint="Check the name.") from error
    except PermissionError as error:
        raise NotAllowed(f"{path} cannot be read", hint="Ask the owner of the file for permission.") from error
    except IsADirectoryError as error:
        raise BadDocument(f"{path} is a folder", hint="Name a file.") from error
    except OSError as error:
        raise DiskError(f"{path}: {error.strerror}") from error


def _damage(name: str, error: Exception) -> ReplicaError:
    if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):
        return DiskError(f"{name}: {error.strerror}")
    return BadDocument(f"{name} is damaged or cut off: {error}", hint="Get the file again.")


def _fail(problem: ReplicaError) -> NoReturn:
    raise problem


# -- what kind of file it is


def _array_start(first: bytes, stream: Any) -> int | None:
    """Where in `first` and what follows the elements of one big array begin; None for one document, or array, a line."""
    try:
        value = parse(first)
    except ReplicaError:
        begin = first.index(b"[") + 1 if first.lstrip().startswith(b"[") else None
        dump = _DUMP.match((first + stream.peek(HEAD))[:HEAD])
        return dump.end() if dump else begin
    dump = _DUMP.match(first[:HEAD])
    return dump.end() if dump and value.keys() <= {*_ARRAY_OF, *_BESIDE} else None


# -- lines


def _of_lines(stream: Any, first: bytes, most: int) -> Iterator[tuple[int, Reader]]:
    number, line = 1, first
    while line:
        if len(line) > most and not line.endswith(b"\n"):
            _skip_line(stream)
            yield number, partial(_fail, TooLarge(f"the line has more than {most:,} bytes"))
        elif line[:1] == b"{" and number > 1 and line[-len(_BACKUP_RESUMED) - 1 : -1] != _BACKUP_RESUMED:
            yield number, partial(read_document, number, line)
        else:
            yield from _unusual(number, line, most)
        line = stream.readline(most + 1)
        number += 1


def _skip_line(stream: Any) -> None:
    while True:
        rest = stream.readline(CHUNK)
        if not rest or rest.endswith(b"\n"):
            return


def _unusual(number: int, line: bytes, most: int) -> Iterator[tuple[int, Reader]]:
    line = line.strip()
    if not line or line.startswith(_BACKUP_HEADER) or line.endswith(_BACKUP_RESUMED):
        return
    if not line.startswith(b"["):
        yield number, partial(read_document, number, line)
        return
    try:
        for element in elements(line[1:], (), most):
            yield number, partial(read_document, number, element or b"")
    except BadDocument as error:
        yield number, partial(_fail, error)


# -- one big array


def _of_array(stream: Any, first: bytes, start: int, most: int) -> Iterator[tuple[int, Reader]]:
    is_dump = first.lstrip().startswith(b"{")
    if start > len(first):
        first += stream.read(start - len(first))
    read = _read_row if is_dump else read_document
    chunks = iter(partial(stream.read, CHUNK), b"")
    for number, element in enumerate(elements(first[start:], chunks, most, alone=not is_dump), 1):
        if element is None:
            yield number, partial(_fail, TooLarge(f"the document has more than {most:,} bytes"))
        else:
            yield number, partial(read, number, element)


def _read_row(number: int, text: bytes) -> Entry:
    """A document as it is, or a row of `_all_docs` around it."""
    value = parse(text)
    if isinstance(value, dict) and value and value.keys() <= _ROW:
        if not isinstance(value.get("doc"), dict):
            raise BadDocument("this row holds no document", hint="Ask CouchDB for `_all_docs?include_docs=true`.")
        value = value["doc"]
    return entry_of(number, value)


# -- documents


def read_document(number: int, text: bytes) -> Entry:
    """The entry to load that is in one JSON text."""
    return entry_of(number, parse(text))


def entry_of(number: int, value: Json) -> Entry:
    """The entry to load that a parsed document is: with `_id` or without; what CouchDB says of revisions is ignored."""
    if not isinstance(value, dict):
        raise BadDocument("a document is a JSON object")
    unid, deleted = value.pop("_id", None), value.pop("_deleted", False)
    for name in _ABOUT_REVISIONS:
        value.pop(name, None)
    if unid is not None:
        check_unid(unid)
    if value.pop("_attachments", None):
        raise AttachmentsNotSupported("attachments are not offered yet")
    if not isinstance(deleted, bool):
        raise BadDocument("`_deleted` is true or false")
    if deleted and unid is None:
        raise BadDocument("`_deleted` needs an `_id`")
    return Entry(number, unid, None if deleted else canonical_items(value))


# -- writing


@contextmanager
def new_lines(path: str) -> Iterator[Callable[[str], object]]:
    """A function that writes one line to a file which appears at `path`, whole, when the block has ended. `Exists`.

    A name that ends with ``.gz`` makes it compressed.
    """
    with new_file(path, SHARED) as unfinished, file_errors(path), ExitStack() as stack:
        out: Any = stack.enter_context(open(unfinished, "wb"))
        if path.endswith(".gz"):
            out = stack.enter_context(gzip.GzipFile(filename="", mode="wb", fileobj=out, mtime=0, compresslevel=6))
            out = stack.enter_context(io.BufferedWriter(out, CHUNK))
        yield lambda line: out.write(line.encode() + b"\n")
