"""The backend of a run: gates and training, as an executor offers them."""

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any, Protocol, TypeVar

from harness.errors import MachineError
from harness.evolution.candidate import Gated, Outcome
from harness.evolution.genome import Genome

T = TypeVar("T")
R = TypeVar("R")


class Gatekeeper(Protocol):
    """Passes a network through all gates."""

    def __call__(self, genome: Genome, *, seed: int) -> Gated:
        """Return what the gates found.

        Args:
            genome: The network.
            seed: Seed of its training in the search.
        """
        ...


class Trainer(Protocol):
    """Trains a network and scores it."""

    def search(
        self, genome: Genome, *, seed: int, split: str = "validation", epochs: int | None = None
    ) -> Outcome:
        """Train and score a network for the search.

        Args:
            genome: The network.
            seed: Training seed.
            split: The split to score on.
            epochs: Number of epochs; None for the recipe's.
        """
        ...

    def final(self, genome: Genome, *, seed: int) -> Outcome:
        """Train a network and score it on the test split."""
        ...


class Queue:
    """Gives a number of slots to those who wait longest, before all others to those in a hurry.

    Args:
        n: Number of slots.
    """

    def __init__(self, n: int) -> None:
        self._free, self._mutex = n, Lock()
        self._hurried, self._others = deque[Event](), deque[Event]()

    @contextlib.contextmanager
    def slot(self, *, hurried: bool) -> Iterator[None]:
        """Hold a slot."""
        turn = Event()
        line = self._hurried if hurried else self._others
        with self._mutex:
            if self._free:
                self._free -= 1
                turn.set()
            else:
                line.append(turn)
        try:
            turn.wait()
            yield
        finally:
            self._leave(turn, line)

    def _leave(self, turn: Event, line: deque[Event]) -> None:
        """Give a slot to the next; or leave the line, where an interrupt came before the turn."""
        with self._mutex:
            if not turn.is_set():
                line.remove(turn)
            elif following := self._hurried or self._others:
                following.popleft().set()
            else:
                self._free += 1


@dataclass(frozen=True, kw_only=True)
class Backend:
    """Gates and trains candidates. All its parts may be called from several threads."""

    validate: Gatekeeper
    """Passes a network through all gates before training."""
    evaluate: Trainer
    workers: int = 1
    """Candidates to work on at once."""
    machine: Mapping[str, Any] = field(default_factory=dict)
    """Description of the machine, for the manifest."""
    decisive: Mapping[str, Any] = field(default_factory=dict)
    """What outcomes of trainings depend on of the machine."""
    _queue: Queue = field(init=False)
    _stopped: Event = field(init=False, default_factory=Event)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_queue", Queue(self.workers))

    @contextlib.contextmanager
    def slot(self, *, hurried: bool = False) -> Iterator[None]:
        """Hold one of ``workers`` slots, which all runs on this backend share.

        Args:
            hurried: Whether it goes before others that wait. Gates do: they take a moment, and a
                search without generations conceives no child before it knows what they found.

        Raises:
            MachineError: The command is ending.
        """
        with self._queue.slot(hurried=hurried):
            if self._stopped.is_set():
                raise MachineError("The command is ending; the same command continues the run.")
            yield

    def stop(self) -> None:
        """Give no slot from now on: runs end before their next candidate."""
        self._stopped.set()

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Apply ``work`` to each item, ``workers`` at a time; return the results in order."""
        with ThreadPoolExecutor(self.workers) as pool:
            return list(pool.map(work, items))
