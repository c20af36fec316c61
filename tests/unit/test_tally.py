"""What a replication did, counted: each kind of change by name, and the counts of parts put together."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import Any

import pytest

from replica.canonical import Json, canonical
from replica.leaf import Leaf, next_revision
from replica.tally import FAILURES_MAX, Failure, Tally

LIMIT = 1000


def saved(items: dict[str, Json], *parents: Leaf, time_ms: int = 1) -> Leaf:
    return next_revision("u", list(parents), canonical(items), time_ms, LIMIT)


def deleted(*parents: Leaf, time_ms: int = 1) -> Leaf:
    return next_revision("u", list(parents), b"{}", time_ms, LIMIT, deleted=True)


FIRST = saved({"a": 1})
SECOND = saved({"a": 2}, FIRST)
OTHER = saved({"a": 3}, FIRST, time_ms=2)
TWIN = saved({"a": 2}, FIRST, time_ms=3)
STUB = deleted(FIRST)
LATER_STUB = deleted(SECOND)
ROUND_BODY = canonical({"a": 2.0})
UNVERIFIED = SECOND._replace(verified=False, body=ROUND_BODY, hash=hashlib.sha256(ROUND_BODY).digest())

CASES: dict[str, tuple[list[Leaf], list[Leaf], dict[str, int]]] = {
    "a new document": ([], [FIRST], {"added": 1}),
    "a new deletion stub": ([], [STUB], {"added": 1}),
    "a new document with a conflict": ([], [SECOND, OTHER], {"added": 1, "conflicts": 1}),
    "a new document with two leaves of equal content": ([], [SECOND, TWIN], {"added": 1}),
    "a new document beside a stub": ([], [SECOND, STUB], {"added": 1, "resurrected": 1}),
    "a newer revision": ([FIRST], [SECOND], {"updated": 1}),
    "a clash": ([SECOND], [SECOND, OTHER], {"updated": 1, "conflicts": 1}),
    "a third version": ([SECOND, OTHER], [SECOND, OTHER, saved({"a": 4}, FIRST)], {"updated": 1, "conflicts": 1}),
    "another leaf of equal content": ([SECOND], [SECOND, TWIN], {"updated": 1}),
    "the end of a conflict": ([SECOND, OTHER], [saved({"a": 5}, SECOND, OTHER)], {"updated": 1}),
    "a newer version in a conflict": ([SECOND, OTHER], [OTHER, saved({"a": 5}, SECOND)], {"updated": 1}),
    "a deletion": ([FIRST], [STUB], {"deleted": 1}),
    "a deletion of all versions": ([SECOND, OTHER], [deleted(SECOND, OTHER)], {"deleted": 1}),
    "a deletion of one version": ([SECOND, OTHER], [OTHER, LATER_STUB], {"updated": 1}),
    "an edit that survives a concurrent deletion": ([STUB], [STUB, SECOND], {"updated": 1, "resurrected": 1}),
    "a deletion that does not stop an edit": ([SECOND], [STUB, SECOND], {"updated": 1, "resurrected": 1}),
    "another edit beside that deletion": ([STUB, SECOND], [STUB, saved({"a": 6}, SECOND)], {"updated": 1}),
    "a document saved again after its deletion": ([STUB], [saved({"a": 7}, STUB)], {"updated": 1}),
    "a later deletion of what was deleted": ([STUB], [deleted(saved({"a": 7}, STUB))], {"updated": 1}),
    "two deletions": ([STUB], [STUB, LATER_STUB], {"updated": 1}),
    "nothing": ([SECOND], [SECOND], {}),
    "nothing but the order": ([SECOND, OTHER], [OTHER, SECOND], {}),
    "verified bytes in place of unverified ones": ([UNVERIFIED], [SECOND], {"replaced": 1}),
    "verified bytes and a clash": ([UNVERIFIED], [SECOND, OTHER], {"replaced": 1, "updated": 1, "conflicts": 1}),
    "more ancestry": ([SECOND._replace(ancestry=SECOND.ancestry.cut(0))], [SECOND], {}),
}


@pytest.mark.parametrize("what", CASES)
def test_every_change_is_counted_as_what_it_is(what: str) -> None:
    before, after, expected = CASES[what]
    tally = Tally()
    tally.count(before, after)
    counted = {name: number for name, number in tally.to_dict().items() if isinstance(number, int) and number}
    assert expected == counted
    assert tally.added + tally.updated + tally.deleted <= 1
    assert tally.ok


def test_the_shape_is_that_of_the_interface() -> None:
    counts = ["added", "updated", "deleted", "conflicts", "merged", "replaced", "resurrected", "failed"]
    keys = [*counts, "refused", "failures", "read", "bytes", "wire_bytes", "evicted", "unsent"]
    assert keys == list(Tally().to_dict())
    tally = Tally()
    tally.fail(FIRST, "corrupt")
    assert [{"unid": "u", "revision": str(FIRST.revision), "code": "corrupt"}] == tally.to_dict()["failures"]


def test_failures_and_refusals_are_named_and_make_it_not_ok() -> None:
    tally = Tally()
    assert tally.ok
    tally.refuse(FIRST, "too_large")
    tally.refuse(SECOND, "too_large")
    tally.refuse(STUB, "stale")
    assert {"too_large": 2, "stale": 1} == tally.refused
    assert not tally.ok
    failed = Tally()
    failed.fail(OTHER, "corrupt")
    assert 1 == failed.failed
    assert not failed.ok
    tally.add(failed)
    assert [FIRST, SECOND, STUB, OTHER] == [
        next(leaf for leaf in (FIRST, SECOND, STUB, OTHER) if str(leaf.revision) == failure.revision)
        for failure in tally.failures
    ]


def test_parts_add_up_in_every_count() -> None:
    def filled(factor: int) -> Tally:
        values: dict[str, Any] = {}
        for number, field in enumerate(fields(Tally), 1):
            values[field.name] = number * factor
        values["refused"] = {"too_large": factor, f"only {factor}": 1}
        values["failures"] = [Failure("u", f"1-{factor}", "corrupt")]
        return Tally(**values)

    total = filled(1)
    total.add(filled(10))
    for number, field in enumerate(fields(Tally), 1):
        if field.name not in ("refused", "failures"):
            assert 11 * number == getattr(total, field.name), field.name
    assert {"too_large": 11, "only 1": 1, "only 10": 1} == total.refused
    assert ["1-1", "1-10"] == [failure.revision for failure in total.failures]


def test_only_the_first_failures_are_named_but_all_are_counted() -> None:
    total = Tally()
    for part in range(3):
        tally = Tally()
        for number in range(FAILURES_MAX // 2 + 100):
            tally.fail(FIRST._replace(unid=f"{part}/{number}"), "corrupt")
        total.add(tally)
    assert 3 * (FAILURES_MAX // 2 + 100) == total.failed
    assert FAILURES_MAX == len(total.failures)
