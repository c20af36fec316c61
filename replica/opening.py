"""From a path or an address to a replica."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from replica.clock import Clock, system_clock
from replica.errors import Mistake
from replica.replica import BUSY_TIMEOUT_S, FilePath, Replica, open_path
from replica.transports.address import is_address

if TYPE_CHECKING:
    from replica.transports.network import Network


def open(
    path: FilePath,
    *,
    user: str | None = None,
    clock: Clock = system_clock,
    busy_timeout: float = BUSY_TIMEOUT_S,
    network: Network | None = None,
) -> Replica:
    """Open the replica in the file at `path`, or at an address: ``https://host/database``.

    `NotFound`, `NotADatabase`, `TooNew`, `TooOld`, `Corrupt`, `HardLinked`, `ReadOnly`; the file is not changed then.
    A replica that may only be read can be read, and pulled from. `user`: who saves there, as `$UpdatedBy` tells it; `Mistake`
    if that is no name, or where there is a server, which knows who asks. Over the network, where `network` holds secrets and the
    like: `get put delete find documents changes conflicts resolve info copy`, anything else is `NotSupported`;
    `NotAuthenticated`, `NotAllowed`, `Unreachable` and the other kinds of `TransportError`.
    """
    if is_address(path):
        from replica.remote import RemoteReplica

        if user is not None:
            raise Mistake(f"{os.fsdecode(path)}: a server says itself who saves", hint="Leave `user` out.")
        remote = RemoteReplica(os.fsdecode(path), network, clock)
        try:
            remote.info()
        except BaseException:
            remote.close()
            raise
        return remote
    return open_path(path, user=user, clock=clock, busy_timeout=busy_timeout)
