"""The sum of several rounds."""

from __future__ import annotations

from replica.engine.report import Sum
from replica.tally import Failure, Tally


def refusing(*unids: str, code: str = "too_large", failed: int = 0) -> Tally:
    tally = Tally(added=1, failed=failed)
    for unid in unids:
        tally.refuse(Failure(unid, "1-a", code), code)
    return tally


def test_rounds_are_added_up_by_direction() -> None:
    total = Sum()
    for _ in range(2):
        total.begin("pull", Tally(added=2, bytes=10))
        total.begin("push", Tally(updated=1))
        total.fold()
    total.begin("push", Tally(updated=1))
    report = total.fold()
    assert report.pull is not None
    assert report.push is not None
    assert (4, 20, 3) == (report.pull.added, report.pull.bytes, report.push.updated)
    assert report is total.fold()
    assert 3 == report.push.updated


def test_a_direction_that_never_ran_is_none() -> None:
    assert (None, None) == (Sum().fold().pull, Sum().fold().push)


def test_what_is_refused_again_and_again_counts_once() -> None:
    total = Sum()
    for tally in (refusing("a"), refusing("a", "b"), refusing("a", code="forbidden"), refusing("b")):
        total.begin("pull", tally)
        total.fold()
    report = total.fold()
    assert report.pull is not None
    assert {"too_large": 2, "forbidden": 1} == report.pull.refused
    assert ["a", "b", "a"] == [failure.unid for failure in report.pull.failures]
    assert not report.ok


def test_what_arrives_damaged_again_and_again_counts_once() -> None:
    total = Sum()
    for _ in range(3):
        tally = Tally(failed=1, failures=[Failure("a", "1-a", "corrupt")])
        total.begin("pull", tally)
        total.fold()
    report = total.fold()
    assert report.pull is not None
    assert (1, 1) == (report.pull.failed, len(report.pull.failures))
