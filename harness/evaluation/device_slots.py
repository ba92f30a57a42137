"""How many candidates may be on a device at once, and how one comes to have it for itself."""

import contextlib
import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass

# Not measured: no GPU has been had yet. Too large a guess costs time, too small a one a second
# training, since whoever runs out of memory is tried again alone.
_CONTEXT_MIB = 500
"""What a process takes of a GPU before it computes anything."""
_MARGIN = 1.5
"""How much larger than the first candidate others may be."""
_USABLE = 0.9


@dataclass(eq=False)
class Stay:
    """One candidate's time on the device."""

    accompanied: bool = False
    """Whether another was there at any time of it."""


class Places:
    """Places on one device. n: how many, None for as many as come."""

    def __init__(self, n: int | None) -> None:
        self.n = n
        self._stays: list[Stay] = []
        self._claimed = False
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def shared(self) -> Iterator[Stay]:
        """Take a place, beside others."""
        stay = Stay()
        with self._changed:
            self._changed.wait_for(self._free)
            self._stays.append(stay)
            if len(self._stays) > 1:
                for present in self._stays:
                    present.accompanied = True
        try:
            yield stay
        finally:
            with self._changed:
                self._stays.remove(stay)
                self._changed.notify_all()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Take all of them: wait until everybody has left, and let nobody in meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: not self._claimed)
            self._claimed = True
            self._changed.wait_for(lambda: not self._stays)
        try:
            yield
        finally:
            with self._changed:
                self._claimed = False
                self._changed.notify_all()

    def _free(self) -> bool:
        return not self._claimed and (self.n is None or len(self._stays) < self.n)


def fitting(total_mib: float, peak_mib: float) -> int:
    """Return how many candidates like one of this peak a GPU has memory for, at least one."""
    return max(1, math.floor(_USABLE * total_mib / (_MARGIN * (peak_mib + _CONTEXT_MIB))))
