"""Two files brought together through the verbs that every transport offers."""

from __future__ import annotations

import replica
from replica.clock import system_clock
from replica.engine.meeting import Options, meet
from replica.engine.replicate import transfer
from replica.store.identity import new_id
from tests.system.workloads.exchange import parts


def bring(a: replica.Replica, b: replica.Replica) -> replica.Report:
    return meet(a.peer, b.peer, Options(), transfer, system_clock, new_id)


prepare, work, recover, check = parts(bring)
