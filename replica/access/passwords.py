"""Passwords: what is kept of them, and whether one is right.

Kept is argon2id, with a salt, in the form that everybody writes (PHC). What CouchDB keeps (PBKDF2) is understood too, so
that its users can be taken over. Whoever asks cannot tell by the time it takes whether there is such a user.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import re
from typing import NamedTuple

import argon2
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from replica.canonical import Json
from replica.errors import BadDocument

MEMORY_KIB, PASSES, LANES = 46 * 1024, 1, 1  # the first of OWASP's choices: 50 ms and 46 MiB for each attempt
SALT_BYTES = 16
MEMORY_KIB_MAX, PASSES_MAX, LANES_MAX = 2**18, 16, 16  # of a hash that comes from elsewhere
ITERATIONS_MAX = 5_000_000  # CouchDB writes 600,000
PRFS = {"sha": "sha1", "sha224": "sha224", "sha256": "sha256", "sha384": "sha384", "sha512": "sha512"}
FIELDS = ("password_hash", "password_scheme", "derived_key", "salt", "iterations", "pbkdf2_prf", "password_sha")

_HASHER = argon2.PasswordHasher(PASSES, MEMORY_KIB, LANES, hash_len=32, salt_len=SALT_BYTES, type=Type.ID)
_HEX = re.compile(r"[0-9a-f]+")


class Argon2id(NamedTuple):
    """What is kept of a password: the text that holds everything to check one by."""

    phc: str

    def __repr__(self) -> str:
        return "Argon2id()"

    @property
    def is_old(self) -> bool:
        """Whether it should be made anew when the password is known."""
        return _HASHER.check_needs_rehash(self.phc)


class Pbkdf2(NamedTuple):
    """What CouchDB keeps of a password. `salt` is used as the text that it is."""

    prf: str
    salt: str
    iterations: int
    derived_key: str

    def __repr__(self) -> str:
        return "Pbkdf2()"

    @property
    def is_old(self) -> bool:
        """Always: it is made anew with argon2id."""
        return True


Verifier = Argon2id | Pbkdf2


def hash_password(password: str, salt: bytes | None = None) -> str:
    """What to keep of a password; with a random salt, if none is given."""
    return _HASHER.hash(password.encode(errors="surrogatepass"), salt=salt)


def matches(verifier: Verifier | None, password: str) -> bool:
    """Whether the password is right. As much work where there is nothing to compare with; an empty one is never right."""
    secret = password.encode(errors="surrogatepass")
    if isinstance(verifier, Argon2id):
        return _verify(verifier.phc, secret) and bool(secret)
    if verifier is None:
        _verify(_nothing(), secret)
        return False
    key = hashlib.pbkdf2_hmac(PRFS[verifier.prf], secret, verifier.salt.encode(), verifier.iterations).hex()
    is_empty = not secret.rstrip(b"\0")  # for HMAC, which fills its key up with zeros, these are the same
    right = hmac.compare_digest(key, verifier.derived_key) and not is_empty
    if not right:  # if it is right, the same work follows: it is hashed anew
        _verify(_nothing(), secret)
    return right


def _verify(phc: str, secret: bytes) -> bool:
    try:
        return _HASHER.verify(phc, secret)
    except (VerificationError, InvalidHashError):
        return False


@functools.cache
def _nothing() -> str:
    return _HASHER.hash(b"nobody's")


def read_verifier(items: dict[str, Json]) -> Verifier | None:
    """What a user's document holds to check a password by; None if nothing. `BadDocument` if that makes no sense."""
    if "password_hash" in items:
        return _read_argon2id(items["password_hash"])
    if "password_scheme" not in items and "password_sha" not in items:
        return None
    if items.get("password_scheme") != "pbkdf2":
        raise BadDocument("its password_scheme is neither argon2id nor pbkdf2")
    prf, iterations = items.get("pbkdf2_prf", "sha"), items.get("iterations", 10000)
    salt, key = items.get("salt"), items.get("derived_key")
    if not isinstance(prf, str) or prf not in PRFS:
        raise BadDocument("its pbkdf2_prf is unknown")
    if type(iterations) is not int or not 1 <= iterations <= ITERATIONS_MAX:
        raise BadDocument(f"its iterations are no number from 1 to {ITERATIONS_MAX:,}")
    size = hashlib.new(PRFS[prf]).digest_size * 2
    if not isinstance(salt, str) or not isinstance(key, str) or len(key) != size or not _HEX.fullmatch(key):
        raise BadDocument("its salt or derived_key is damaged")
    return Pbkdf2(prf, salt, iterations, key)


def _read_argon2id(phc: Json) -> Argon2id:
    try:
        given = argon2.extract_parameters(phc)
    except (InvalidHashError, ValueError, AttributeError, TypeError):
        raise BadDocument("its password_hash is damaged") from None
    asked, most = (given.memory_cost, given.time_cost, given.parallelism), (MEMORY_KIB_MAX, PASSES_MAX, LANES_MAX)
    if given.type is not Type.ID or any(a > m for a, m in zip(asked, most, strict=True)):
        raise BadDocument("its password_hash is not argon2id, or asks for too much work")
    return Argon2id(phc)
