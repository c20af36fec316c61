"""The cookie of somebody who logged in, as CouchDB makes it: name, time and a signature. Pure.

Nothing about it is kept. The key of the signature comes from what is kept of the user's password, too: when that is changed,
or the user removed, the cookie is none any more.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import NamedTuple

LASTS_S = 600  # CouchDB's time-out
RENEWED_S = LASTS_S // 10  # how old it is when a request that brings it is given a new one
_MACS = 32


class Signed(NamedTuple):
    """What a cookie says; it proves nothing yet."""

    name: str
    made_s: int
    signature: bytes

    def is_good(self, key: bytes, now_s: int) -> bool:
        """Whether it was made with this key, and not too long ago (nor in the future, by a clock that was wrong)."""
        right = hmac.compare_digest(_signature(self.name, self.made_s, key), self.signature)
        return right and abs(now_s - self.made_s) < LASTS_S

    def is_due(self, now_s: int) -> bool:
        """Whether it is time for a new one."""
        return now_s - self.made_s >= RENEWED_S


def cookie(name: str, key: bytes, now_s: int) -> str:
    """The text of a new cookie."""
    text = f"{name}:{now_s:X}:".encode() + _signature(name, now_s, key)
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def read_cookie(text: str) -> Signed | None:
    """What is in a cookie; None if it is none of ours."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        name, time = raw[: -_MACS - 1].decode().split(":")
        made_s = int(time, 16)
    except (binascii.Error, ValueError):
        return None
    return Signed(name, made_s, raw[-_MACS:]) if raw[-_MACS - 1 : -_MACS] == b":" else None


def _signature(name: str, made_s: int, key: bytes) -> bytes:
    return hmac.digest(key, f"{name}:{made_s:X}".encode(), hashlib.sha256)


def set_cookie(name: str, text: str, path: str, secure: bool) -> str:
    """The header that gives it to a browser: for this server alone, out of reach of scripts and of other sites' pages.

    It ends with the browser; an empty text takes it away at once.
    """
    ends = "" if text else "; Max-Age=0"
    return f"{name}={text}; Version=1; Path={path}; HttpOnly; SameSite=Strict{'; Secure' if secure else ''}{ends}"
