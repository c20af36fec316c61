"""Passwords: what is kept, what CouchDB kept, and that asking tells nothing."""

from __future__ import annotations

import hmac
import time
from typing import Any

import argon2
import pytest

from replica.access.passwords import PRFS, Argon2id, Pbkdf2, hash_password, matches, read_verifier
from replica.errors import BadDocument

JAN = {  # the user in CouchDB's own documentation, whose password is "apple"
    "derived_key": "e579375db0e0c6a6fc79cd9e36a36859f71575c3",
    "iterations": 10,
    "password_scheme": "pbkdf2",
    "salt": "1112283cf988a34f124200a050d308a1",
}


def couchdbs_key(prf: str, password: str, salt: str, iterations: int) -> str:
    """CouchDB's formula, written out: the salt is the text itself, the key one digest long."""
    name = {"sha": "sha1"}.get(prf, prf)
    block = last = hmac.digest(password.encode(), salt.encode() + b"\0\0\0\1", name)
    for _ in range(iterations - 1):
        last = hmac.digest(password.encode(), last, name)
        block = bytes(a ^ b for a, b in zip(block, last, strict=True))
    return block.hex()


@pytest.mark.parametrize(
    ("prf", "password", "salt", "iterations", "key"),
    [  # RFC 6070, which CouchDB's tests use, and RFC 7914
        ("sha", "password", "salt", 1, "0c60c80f961f0e71f3a9b524af6012062fe037a6"),
        ("sha", "password", "salt", 2, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"),
        ("sha", "password", "salt", 4096, "4b007901b765489abead49d926f721d065a429c1"),
        ("sha256", "passwd", "salt", 1, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"),
        ("sha256", "Password", "NaCl", 80000, "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"),
    ],
)
def test_known_keys_are_right(prf: str, password: str, salt: str, iterations: int, key: str) -> None:
    assert matches(Pbkdf2(prf, salt, iterations, key), password)


def test_the_user_of_couchdbs_documentation_logs_in() -> None:
    assert matches(read_verifier(JAN), "apple")
    assert not matches(read_verifier(JAN), "apples")


@pytest.mark.parametrize("prf", ["sha", "sha224", "sha256", "sha384", "sha512"])
def test_every_kind_that_couchdb_writes_is_understood(prf: str) -> None:
    salt = "0e170aa5d8b0d4f5a0f8b6d6c9f6d0aa"
    key = couchdbs_key(prf, "Größe 9", salt, 10)
    verifier = read_verifier(JAN | {"pbkdf2_prf": prf, "salt": salt, "derived_key": key})
    assert verifier is not None
    assert verifier.is_old
    assert matches(verifier, "Größe 9")


def test_a_hash_of_ours_says_how_it_was_made_and_differs_each_time() -> None:
    one, other = hash_password("secret"), hash_password("secret")
    assert one.startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    assert one != other
    verifier = read_verifier({"password_hash": one})
    assert verifier is not None
    assert not verifier.is_old
    assert matches(verifier, "secret")
    assert not matches(verifier, "Secret")


def test_a_hash_with_other_parameters_is_understood_and_old() -> None:
    verifier = Argon2id(argon2.PasswordHasher(2, 1024, 2).hash("secret"))
    assert matches(verifier, "secret")
    assert verifier.is_old


def test_an_empty_password_is_never_right() -> None:
    key = couchdbs_key("sha", "", "salt", 10)
    for verifier in (None, Argon2id(hash_password("")), Pbkdf2("sha", "salt", 10, key)):
        assert not matches(verifier, "")


@pytest.mark.parametrize("password", ["\0", "\0\0\0"])
@pytest.mark.parametrize("prf", PRFS)
def test_what_is_the_same_as_an_empty_password_for_pbkdf2_is_never_right_either(prf: str, password: str) -> None:
    key = couchdbs_key(prf, "", "salt", 10)
    assert key == couchdbs_key(prf, password, "salt", 10), "HMAC fills its key up with zeros"
    assert not matches(Pbkdf2(prf, "salt", 10, key), password)


@pytest.mark.parametrize("password", ["\0", "a\0b", "\ud800", "ü" * 500, " "])
def test_any_text_can_be_a_password(password: str) -> None:
    verifier = Argon2id(hash_password(password))
    assert matches(verifier, password)
    assert not matches(verifier, password + "x")


PHC = "$argon2id$v=19$m=47104,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g"


@pytest.mark.parametrize(
    "items",
    [
        {"password_hash": 7},
        {"password_hash": ""},
        {"password_hash": None},
        {"password_hash": "$argon2id$"},
        {"password_hash": PHC.replace("argon2id", "argon2i")},
        {"password_hash": PHC.replace("m=47104", "m=999999999")},
        {"password_hash": PHC.replace("t=1", "t=1000")},
        {"password_hash": PHC.replace("p=1", "p=255")},
        JAN | {"password_scheme": "simple"},
        JAN | {"password_scheme": None},
        JAN | {"pbkdf2_prf": "md5"},
        JAN | {"pbkdf2_prf": ["sha"]},
        JAN | {"iterations": 0},
        JAN | {"iterations": True},
        JAN | {"iterations": 10**10},
        JAN | {"iterations": "10"},
        JAN | {"salt": None},
        JAN | {"derived_key": ""},
        JAN | {"derived_key": JAN["derived_key"][:-2]},  # type: ignore[index]
        JAN | {"derived_key": JAN["derived_key"].upper()},  # type: ignore[union-attr]
        {"password_sha": "ab", "salt": "cd"},
    ],
)
def test_what_makes_no_sense_or_asks_for_too_much_is_refused(items: dict[str, Any]) -> None:
    with pytest.raises(BadDocument):
        read_verifier(items)


def test_a_hash_that_cannot_be_read_to_its_end_lets_nobody_in() -> None:
    for damaged in (PHC[:-1], PHC[:40], PHC.replace("c2Fs", "!!!!")):
        assert not matches(Argon2id(damaged), "secret")


def test_who_is_unknown_costs_as_much_as_who_is_known() -> None:
    """In processor time, the least of some tries; a known user of CouchDB's old days is not quicker either."""
    known, old = Argon2id(hash_password("secret")), read_verifier(JAN)
    matches(None, "warm")

    def least(verifier: Any) -> float:
        tries = []
        for _ in range(4):
            begun = time.thread_time()
            assert not matches(verifier, "wrong")
            tries.append(time.thread_time() - begun)
        return min(tries)

    unknown, right_name, of_couchdb = least(None), least(known), least(old)
    assert 0.67 < unknown / right_name < 1.5
    assert 0.67 < unknown / of_couchdb < 1.5


def test_nothing_that_is_kept_is_shown_by_chance() -> None:
    hashed = hash_password("secret")
    shown = repr([Argon2id(hashed), read_verifier(JAN)])
    assert hashed not in shown
    assert JAN["derived_key"] not in shown
