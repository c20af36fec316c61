"""How often passwords may be tried. Time is passed in; memory is bounded.

Each name has a purse of attempts that fills up again slowly, and so has each address. A wrong password costs one of both, a
right one nothing; when a purse is empty, whatever comes is sent away before any work is done. A password that was right
before needs no purse, as long as it is right: others cannot lock anybody out.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from collections import OrderedDict
from typing import NamedTuple

from replica.access.tokens import new_key
from replica.errors import TooManyAttempts
from replica.server.gate.credentials import Password

KEPT_MAX = 10_000  # purses of each kind, and passwords that were right
_V6_NETWORK = 64  # bits; whoever has one address there has all


class Allowance(NamedTuple):
    """How many at once, and how long until there is one more."""

    most: int
    every_s: float


BY_NAME = Allowance(10, 10.0)  # 8,640 a day
BY_ADDRESS = Allowance(50, 2.0)


class Attempts:
    """What was tried lately. To be used in one thread."""

    def __init__(self) -> None:
        self._names = _Purses(BY_NAME)
        self._addresses = _Purses(BY_ADDRESS)
        self._key = new_key()
        self._right: OrderedDict[bytes, None] = OrderedDict()

    def begin(self, shown: Password, address: str | None, now_ms: int) -> None:
        """Before a password is looked at. `TooManyAttempts` if it should not be, now."""
        if self._digest(shown) in self._right:
            return
        purses = self._purses(shown, address)
        wait_s = max(purse.wait_s(key, now_ms) for purse, key in purses)
        if wait_s > 0:
            raise TooManyAttempts("there were too many wrong passwords", retry_after_s=math.ceil(wait_s))
        for purse, key in purses:
            purse.spend(key, now_ms)

    def was_right(self, shown: Password, address: str | None) -> None:
        """It was: it costs nothing, now and later."""
        digest = self._digest(shown)
        if digest not in self._right:
            for purse, key in self._purses(shown, address):
                purse.give_back(key)
        self._right[digest] = None
        self._right.move_to_end(digest)
        while len(self._right) > KEPT_MAX:
            self._right.popitem(last=False)

    def was_wrong(self, shown: Password) -> None:
        """It is not any more, if it ever was."""
        self._right.pop(self._digest(shown), None)

    def _purses(self, shown: Password, address: str | None) -> list[tuple[_Purses, bytes]]:
        """Those that an attempt is paid from, and under which key."""
        network = _network(address)
        of_address = [] if network is None else [(self._addresses, network.encode())]
        return [(self._names, self._digest((shown.name,))), *of_address]

    def _digest(self, words: tuple[str, ...]) -> bytes:
        """Names may be long, and passwords are kept nowhere: a digest is neither."""
        text = "\0".join(words).encode(errors="surrogatepass")
        return hashlib.blake2b(text, digest_size=32, key=self._key).digest()


class _Purses:
    """Purses by key. A purse that is forgotten is full again: the one that was used longest ago goes first."""

    def __init__(self, allowance: Allowance) -> None:
        self._most, self._every_ms = allowance.most, allowance.every_s * 1000
        self._purses: OrderedDict[bytes, tuple[float, int]] = OrderedDict()  # how much was in it, and when

    def _content(self, key: bytes, now_ms: int) -> float:
        content, at_ms = self._purses.get(key, (float(self._most), now_ms))
        return min(self._most, content + max(0, now_ms - at_ms) / self._every_ms)

    def wait_s(self, key: bytes, now_ms: int) -> float:
        return max(0.0, 1 - self._content(key, now_ms)) * self._every_ms / 1000

    def spend(self, key: bytes, now_ms: int) -> None:
        self._purses[key] = self._content(key, now_ms) - 1, now_ms
        self._purses.move_to_end(key)
        while len(self._purses) > KEPT_MAX:
            self._purses.popitem(last=False)

    def give_back(self, key: bytes) -> None:
        if key in self._purses:
            content, at_ms = self._purses[key]
            self._purses[key] = min(self._most, content + 1), at_ms


def _network(address: str | None) -> str | None:
    """What stands for whoever is at an address. None on this machine: a proxy there asks for everybody."""
    if address is None:
        return None
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.is_loopback:
        return None
    if found.version == 6:
        mapped = found.ipv4_mapped
        return str(mapped or ipaddress.ip_network((found, _V6_NETWORK), strict=False))
    return str(found)
