"""From a path or an address to a replica."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from replica.clock import Clock, system_clock
from replica.replica import BUSY_TIMEOUT_S, FilePath, Replica, open_path
from replica.transports.address import is_address

if TYPE_CHECKING:
    from replica.transports.network import Network


def open(
    path: FilePath,
    *,
    clock: Clock = system_clock,
    busy_timeout: float = BUSY_TIMEOUT_S,
    network: Network | None = None,
) -> Replica:
    """Open the replica in the file at `path`, or at an address: ``https://host/database``.

    `NotFound`, `NotADatabase`, `TooNew`, `TooOld`, `Corrupt`, `HardLinked`, `ReadOnly`; the file is not changed then.
    A replica that may only be read can be read, and pulled from. Over the network, where `network` holds secrets and the
    like: `get put delete find documents changes conflicts resolve info copy`, anything else is `NotSupported`;
    `NotAuthenticated`, `NotAllowed`, `Unreachable` and the other kinds of `TransportError`.
    """
    if is_address(path):
        from replica.remote import RemoteReplica

        remote = RemoteReplica(os.fsdecode(path), network, clock)
        try:
            remote.info()
        except BaseException:
            remote.close()
            raise
        return remote
    return open_path(path, clock=clock, busy_timeout=busy_timeout)
