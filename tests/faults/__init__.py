"""Faults: what a library does to its files when processes are killed, disks fail or are full, and power is cut.

A workload is a Python file with these functions; it is loaded into a process of its own, which forks for every run, so
at its top it imports what is slow to import, opens nothing, and leaves `tests.faults` alone:

    def prepare(folder: Path) -> None:
        '''Make what is there before; runs once, without faults, and its files are copied for every run.'''

    def work(folder: Path, attempt) -> None:
        '''Runs with faults. Each promise that is to be held is one block; tokens are str or int, each used once.'''
        with replica.open(folder / "a.db") as hub:
            for n in range(10):
                with attempt(n):            # acknowledged when the block has ended
                    hub.put({"n": n}, unid=str(n))

    def recover(folder: Path, attempt) -> None:
        '''Only for `compound`: what the next start does after a crash.'''

    def check(folder: Path, acknowledged: list, unknown: list) -> None:
        '''Assert that every acknowledged token is there, whole; nothing is there that is in neither list.'''

A block that raises is unknown, not "not written": it may be there. The error is noted and `work` goes on. What raises
outside a block ends `work`. `check` runs in the process of the tests, without faults; it may write, to show that all
works again. In the tests:

    with Rig(Path(...)) as rig:
        assert [] == failures(rig.sweep("kill"))                         # also "error", "sticky", "short"
        assert [] == failures(rig.sweep("sticky", errno.ENOSPC, every=3))
        assert [] == failures(rig.power_cuts(random_states=5))
        assert set() == {outcome.call for outcome in rig.sweep("error") if outcome.silent} - HARMLESS
"""

from tests.faults.powercut import State, Step, Trace, crash_states
from tests.faults.rig import Outcome, Rig, failures, sweep
from tests.faults.shim import Fault, Mode

__all__ = ["Fault", "Mode", "Outcome", "Rig", "State", "Step", "Trace", "crash_states", "failures", "sweep"]
