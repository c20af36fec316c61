"""Compressed content: zstd and gzip, by their names in HTTP, and bounded while it is inflated."""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from replica.errors import Garbled, TooLarge, UnsupportedMediaType

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

IDENTITY, GZIP, ZSTD = "identity", "gzip", "zstd"
CODINGS = (ZSTD, GZIP)  # the best first
LEVELS = {GZIP: 1, ZSTD: 1}  # a higher zstd level costs the time of storing a document for a tenth less bytes
_WINDOW_LOG_MAX = 23  # 8 MiB; what asks for more memory than that is not inflated
_PIECE = 2**20
_NEVER = re.compile(r"q\s*=\s*0(\.0*)?", re.IGNORECASE)  # the weight of what a client does not want


class Inflater(Protocol):
    """Takes content as it arrives; `done` when it is complete."""

    def feed(self, data: bytes) -> Iterable[bytes]:
        """What these bytes are when inflated, in pieces; `Garbled` if they are none of this coding, or more than one part."""

    @property
    def done(self) -> bool:
        """Whether the end was there."""


def chosen(accepted: str) -> str:
    """The best coding that an `Accept-Encoding` header names; `identity` if it names none of ours."""
    parts = (part.partition(";") for part in accepted.split(","))
    names = {name.strip().lower() for name, _, weight in parts if not _NEVER.fullmatch(weight.strip())}
    return next((coding for coding in CODINGS if coding in names), IDENTITY)


def compressor(coding: str) -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    """Two functions: one takes content piece by piece and gives what can be sent; one gives the rest."""
    if coding == ZSTD:
        packer = zstd.ZstdCompressor(level=LEVELS[ZSTD])
        return packer.compress, packer.flush
    if coding == GZIP:
        zipper = zlib.compressobj(LEVELS[GZIP], wbits=16 + zlib.MAX_WBITS)
        return zipper.compress, zipper.flush
    return bytes, bytes


def prompt_compressor(coding: str) -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    """As `compressor`, but it holds nothing back: what it gives for a piece is that piece, whole, at the other end."""
    if coding == ZSTD:
        packer = zstd.ZstdCompressor(level=LEVELS[ZSTD])
        return lambda piece: packer.compress(piece, mode=zstd.ZstdCompressor.FLUSH_BLOCK), packer.flush
    if coding == GZIP:
        zipper = zlib.compressobj(LEVELS[GZIP], wbits=16 + zlib.MAX_WBITS)
        return lambda piece: zipper.compress(piece) + zipper.flush(zlib.Z_SYNC_FLUSH), zipper.flush
    return bytes, bytes


def compress(coding: str, data: bytes) -> bytes:
    """`data` in that coding."""
    if coding == IDENTITY:
        return data
    pack, rest = compressor(coding)
    return pack(data) + rest()


def compressed(coding: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces in that coding."""
    pack, rest = compressor(coding)
    yield from map(pack, pieces)
    yield rest()


def inflater(coding: str) -> Inflater:
    """What inflates content of that coding. `UnsupportedMediaType` if it is none of ours."""
    kind = _INFLATERS.get(coding.strip().lower() or IDENTITY)
    if kind is None:
        hint = f"Use {' or '.join(CODINGS)}."
        raise UnsupportedMediaType(f"the content encoding {coding[:40]!r} is not understood", hint=hint)
    return kind()


def inflate(coding: str, chunks: Iterable[bytes], most: int) -> bytes:
    """The whole content, inflated. `TooLarge` if it is more than `most` bytes, `Garbled` if it is damaged or cut off."""
    pieces, size = [], 0
    for piece in inflated(coding, chunks):
        size += len(piece)
        if size > most:
            raise TooLarge(f"the content has more than {most:,} bytes", hint="Send less at a time.")
        pieces.append(piece)
    return b"".join(pieces)


def inflated(coding: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The content, piece by piece, as it comes. `Garbled` if it is damaged, or cut off when it ends."""
    inflating = inflater(coding)
    for chunk in chunks:
        yield from inflating.feed(chunk)
    if not inflating.done:
        raise Garbled("the content is cut off")


class _Plain:
    done = True

    def feed(self, data: bytes) -> Iterable[bytes]:
        return (data,)


class _Gunzip:
    def __init__(self) -> None:
        self._inflating = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    def feed(self, data: bytes) -> Iterable[bytes]:
        more = bool(data)
        while more:
            if self._inflating.eof:
                raise Garbled("the gzipped content has more than one part")
            try:
                piece = self._inflating.decompress(data, _PIECE)
            except zlib.error as error:
                raise Garbled(f"the content is not gzip: {error}") from error
            yield piece
            data = self._inflating.unconsumed_tail or self._inflating.unused_data
            more = bool(data) or (len(piece) == _PIECE and not self._inflating.eof)

    @property
    def done(self) -> bool:
        return self._inflating.eof


class _Unzstd:
    def __init__(self) -> None:
        self._inflating = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG_MAX})

    def feed(self, data: bytes) -> Iterable[bytes]:
        if not data:
            return
        while True:
            if self._inflating.eof:
                raise Garbled("the zstd content has more than one part")
            try:
                yield self._inflating.decompress(data, _PIECE)
            except zstd.ZstdError as error:
                raise Garbled(f"the content is not zstd: {error}") from error
            data = self._inflating.unused_data
            if self._inflating.needs_input or (self._inflating.eof and not data):
                return

    @property
    def done(self) -> bool:
        return self._inflating.eof


_INFLATERS: dict[str, Callable[[], Inflater]] = {IDENTITY: _Plain, GZIP: _Gunzip, ZSTD: _Unzstd}
