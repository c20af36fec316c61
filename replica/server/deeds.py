"""What the application notes of a request for the security log: who asks, what came of a password, what was refused."""

from __future__ import annotations

from typing import Literal, NamedTuple

from replica.server.exchange import Message

_KEY = "replica.deeds"


class Login(NamedTuple):
    """Somebody tried to prove to be somebody. `event`: what came of it; `user`: of that name, if one was said. Of a token: its
    id, which is no secret, and the `reason` why it proves nothing.
    """

    event: Literal["login", "login_failed", "login_limited"]
    user: str | None
    way: str
    token: str | None = None
    reason: Literal["expired", "no_user", "unknown"] | None = None


class Deeds:
    """`user`: who asks, if anybody in particular; `login`: what came of a password, token or certificate that was looked at;
    `refused`: how many documents were not taken because of who brought them.
    """

    __slots__ = ("login", "refused", "user")

    def __init__(self) -> None:
        self.user: str | None = None
        self.login: Login | None = None
        self.refused = 0


def begin_deeds(scope: Message) -> Deeds:
    """Nothing yet, of a request that has come."""
    scope[_KEY] = made = Deeds()
    return made


def deeds_of(scope: Message) -> Deeds:
    """What is noted of a request."""
    found: Deeds = scope[_KEY]
    return found
