"""Document databases that live in many places at once: edited apart, offline, and brought together by replication.

>>> import replica
>>> hub = replica.create(":memory:", title="Orders")
>>> hub.put({"Form": "Order", "Total": 42}, unid="order/1").sequence
1
"""

import importlib
import typing

if typing.TYPE_CHECKING:
    from replica import errors
    from replica.document import Document
    from replica.engine.replicate import Progress
    from replica.engine.report import Report
    from replica.errors import ReplicaError
    from replica.following import Change
    from replica.opening import open
    from replica.replica import Replica, create, upgrade
    from replica.replication import replicate
    from replica.resolving import Conflict, ConflictLeaf
    from replica.store.loading import ImportReport
    from replica.store.sessions import Session
    from replica.tally import Failure, Tally
    from replica.transports.network import Network

__all__ = [
    "Change",
    "Conflict",
    "ConflictLeaf",
    "Document",
    "Failure",
    "ImportReport",
    "Network",
    "Progress",
    "Replica",
    "ReplicaError",
    "Report",
    "Session",
    "Tally",
    "create",
    "errors",
    "open",
    "replicate",
    "upgrade",
]

# Where each name lives. A module is loaded when one of its names is first used: SQLAlchemy alone takes longer than most
# commands, and `replicate --help` needs none of it.
_HOMES = {
    "Change": "replica.following",
    "Conflict": "replica.resolving",
    "ConflictLeaf": "replica.resolving",
    "Document": "replica.document",
    "Failure": "replica.tally",
    "ImportReport": "replica.store.loading",
    "Network": "replica.transports.network",
    "Progress": "replica.engine.replicate",
    "Replica": "replica.replica",
    "ReplicaError": "replica.errors",
    "Report": "replica.engine.report",
    "Session": "replica.store.sessions",
    "Tally": "replica.tally",
    "create": "replica.replica",
    "errors": "replica.errors",
    "open": "replica.opening",
    "replicate": "replica.replication",
    "upgrade": "replica.replica",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'replica' has no attribute {name!r}")
    home = importlib.import_module(_HOMES[name])
    found = home if home.__name__ == f"replica.{name}" else getattr(home, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
