"""Memoization of gates and trainings in the journal: a run does each of them once."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from threading import Semaphore
from typing import TypeVar

from harness.config.identity import digest_of
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
    """

    def __init__(self, backend: Backend, journal: Journal) -> None:
        self._backend, self._journal = backend, journal
        # Every thread that asks an LLM also asks for repairs to be gated and elites confirmed.
        self._slots = Semaphore(backend.workers)

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Apply ``work`` to each item, as many at a time as the backend has workers."""
        return self._backend.map(work, items)

    def gates(self, genome: Genome) -> Rejection | None:
        """Return the first gate's rejection, or None."""
        return self.gated(genome).refusal

    def gated(self, genome: Genome) -> Gated:
        """Return what the gates found."""
        with self._slots:
            return self._gated(genome)

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
        with self._slots:
            return self._train_once(Purpose("confirm"), genome, seed, train)

    def final(self, genome: Genome, *, seed: int) -> Outcome:
        """Train with this seed and score on the test split."""
        train = partial(self._backend.evaluate.final, genome, seed=seed)
        return self._train_once(Purpose("final"), genome, seed, train)

    def _train_once(
        self, purpose: Purpose, genome: Genome, seed: int, train: Callable[[], Outcome]
    ) -> Outcome:
        trained = self._journal.find(NetworkTrained, purpose, genome.digest, seed)
        if trained is None:  # of two threads at once, the first to record decides for both
            outcome = self._gated(genome).refusal or train()
            trained = self._journal.record(
                NetworkTrained(purpose=purpose, network=genome.digest, seed=seed, outcome=outcome)
            )
        return trained.outcome

    def _gated(self, genome: Genome) -> Gated:
        # By the exact text: intake looks at comments, which the genome's digest leaves out.
        text = digest_of(genome.source)
        recorded = self._journal.find(NetworkGated, text)
        if recorded is None:
            found = self._backend.validate(genome)
            recorded = self._journal.record(NetworkGated(text=text, found=found))
        return recorded.found


@contextlib.contextmanager
def named_step(step: str) -> Iterator[None]:
    """Name the step in the error of a replay that misses an event."""
    try:
        yield
    except ReplayMiss as miss:
        raise ReplayMiss(f"{step}: {miss}") from None
