"""Document databases that live in many places at once: edited apart, offline, and brought together by replication.

>>> import replica
>>> hub = replica.create(":memory:", title="Orders")
>>> hub.put({"Form": "Order", "Total": 42}, unid="order/1").sequence
1
"""

from replica import errors
from replica.document import Document
from replica.engine.replicate import Progress
from replica.engine.report import Report
from replica.errors import ReplicaError
from replica.following import Change
from replica.replica import Replica, create, open
from replica.replication import replicate
from replica.resolving import Conflict, ConflictLeaf
from replica.store.loading import ImportReport
from replica.store.sessions import Session
from replica.tally import Failure, Tally

__all__ = [
    "Change",
    "Conflict",
    "ConflictLeaf",
    "Document",
    "Failure",
    "ImportReport",
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
]
