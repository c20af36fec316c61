"""From what a request shows to who asks, by the directory of users. It reads files: most of it belongs in a thread."""

from __future__ import annotations

from collections.abc import Sequence

from replica.access import ANONYMOUS, Directory, Principal
from replica.access.principal import ADMIN
from replica.access.tokens import Token as KnownToken
from replica.access.tokens import id_of
from replica.clock import Clock
from replica.server.deeds import Login
from replica.server.gate.cookies import LASTS_S as COOKIE_S
from replica.server.gate.cookies import cookie, read_cookie
from replica.server.gate.credentials import Certificate, Cookie, Credentials, Password, Token
from replica.server.gate.remembered import Remembered
from replica.server.gate.visit import Proven, Visit, Way

EVERYBODY = Proven(Principal(None, frozenset({ADMIN})))  # as long as there are no users
NOBODY = Proven(ANONYMOUS)
LASTS_MS = 5 * 60_000  # for how long it is remembered what was proved
TOKEN_MS = 1000  # the same of tokens, which may expire


class Proofs:
    """What credentials prove. Threads may share it."""

    def __init__(self, directory: Directory, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._remembered = Remembered()

    def everybody(self) -> Visit | None:
        """A visit of everybody, who may do everything; None if there are users."""
        if not self._directory.is_empty:
            return None
        return Visit(EVERYBODY, None, lambda: EVERYBODY if self._directory.is_empty else None)

    def at_hand(self, shown: Sequence[Credentials]) -> Visit | None:
        """Who shows these, if that is known without looking: no more than a glance at the directory, which needs no thread."""
        if not shown:
            return Visit(NOBODY, None, lambda: NOBODY)
        proven = self._remembered.find(shown[0], self._directory.version, self._clock())
        return None if proven is None else self._visit(shown[0], proven)

    def visit(self, shown: Sequence[Credentials]) -> Visit | Password | Login:
        """Who shows these; a password if that has to be checked first; if they prove nothing, what is to be noted of them.

        A cookie that is none any more counts as none: browsers send it along unasked, also in order to log in again.
        """
        version, now_ms = self._directory.version, self._clock()
        for each in shown:
            if isinstance(each, Password):
                return each
            found, until_ms = self._by(each, now_ms)
            if isinstance(found, Proven):
                self._remembered.note(each, found, version, now_ms, until_ms)
                return self._visit(each, found)
            if not isinstance(each, Cookie):
                return found
        return Visit(NOBODY, None, lambda: NOBODY)

    def check(self, password: Password) -> Visit | None:
        """Who proves to be somebody by this; None if it is wrong. Slow on purpose, and as slow for an unknown name."""
        version, now_ms = self._directory.version, self._clock()
        if self._directory.by_password(*password) is None:
            return None
        proven = self._named(password.name)
        if proven is None:
            return None
        self._remembered.note(password, proven, version, now_ms, now_ms + LASTS_MS)
        return self._visit(password, proven)

    def cookie(self, visit: Visit) -> str | None:
        """The text of a cookie that proves from now on who this is; None if it is nobody with a password."""
        name, stamp = visit.principal.name, visit.stamp
        return None if name is None or stamp is None else cookie(name, stamp, self._clock() // 1000)

    def renewed(self, visit: Visit, old: Cookie) -> str | None:
        """The same for somebody who came with an old one; None if that is not old yet."""
        signed = read_cookie(old.text)
        due = signed is not None and signed.is_due(self._clock() // 1000)
        return self.cookie(visit) if due else None

    def _by(self, shown: Token | Cookie | Certificate, now_ms: int) -> tuple[Proven | Login, int]:
        """Whom it proves, and until when that is sure if nothing changes; or what is to be noted of it."""
        if isinstance(shown, Token):
            token, principal = self._directory.token_and_holder(shown.secret)
            return _useless(shown, token, now_ms) if principal is None else Proven(principal), now_ms + TOKEN_MS
        if isinstance(shown, Certificate):
            return self._bearer(shown.name) or Login("login_failed", shown.name, "certificate"), now_ms + LASTS_MS
        signed = read_cookie(shown.text)
        proven = None if signed is None else self._named(signed.name)
        if signed is None or proven is None or proven.stamp is None or not signed.is_good(proven.stamp, now_ms // 1000):
            return Login("login_failed", None, "cookie"), 0
        return proven, (signed.made_s + COOKIE_S) * 1000

    def _visit(self, shown: Credentials, proven: Proven) -> Visit:
        if isinstance(shown, Token):
            return Visit(proven, Way.TOKEN, lambda: self._holder(shown))
        name = proven.principal.name or ""
        if isinstance(shown, Certificate):
            return Visit(proven, Way.CERTIFICATE, lambda: self._bearer(name))
        way = Way.COOKIE if isinstance(shown, Cookie) else Way.PASSWORD
        return Visit(proven, way, lambda: self._named(name))

    def _named(self, name: str) -> Proven | None:
        """The user of that name, with a stamp that changes with the password."""
        stamp, principal = self._directory.cookie_key(name), self._directory.by_name(name)
        return None if principal is None or stamp is None else Proven(principal, stamp)

    def _bearer(self, name: str) -> Proven | None:
        principal = self._directory.by_name(name)
        return None if principal is None else Proven(principal)

    def _holder(self, token: Token) -> Proven | None:
        principal = self._directory.by_token(token.secret)
        return None if principal is None else Proven(principal)


def _useless(shown: Token, known: KnownToken | None, now_ms: int) -> Login:
    """What is noted of a token that proves nothing; whose it was, only if all of it was shown."""
    if known is None:
        return Login("login_failed", None, "token", id_of(shown.secret), "unknown")
    return Login("login_failed", known.user, "token", known.id, "expired" if known.is_over(now_ms) else "no_user")
