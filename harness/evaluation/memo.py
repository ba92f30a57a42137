"""Memoization of gates and trainings in the journal: a run does each of them once."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeVar

from harness.config.identity import hash_of
from harness.errors import ReplayMiss
from harness.evaluation.backend import Backend
from harness.evolution.candidate import Gated, Outcome, Rejection
from harness.evolution.genome import Genome
from harness.record.events import NetworkGated, NetworkTrained, Purpose
from harness.record.journal import Journal

T = TypeVar("T")
R = TypeVar("R")


class Memo:
    """Gates and trains a genome once per run; repeated requests are answered from the journal.

    It trains nothing that the gates refuse, whatever a recorded decision says of it. A rejection
    by a limit of the machine is thus final for the run, and a resumed run takes the
    course that it began.

    Args:
        backend: Gates and trains.
        journal: Where outcomes are looked up and recorded.
        seed: Seed of the search's trainings.
    """

    def __init__(self, backend: Backend, journal: Journal, *, seed: int) -> None:
        self._backend, self._journal, self._seed = backend, journal, seed

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Apply ``work`` to each item, as many at a time as the backend has workers."""
        return self._backend.map(work, items)

    def gates(self, genome: Genome) -> Rejection | None:
        """Return the first gate's rejection, or None."""
        return self.gated(genome).refusal

    def gated(self, genome: Genome) -> Gated:
        """Return what the gates found."""
        # By the exact text: intake looks at comments, which the genome's hash leaves out.
        text = hash_of(genome.source)
        recorded = self._journal.find(NetworkGated, text)
        if recorded is None:
            with self._backend.slot(hurried=True):
                found = self._backend.validate(genome, seed=self._seed)
            recorded = self._journal.record(NetworkGated(text=text, found=found))
        return recorded.found

    def search(
        self, genome: Genome, *, seed: int, split: str = "validation", epochs: int | None = None
    ) -> Outcome:
        """Train with this seed and score on the search's split."""
        train = partial(
            self._backend.evaluate.search, genome, seed=seed, split=split, epochs=epochs
        )
        return self._train_once(Purpose("search", epochs), genome, seed, train)

    def confirm(self, genome: Genome, *, seed: int, split: str) -> Outcome:
        """Train with a fresh seed and score on the search's split."""
        train = partial(self._backend.evaluate.search, genome, seed=seed, split=split)
        return self._train_once(Purpose("confirm"), genome, seed, train)

    def final(self, genome: Genome, *, seed: int) -> Outcome:
        """Train with this seed and score on the test split."""
        train = partial(self._backend.evaluate.final, genome, seed=seed)
        return self._train_once(Purpose("final"), genome, seed, train)

    def _trained(self, train: Callable[[], Outcome]) -> Outcome:
        with self._backend.slot():
            return train()

    def _train_once(
        self, purpose: Purpose, genome: Genome, seed: int, train: Callable[[], Outcome]
    ) -> Outcome:
        trained = self._journal.find(NetworkTrained, purpose, genome.sha256, seed)
        if trained is None:  # of two threads at once, the first to record decides for both
            outcome = self.gated(genome).refusal or self._trained(train)
            trained = self._journal.record(
                NetworkTrained(purpose=purpose, network=genome.sha256, seed=seed, outcome=outcome)
            )
        return trained.outcome


@contextlib.contextmanager
def named_step(step: str) -> Iterator[None]:
    """Name the step in the error of a replay that misses an event."""
    try:
        yield
    except ReplayMiss as miss:
        raise ReplayMiss(f"{step}: {miss}") from None
