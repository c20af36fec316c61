"""By which names a server may be asked as long as it has no users. Pure.

A web page from anywhere can have its own name point to this machine after it was loaded (DNS rebinding): then the browser
takes the server here for the page's own. What it cannot change is the name that it sends along.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from replica.errors import NotAllowed

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?", re.ASCII)
_HINT = "Ask for localhost or 127.0.0.1; to be reached by other names the server needs users: see docs/serving.md."


def check_host(host: str | None, others: Iterable[str] = ()) -> None:
    """Refuse (`NotAllowed`) a `Host` that is neither this machine's own name for itself nor one of the `others`.

    No header at all is no browser, and passes.
    """
    if host is None:
        return
    match = _HOST.fullmatch(host)
    name = match[1].lower().removesuffix(".") if match else ""
    if not _is_loopback(name.strip("[]")) and name not in {other.lower() for other in others}:
        raise NotAllowed(f"the host {host[:80]!r} is not this machine, and there are no users yet", hint=_HINT)


def _is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
