"""Inflating what a client compressed, never further than it is wanted: a bomb is a thousand times its size."""

from __future__ import annotations

import zlib

from replica.errors import BadRequest


class Gunzip:
    """Inflates one gzip stream, piece by piece."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    def inflate(self, chunk: bytes, most: int) -> bytes:
        """What the next bytes hold; if that is `most` bytes, there may be more, which is lost.

        `BadRequest` if it is not gzip, or more than one stream: a million empty ones keep a server busy for long.
        """
        try:
            piece = self._stream.decompress(chunk, most)
        except zlib.error as error:
            raise BadRequest(f"the body is not gzip: {error}") from error
        if self._stream.unused_data:
            raise BadRequest("the gzipped body has more than one part")
        return piece

    def finish(self) -> None:
        """That was all. `BadRequest` if something is missing."""
        if not self._stream.eof:
            raise BadRequest("the gzipped body is cut off")
