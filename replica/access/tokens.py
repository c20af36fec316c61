"""Tokens: long random texts that stand for a user and a password, each for less than the user may do.

A token is ``replica_ID_SECRET``: the id is public and finds the document, the secret has 256 bits, and only the SHA-256 of the
whole is kept. That is enough for what nobody can guess; argon2 is for what people think of.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime
from typing import NamedTuple

from replica.canonical import Json, canonical, parse
from replica.errors import BadDocument

TOKENS = "token:"
_SHAPE = re.compile(r"replica_([0-9a-f]{12})_[A-Za-z0-9_-]{43}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)  # 256 bits


class Token(NamedTuple):
    """What is known of a token. Times are ms since 1970; `databases` None: all of its user's."""

    id: str
    user: str
    created_ms: int | None
    expires_ms: int | None
    databases: frozenset[str] | None
    read_only: bool
    hash: str

    def __repr__(self) -> str:
        return f"Token({self.id!r}, {self.user!r})"

    def is_of(self, secret: str) -> bool:
        """Whether `secret` is this token; as much work whether it is or not."""
        return hmac.compare_digest(digest(secret), self.hash)

    def is_over(self, now_ms: int) -> bool:
        """Whether it has expired."""
        return self.expires_ms is not None and now_ms >= self.expires_ms


def new_token() -> tuple[str, str]:
    """An id, and the token that is shown once."""
    token_id = secrets.token_hex(6)
    return token_id, f"replica_{token_id}_{secrets.token_urlsafe(32)}"


def new_key() -> bytes:
    """A key to sign with."""
    return secrets.token_bytes(32)


def key_text(key: bytes) -> str:
    """The document in which a key is kept."""
    return canonical({"secret": key.hex()}).decode()


def read_key(text: str) -> bytes | None:
    """The key in such a document; None if that is none of ours: with a short one, or none, others could sign."""
    try:
        kept = parse(text)
    except BadDocument:
        return None
    secret = kept.get("secret") if isinstance(kept, dict) else None
    return bytes.fromhex(secret) if isinstance(secret, str) and _HASH.fullmatch(secret) else None


def id_of(secret: str) -> str | None:
    """The id in a token; None if it is no token of ours."""
    match = _SHAPE.fullmatch(secret)
    return match[1] if match else None


def digest(secret: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def token_items(
    secret: str, user: str, now_ms: int, expires_ms: int | None, databases: frozenset[str] | None, read_only: bool
) -> dict[str, Json]:
    """The document of a token."""
    return {
        "type": "token",
        "user": user,
        "hash": digest(secret),
        "created": iso(now_ms),
        "expires": None if expires_ms is None else iso(expires_ms),
        "databases": None if databases is None else sorted(databases),
        "read_only": read_only,
    }


def read_token(token_id: str, items: dict[str, Json]) -> Token:
    """The token in a document. `BadDocument`: what cannot be understood gives no rights."""
    user, kept, databases = items.get("user"), items.get("hash"), items.get("databases")
    read_only = items.get("read_only", False)
    if items.get("type") != "token" or not isinstance(user, str) or not isinstance(read_only, bool):
        raise BadDocument("it is no token")
    if not isinstance(kept, str) or not _HASH.fullmatch(kept):
        raise BadDocument("its hash is damaged")
    if databases is not None and not (isinstance(databases, list) and all(isinstance(name, str) for name in databases)):
        raise BadDocument("its databases are no list of names")
    narrowed = None if databases is None else frozenset(databases)
    return Token(token_id, user, _ms(items, "created"), _ms(items, "expires"), narrowed, read_only, kept)


def iso(at_ms: int) -> str:
    """A time as it is written into documents."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ms(items: dict[str, Json], name: str) -> int | None:
    text = items.get(name)
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise BadDocument(f"its time {name!r} is none") from None
    if time.tzinfo is None:
        raise BadDocument(f"its time {name!r} has no time zone")
    return round(time.timestamp() * 1000)
