"""Device slots: how many candidates may use a device at once, and how one gets it alone."""

import contextlib
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from harness.config.schema import LEVELS
from harness.evolution.candidate import Rejection
from harness.sandbox.sandbox import Sandbox, WorkerLostError

T = TypeVar("T")

# Not measured: no GPU has been had yet. Too large a guess costs time, too small a one a second
# training, since whoever runs out of memory is tried again alone.
_CONTEXT_MIB = 500
"""What a process takes of a GPU before it computes anything."""
_MARGIN = 1.5
"""How much larger than the first candidate others may be."""
_USABLE = 0.9


@dataclass(eq=False)
class Occupancy:
    """One candidate's time on the device."""

    accompanied: bool = False
    """Whether another was there at any time of it."""


class Slots:
    """Slots of one device.

    Args:
        n: How many candidates may use it at once; None for any number.
    """

    def __init__(self, n: int | None) -> None:
        self.n = n
        self._occupants: list[Occupancy] = []
        self._claimed = False
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def shared(self) -> Iterator[Occupancy]:
        """Take a place, beside others."""
        occupancy = Occupancy()
        with self._changed:
            self._changed.wait_for(self._free)
            self._occupants.append(occupancy)
            if len(self._occupants) > 1:
                for present in self._occupants:
                    present.accompanied = True
        try:
            yield occupancy
        finally:
            with self._changed:
                self._occupants.remove(occupancy)
                self._changed.notify_all()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Take all of them: wait until everybody has left, and let nobody in meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: not self._claimed)
            self._claimed = True
            self._changed.wait_for(lambda: not self._occupants)
        try:
            yield
        finally:
            with self._changed:
                self._claimed = False
                self._changed.notify_all()

    def _free(self) -> bool:
        return not self._claimed and (self.n is None or len(self._occupants) < self.n)


def fitting(total_mib: float, peak_mib: float) -> int:
    """Return how many candidates like one of this peak a GPU has memory for, at least one."""
    return max(1, math.floor(_USABLE * total_mib / (_MARGIN * (peak_mib + _CONTEXT_MIB))))


class Device:
    """The device that a sandbox computes on, as all candidates share it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.slots = Slots(1 if sandbox.device == "cuda" else None)

    def run(self, work: Callable[[], T]) -> T:
        """Do the work in a slot; once more, alone, where it ran out of a GPU's memory.

        What it ran out of may have been taken by others. On a CPU each candidate has its own.
        """
        with self.slots.shared() as occupancy:
            outcome = retried(work)
        short = isinstance(outcome, Rejection) and outcome.kind == "memory"
        if short and occupancy.accompanied and self._sandbox.device == "cuda":
            with self.slots.alone():
                return retried(work)
        return outcome

    def learn(self, peak_mib: float) -> None:
        """Set the number of slots by how much of a GPU's memory the seed network took.

        More than one at ``sandbox.level=limits`` alone: there nothing is promised that sharing
        could break (THREAT_MODEL.md).
        """
        sensible = math.isfinite(peak_mib) and peak_mib > 0
        if sensible and self._sandbox.device == "cuda" and self._sandbox.required == LEVELS[0]:
            self.slots.n = fitting(self._sandbox.machine["gpu_mib"], peak_mib)


def retried(work: Callable[[], T], *, times: int = 2) -> T:
    """Do the work, again when the worker was lost; WorkerLostError after that many more times."""
    for _ in range(times):
        with contextlib.suppress(WorkerLostError):
            return work()
    return work()
