"""What runs by itself: connections, when they are due, and running them.

``load`` reads a configuration, ``due`` says what is due, and a ``Runner`` runs it and keeps the log.
"""

import importlib
import typing

if typing.TYPE_CHECKING:
    from replica.service.agenda import Due, due
    from replica.service.configuration import Configuration, Problem, load
    from replica.service.connection import Connection
    from replica.service.past import Past
    from replica.service.reading import read_connection
    from replica.service.run import Run
    from replica.service.running import Runner

__all__ = ["Configuration", "Connection", "Due", "Past", "Problem", "Run", "Runner", "due", "load", "read_connection"]

# Loaded when they are first used: flags are read with `units` alone, and Pydantic takes longer than most commands.
_HOMES = {
    "Configuration": "configuration",
    "Connection": "connection",
    "Due": "agenda",
    "Past": "past",
    "Problem": "configuration",
    "Run": "run",
    "Runner": "running",
    "due": "agenda",
    "load": "configuration",
    "read_connection": "reading",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'replica.service' has no attribute {name!r}")
    found = getattr(importlib.import_module(f"replica.service.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
