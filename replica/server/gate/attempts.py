"""How often passwords may be tried. Time is passed in; memory is bounded.

Each name has a purse of attempts that fills up again slowly, and so has each address. A wrong password costs one of both, a
right one nothing; when a purse is empty, whatever comes is sent away before any work is done. Whoever has logged in from an
address has a purse of their own for that: others cannot lock them out.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from collections import OrderedDict
from typing import NamedTuple

from replica.errors import TooManyAttempts

KEPT_MAX = 10_000  # purses of each kind, and people with the addresses they came from
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
        self._familiar: OrderedDict[bytes, None] = OrderedDict()

    def begin(self, name: str, address: str | None, now_ms: int) -> None:
        """Before a password is looked at. `TooManyAttempts` if it should not be, now."""
        named, network = self._keys(name, address)
        wait_s = self._names.wait_s(named, now_ms)
        if network is not None:
            wait_s = max(wait_s, self._addresses.wait_s(network, now_ms))
        if wait_s > 0:
            raise TooManyAttempts("there were too many wrong passwords", retry_after_s=math.ceil(wait_s))
        self._names.spend(named, now_ms)
        if network is not None:
            self._addresses.spend(network, now_ms)

    def was_right(self, name: str, address: str | None) -> None:
        """It was: it costs nothing."""
        named, network = self._keys(name, address)
        self._names.give_back(named)
        if network is not None:
            self._addresses.give_back(network)
        pair = _digest(name, address or "")
        self._familiar[pair] = None
        self._familiar.move_to_end(pair)
        while len(self._familiar) > KEPT_MAX:
            self._familiar.popitem(last=False)

    def _keys(self, name: str, address: str | None) -> tuple[bytes, bytes | None]:
        pair = _digest(name, address or "")
        network = _network(address)
        return pair if pair in self._familiar else _digest(name), None if network is None else network.encode()


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


def _digest(*words: str) -> bytes:
    """Names may be long: a digest of one is not."""
    return hashlib.blake2b("\0".join(words).encode(errors="surrogatepass"), digest_size=16).digest()


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
