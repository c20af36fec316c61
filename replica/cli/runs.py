"""What is said of a run, for commands that run connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replica.cli import render
from replica.cli.exits import Exit, exit_for, worst
from replica.cli.terminal import Terminal
from replica.errors import ReplicaError

if TYPE_CHECKING:
    from replica.service.run import Run


def exit_of(done: Run) -> Exit:
    """The code of one run. To find somebody else at it is no failure, unless it was called by name."""
    if done.outcome == "skipped":
        return Exit.DONE if done.moment is not None else Exit.LOCKED
    codes = [exit_for(error) for error in done.errors]
    outcomes = {part.outcome for part in done.parts}
    codes += [Exit.PARTIAL] * ("partial" in outcomes) + [Exit.LIMIT] * ("limit" in outcomes)
    return worst(codes)


def tell(done: Run, out: Terminal) -> None:
    """One line of a run: what came of it if that was asked for, and what went wrong."""
    name = done.connection.name
    sentences = [render.tally_sentence(way, tally, False) for way, tally in done.totals().items()]
    if done.moment is None and not out.quiet and not out.as_json:
        for sentence in sentences:
            out.line(render.plain(f"{name}: {sentence}"), now=True)
    problem = _problem(done)
    if problem is None:
        if out.verbose and done.moment is not None:
            seconds = (done.end - done.start).total_seconds()
            out.note(f"{name}: {'; '.join(sentences)} ({seconds:.1f} s)")
        return
    said = f"{name}: {problem}"
    if done.outcome == "skipped" and done.moment is not None:
        if out.verbose:
            out.note(said)
        return
    out.warn(said)
    if done.errors and isinstance(done.errors[0], ReplicaError):
        out.note(f"hint: {done.errors[0].hint}")


def _problem(done: Run) -> str | None:
    """What went wrong, in one line; None if nothing did."""
    failed = [part for part in done.parts if part.error is not None]
    if done.error is not None:
        return _said(done.error)
    if failed:
        several = f"{len(failed)} of {len(done.parts)} databases failed; " if len(done.parts) > 1 else ""
        return f"{several}{failed[0].pair.here}: {_said(failed[0].error)}"
    if done.outcome == "limit":
        return "the time was up; the next run goes on from there"
    if done.outcome == "partial":
        count = sum(tally.failed + sum(tally.refused.values()) for tally in done.totals().values())
        return f"{render.counted(count, 'document')} not taken; `replicate refused` lists them"
    return None


def _said(error: BaseException | None) -> str:
    from replica.service.run import told

    return (told(error) or {"message": ""})["message"]
