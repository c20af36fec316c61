"""Two files brought together as programs do it: by SQL, with the source attached."""

from __future__ import annotations

import replica
from tests.system.workloads.exchange import parts

prepare, work, recover, check = parts(replica.replicate)
