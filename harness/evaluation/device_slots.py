"""Device slots: the number of candidates that may use a device at once, or one of them alone."""

import contextlib
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from harness.config.schema import LEVELS
from harness.evolution.candidate import Rejection
from harness.sandbox.sandbox import Sandbox
from harness.sandbox.worker_process import WorkerLostError

T = TypeVar("T")

# These three are not measured. Too large, they leave a part of the GPU unused. Too small, they let
# candidates run out of memory, which are then trained a second time, alone.
_CONTEXT_MIB = 500
"""GPU memory that a process takes before it computes anything."""
_MARGIN = 1.5
"""Peak of memory of other candidates, relative to the seed network's."""
_USABLE = 0.9
"""Share of a GPU's memory that candidates may fill."""


@dataclass(eq=False)
class Occupancy:
    """The time that one candidate holds a slot."""

    accompanied: bool = False
    """Whether another candidate held a slot at any moment of that time."""


class Slots:
    """Slots of one device.

    Args:
        n: Number of candidates that may use it at once; None for no limit.
    """

    def __init__(self, n: int | None) -> None:
        self.n = n
        self._occupants: list[Occupancy] = []
        self._claimed = False
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def shared(self) -> Iterator[Occupancy]:
        """Hold one slot."""
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
        """Hold all slots: wait until they are free, and admit no other candidate meanwhile."""
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
    """Return the number of candidates of this peak that fit into a GPU's memory, at least one."""
    return max(1, math.floor(_USABLE * total_mib / (_MARGIN * (peak_mib + _CONTEXT_MIB))))


class Device:
    """The device that a sandbox computes on, shared by all candidates."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.slots = Slots(1 if sandbox.device == "cuda" else None)

    def run(self, work: Callable[[], T]) -> T:
        """Do the work in a slot; if it runs out of a GPU's memory, do it once more alone.

        Other candidates may have taken that memory. On a CPU each candidate has a limit of its own.
        """
        with self.slots.shared() as occupancy:
            outcome = retried(work)
        short = isinstance(outcome, Rejection) and outcome.kind == "memory"
        if short and occupancy.accompanied and self._sandbox.device == "cuda":
            with self.slots.alone():
                return retried(work)
        return outcome

    def learn(self, peak_mib: float) -> None:
        """Set the number of slots by the peak of GPU memory of the seed network, in MiB.

        There is more than one slot only at ``sandbox.level=limits``, which promises nothing that
        sharing a GPU could break (THREAT_MODEL.md).
        """
        sensible = math.isfinite(peak_mib) and peak_mib > 0
        if sensible and self._sandbox.device == "cuda" and self._sandbox.required == LEVELS[0]:
            self.slots.n = fitting(self._sandbox.machine.gpu_mib or 0, peak_mib)


def retried(work: Callable[[], T], *, times: int = 2) -> T:
    """Do the work, and again up to ``times`` times if the worker is lost; then WorkerLostError."""
    for _ in range(times):
        with contextlib.suppress(WorkerLostError):
            return work()
    return work()
