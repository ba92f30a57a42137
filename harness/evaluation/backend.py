"""The backend of a run: gates and training, as an executor offers them."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from harness.evolution.candidate import Gated, Outcome
from harness.evolution.genome import Genome

T = TypeVar("T")
R = TypeVar("R")


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


@dataclass(frozen=True, kw_only=True)
class Backend:
    """Gates and trains candidates. All its parts may be called from several threads."""

    validate: Callable[[Genome], Gated]
    """Passes a network through all gates before training."""
    evaluate: Trainer
    workers: int = 1
    """Candidates to work on at once."""
    machine: Mapping[str, Any] = field(default_factory=dict)
    """Description of the machine, for the manifest."""

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Apply ``work`` to each item, ``workers`` at a time; return the results in order."""
        with ThreadPoolExecutor(self.workers) as pool:
            return list(pool.map(work, items))
