"""The benchmarks, from file to file, over HTTP and of what access checks cost: what differs between them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import http_picture
import http_plan
import http_table
import picture
import plan
import rights_picture
import rights_plan
import rights_table
import table
from http_lanes import HTTPWorkplace
from lanes import Outcome, Workplace
from plan import Measurement
from rights_lanes import RightsWorkplace


class Place(Protocol):
    """Where databases are made and measured."""

    def prepare(self, lane: str) -> None: ...
    def measure(self, measurement: Measurement) -> Outcome: ...


@dataclass(frozen=True)
class Suite:
    """`lanes` have databases of their own, `need_peers` cannot be measured without PouchDB; `suffix`: of the results' names."""

    suffix: str
    lanes: Collection[str]
    need_peers: Collection[str]
    place: Callable[[Path], Place]
    measurements: Callable[[int], list[Measurement]]
    markdown: Callable[[dict[str, Any]], str]
    svg: Callable[[dict[str, Any]], str]


FILES = Suite("", (plan.OURS, plan.POUCHDB), (plan.POUCHDB,), Workplace, plan.measurements, table.markdown, picture.svg)
HTTP = Suite(
    "-http",
    http_plan.LANES,
    http_plan.NEED_PEERS,
    HTTPWorkplace,
    http_plan.measurements,
    http_table.markdown,
    http_picture.svg,
)
RIGHTS = Suite(
    "-rights",
    rights_plan.RIGHTS,
    (),
    RightsWorkplace,
    rights_plan.measurements,
    rights_table.markdown,
    rights_picture.svg,
)
