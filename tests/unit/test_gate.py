"""The pure parts of the gate: what is read from a request, how cookies are signed, how often passwords may be tried."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replica.access import ANONYMOUS, Principal
from replica.access.principal import ADMIN
from replica.errors import BadRequest, NotAllowed, NotAuthenticated, TooManyAttempts
from replica.rights import ALL_RIGHTS, NO_RIGHTS, AccessList, InForce, Level, checked_entry
from replica.server.connection import KEY, Connection
from replica.server.gate import attempts, remembered
from replica.server.gate.attempts import BY_ADDRESS, BY_NAME, Attempts
from replica.server.gate.cookies import LASTS_S, RENEWED_S, Signed, cookie, read_cookie, set_cookie
from replica.server.gate.credentials import Certificate, Cookie, Password, Token, shown
from replica.server.gate.remembered import Remembered
from replica.server.gate.rights import Need, check, rights_of
from replica.server.gate.visit import Proven
from replica.server.tls import client_name

KEY_OF_ANNA = b"k" * 32
NOW_S = 1_800_000_000


def scope(*headers: tuple[str, str], certificate: str | None = None) -> dict[str, Any]:
    sent = [(name.lower().encode(), value.encode()) for name, value in headers]
    return {"headers": sent, KEY: Connection(certificate)}


def basic(text: str | bytes) -> tuple[str, str]:
    raw = text if isinstance(text, bytes) else text.encode()
    return "Authorization", "Basic " + base64.b64encode(raw).decode()


# -- what a request shows


def test_a_name_and_password_are_read_as_they_were_sent() -> None:
    assert [Password("änna", "a:b€")] == shown(scope(basic("änna:a:b€")))
    assert [Password("anna", "")] == shown(scope(basic("anna:")))
    assert [Password("", "x")] == shown(scope(basic(":x")))


def test_a_token_is_read_whatever_the_case_of_the_scheme() -> None:
    assert [Token("abc")] == shown(scope(("Authorization", "bearer abc")))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic YW5uYQ==",
        "Basic /w==",
        "Digest x",
        "Bearer é",
        "anna:pw",
        "Basic YQ==YQ==",
    ],
)
def test_a_header_that_is_not_understood_is_no_credentials_and_not_none_either(header: str) -> None:
    with pytest.raises(NotAuthenticated):
        shown(scope(("Authorization", header), ("Cookie", "AuthSession=x")))


def test_two_headers_are_refused() -> None:
    with pytest.raises(BadRequest):
        shown(scope(basic("anna:right"), basic("bert:right")))


def test_the_header_counts_before_the_cookie_and_the_cookie_before_the_certificate() -> None:
    with_cookie = ("Cookie", "other=1; AuthSession=abc; more=2")
    assert [Password("anna", "x")] == shown(scope(basic("anna:x"), with_cookie, certificate="bert"))
    assert [Cookie("abc"), Certificate("bert")] == shown(scope(with_cookie, certificate="bert"))
    assert [Certificate("bert")] == shown(scope(certificate="bert"))
    assert [] == shown(scope())


def test_of_two_cookies_of_that_name_none_counts() -> None:
    """One of them was put there by somebody else, who wants the other person to work under another name."""
    assert [] == shown(scope(("Cookie", "AuthSession=a; AuthSession=b")))
    assert [] == shown(scope(("Cookie", "AuthSession=a"), ("Cookie", "AuthSession=b")))
    assert [] == shown(scope(("Cookie", "AuthSession=")))


def test_nothing_secret_is_shown_by_a_repr() -> None:
    told = repr([Password("anna", "geheim"), Token("geheim"), Cookie("geheim"), Proven(ANONYMOUS, b"geheim")])
    assert "geheim" not in told


def test_the_name_in_a_certificate_is_its_one_common_name() -> None:
    def certificate(*names: str) -> dict[str, Any]:
        return {"subject": ((("organizationName", "Us"),), *((("commonName", name),) for name in names))}

    assert "anna" == client_name(certificate("anna"))
    assert ["", "", None] == [client_name(certificate()), client_name(certificate("anna", "root")), client_name(None)]


# -- cookies


@given(st.text(st.characters(exclude_characters=":", exclude_categories=("Cs",)), min_size=1), st.integers(0, 2**40))
def test_a_cookie_says_who_and_when(name: str, now_s: int) -> None:
    signed = read_cookie(cookie(name, KEY_OF_ANNA, now_s))
    assert signed is not None
    assert (name, now_s) == signed[:2]
    assert signed.is_good(KEY_OF_ANNA, now_s)


def read(text: str) -> Signed:
    signed = read_cookie(text)
    assert signed is not None
    return signed


def test_a_cookie_is_good_for_ten_minutes_and_due_after_one() -> None:
    signed = read(cookie("anna", KEY_OF_ANNA, NOW_S))
    good = [signed.is_good(KEY_OF_ANNA, NOW_S + later) for later in (0, LASTS_S - 1, LASTS_S, 10**9, -LASTS_S)]
    assert [True, True, False, False, False] == good
    assert [False, True] == [signed.is_due(NOW_S + RENEWED_S - 1), signed.is_due(NOW_S + RENEWED_S)]


def test_a_cookie_under_another_key_or_for_another_name_or_time_is_not_good() -> None:
    signed = read(cookie("anna", KEY_OF_ANNA, NOW_S))
    assert not signed.is_good(b"other", NOW_S)
    assert not signed.is_good(b"", NOW_S)
    assert not signed._replace(name="root").is_good(KEY_OF_ANNA, NOW_S)
    assert not signed._replace(made_s=NOW_S + 1).is_good(KEY_OF_ANNA, NOW_S)
    assert not signed._replace(signature=b"\0" * 32).is_good(KEY_OF_ANNA, NOW_S)


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_whatever_a_cookie_holds_is_read_or_is_none(text: str) -> None:
    signed = read_cookie(text)
    assert signed is None or not signed.is_good(KEY_OF_ANNA, NOW_S)


def test_a_cookie_stays_with_this_server_and_away_from_scripts() -> None:
    assert "A=t; Version=1; Path=/; HttpOnly; SameSite=Strict" == set_cookie("A", "t", "/", secure=False)
    assert set_cookie("A", "t", "/x", secure=True).endswith("; Secure")
    assert set_cookie("A", "", "/", secure=False).endswith("; Max-Age=0")


# -- how often


def tries(tried: Attempts, name: str, address: str | None, now_ms: int, count: int) -> int:
    """How many wrong passwords of so many are looked at."""
    looked_at = 0
    for _ in range(count):
        try:
            tried.begin(Password(name, "wrong"), address, now_ms)
        except TooManyAttempts:
            continue
        looked_at += 1
    return looked_at


def test_wrong_passwords_for_a_name_are_limited_from_wherever_they_come() -> None:
    tried = Attempts()
    assert BY_NAME.most == sum(tries(tried, "anna", f"192.0.2.{n}", 0, 1) for n in range(100))
    assert 10 == tries(tried, "anna", None, int(BY_NAME.every_s * 10_000), 100)


def test_wrong_passwords_from_an_address_are_limited_for_whatever_names() -> None:
    tried = Attempts()
    assert BY_ADDRESS.most == sum(tries(tried, f"u{n}", "192.0.2.1", 0, 1) for n in range(200))
    assert 1 == tries(tried, "anna", "192.0.2.2", 0, 1), "others are not concerned"


def test_all_addresses_of_a_network_are_one_and_a_proxy_on_this_machine_is_none() -> None:
    tried = Attempts()
    assert BY_ADDRESS.most == sum(tries(tried, f"u{n}", f"2001:db8::{n:x}", 0, 1) for n in range(200))
    assert 200 == sum(tries(tried, f"v{n}", "127.0.0.1", 0, 1) for n in range(200))
    assert 200 == sum(tries(tried, f"w{n}", None, 0, 1) for n in range(200))
    assert BY_ADDRESS.most == sum(tries(tried, f"x{n}", "::ffff:192.0.2.9", 0, 1) for n in range(200))
    assert 0 == tries(tried, "y", "192.0.2.9", 0, 1)


RIGHT = Password("anna", "right")


def test_a_right_password_costs_nothing() -> None:
    tried = Attempts()
    for n in range(1000):
        each = Password("anna", f"right {n}")
        tried.begin(each, "192.0.2.1", 0)
        tried.was_right(each, "192.0.2.1")


def test_whose_password_was_right_is_not_locked_out_by_others_also_behind_one_proxy() -> None:
    for address in ("192.0.2.1", "127.0.0.1", None):
        tried = Attempts()
        tried.begin(RIGHT, address, 0)
        tried.was_right(RIGHT, address)
        assert BY_NAME.most == tries(tried, "anna", address, 0, 100)
        for _ in range(100):
            tried.begin(RIGHT, address, 0)
            tried.was_right(RIGHT, address)
        assert 0 == tries(tried, "anna", address, 0, 100), "nobody else gains by it"


def test_a_password_that_was_right_once_is_as_any_other_when_it_was_changed() -> None:
    tried = Attempts()
    tried.begin(RIGHT, None, 0)
    tried.was_right(RIGHT, None)
    tried.was_wrong(RIGHT)
    tries(tried, "anna", None, 0, 100)
    with pytest.raises(TooManyAttempts):
        tried.begin(RIGHT, None, 0)


def test_who_comes_too_often_is_told_when_to_come_again() -> None:
    tried = Attempts()
    tries(tried, "anna", None, 0, 100)
    with pytest.raises(TooManyAttempts) as caught:
        tried.begin(RIGHT, None, 3000)
    assert BY_NAME.every_s - 3 == caught.value.retry_after_s
    tried.begin(RIGHT, None, int(BY_NAME.every_s * 1000))


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    tried = Attempts()
    assert BY_NAME.most == tries(tried, "anna", None, 10**12, 100)
    assert 0 == tries(tried, "anna", None, 0, 100)


def test_what_is_remembered_of_attempts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "KEPT_MAX", 100)
    tried = Attempts()
    for n in range(1000):
        each = Password("x" * 10_000 + str(n), "geheim")
        tried.begin(each, f"192.0.{n % 250}.{n // 250}", 0)
        tried.was_right(each, f"192.0.{n % 250}.{n // 250}")
    kept = (tried._names._purses, tried._addresses._purses, tried._right)
    assert all(len(each) <= 100 and max(map(len, each)) <= 32 for each in kept)


# -- who proved it a moment ago


ANNA = Proven(Principal("anna", frozenset({ADMIN})))


def test_what_was_proved_is_known_for_a_while_in_the_same_directory() -> None:
    known, right = Remembered(), Password("anna", "right")
    known.note(right, ANNA, 1, 1000, 2000)
    assert ANNA == known.find(right, 1, 1000)
    assert ANNA == known.find(right, 1, 1999)
    assert None is known.find(right, 1, 2000)
    assert None is known.find(right, 1, 999), "the clock went back: nobody knows how far"
    for other in (
        Password("anna", "Right"),
        Password("annar", "ight"),
        Password("anna", ""),
        Password("", "annaright"),
    ):
        assert None is known.find(other, 1, 1000)
    assert None is known.find(right, 2, 1000), "something has changed"
    assert None is known.find(right, 1, 1000), "and it does not come back"


def test_kinds_of_credentials_are_not_mistaken_for_one_another() -> None:
    known = Remembered()
    known.note(Certificate("anna"), ANNA, 1, 0, 1000)
    assert ANNA == known.find(Certificate("anna"), 1, 0)
    assert [None, None] == [known.find(kind("anna"), 1, 0) for kind in (Token, Cookie)]


def test_what_is_remembered_is_bounded_and_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "KEPT_MAX", 10)
    known = Remembered()
    for n in range(100):
        known.note(Password("anna", f"geheim{n}"), ANNA, 1, 0, 1000)
    assert 10 == len(known._known)
    assert b"geheim" not in b"".join(known._known)


# -- rights


ADMINISTRATOR, USER = Principal("root", frozenset({ADMIN})), Principal("anna", frozenset({"sales", "admin"}))


def lists(**levels: str) -> InForce:
    """An access list with these entries; `default` is that for all others."""
    names = {name: "-default-" if name == "default" else name for name in levels}
    return InForce((AccessList({names[name]: checked_entry(names[name], level) for name, level in levels.items()}),))


def may(principal: Principal, need: Need, database: str | None = "db", seen: InForce = InForce()) -> bool:  # noqa: B008
    try:
        check(principal, need, database, seen)
    except NotAllowed:
        return False
    return True


def test_without_a_list_an_administrator_may_do_everything_and_others_nothing() -> None:
    assert all(may(ADMINISTRATOR, need) for need in Need)
    assert {Need.NOTHING, Need.LOGIN} == {need for need in Need if may(USER, need)}
    assert {Need.NOTHING, Need.LOGIN} == {need for need in Need if may(ANONYMOUS, need)}
    assert [ALL_RIGHTS, NO_RIGHTS] == [rights_of(each, "db", InForce()) for each in (ADMINISTRATOR, USER)]


IN_DATABASE = (Need.OFFER, Need.WRITE, Need.READ, Need.COPY, Need.NOTE, Need.DESIGN, Need.MANAGE)
ENOUGH = {
    "none": 0,
    "depositor": 2,
    "reader": 5,
    "author": 5,
    "editor": 5,
    "designer": 6,
    "manager": 7,
}


@pytest.mark.parametrize("level", ENOUGH)
def test_a_level_is_enough_for_these_needs(level: str) -> None:
    enough = {Need.NOTHING, Need.LOGIN, *IN_DATABASE[: ENOUGH[level]]}
    assert enough == {need for need in Need if may(USER, need, "db", lists(anna=level))}
    assert enough == {need for need in Need if may(USER, need, "db", lists(default=level))}
    assert enough == {need for need in Need if may(ANONYMOUS, need, "db", lists(anonymous=level))}
    assert all(may(ADMINISTRATOR, need, "db", lists(root=level)) for need in Need), "no list takes anything from them"


def test_a_token_narrows_what_the_list_gives() -> None:
    seen = lists(anna="manager")
    reading = {need for need in Need if may(USER._replace(read_only=True), need, "db", seen)}
    assert {Need.NOTHING, Need.LOGIN, Need.OFFER, Need.READ, Need.COPY, Need.NOTE} == reading
    elsewhere = USER._replace(databases=frozenset({"other"}))
    assert {Need.NOTHING, Need.LOGIN} == {need for need in Need if may(elsewhere, need, "db", seen)}
    assert Level.NONE is rights_of(elsewhere, "db", seen).level


def test_a_token_for_reading_may_read_and_note_how_far_it_came() -> None:
    reading = {need for need in Need if may(ADMINISTRATOR._replace(read_only=True), need)}
    assert {Need.NOTHING, Need.LOGIN, Need.OFFER, Need.READ, Need.COPY, Need.NOTE, Need.OBSERVE} == reading
    assert not may(USER._replace(read_only=True), Need.READ), "it gives nothing that its user has not"


def test_a_token_for_some_databases_reaches_no_other_and_not_the_server_as_a_whole() -> None:
    narrow = ADMINISTRATOR._replace(databases=frozenset({"db"}))
    assert {need for need in Need if not may(narrow, need)} == set()
    assert {need for need in Need if may(narrow, need, "other")} == {Need.NOTHING, Need.LOGIN}
    assert not may(narrow, Need.OBSERVE, None)
    assert not may(narrow, Need.ADMINISTER, None)
    assert not may(ADMINISTRATOR._replace(databases=frozenset()), Need.READ)


@pytest.mark.parametrize("need", [need for need in Need if need not in (Need.NOTHING, Need.LOGIN)])
def test_rights_in_a_database_need_one(need: Need) -> None:
    assert may(ADMINISTRATOR, need, None) == (need in (Need.OBSERVE, Need.ADMINISTER))
