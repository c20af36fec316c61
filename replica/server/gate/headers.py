"""Headers that decide something: each is there once, or not at all."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from replica.errors import BadRequest


def sole(scope: MutableMapping[str, Any], name: str) -> str | None:
    """The header `name` of a request; None if it has none. `BadRequest` if it is there twice.

    Of two, this program and a proxy before it might each choose another one.
    """
    found = [value for key, value in scope["headers"] if key == name.encode()]
    if len(found) > 1:
        raise BadRequest(f"there is more than one header `{name}`", hint="Send it once.")
    return found[0].decode("latin-1") if found else None
