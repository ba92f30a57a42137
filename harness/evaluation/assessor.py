"""Who decides a network's fate: gates and trainings, each once, and whether a score holds."""

import contextlib
import dataclasses
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock, Semaphore
from typing import Any, Protocol

from harness.config.identity import digest_of
from harness.config.schema import Config
from harness.errors import InputError, ReplayMiss
from harness.evolution.candidate import (
    Evaluation,
    Individual,
    Outcome,
    Proposal,
    Rejection,
)
from harness.evolution.fidelity import Fidelity
from harness.evolution.genome import Genome
from harness.record.events import NetworkGated, NetworkTrained, Purpose, ScoreConfirmed
from harness.record.journal import Journal
from harness.record.study import Decisions
from harness.seeding import derived_seed
from harness.tasks.image_classification.datasets import Dataset


class Trainer(Protocol):
    """Trains a network and scores it."""

    def search(
        self, genome: Genome, *, seed: int, split: str = "validation", epochs: int | None = None
    ) -> Outcome:
        """Score on the split that the search looks at; after so many epochs, None for all."""
        ...

    def final(self, genome: Genome, *, seed: int) -> Outcome:
        """Score on the test split."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judges:
    """The network that a run starts from, and what decides the fate of those that come of it."""

    network: Genome
    validate: Callable[[Genome], Rejection | None]
    evaluate: Trainer
    workers: int = 1
    """Candidates to work on at once."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Backend(Judges):
    """What the arms of one command share: real data, gates and evaluation on this machine."""

    dataset: Dataset
    machine: Mapping[str, Any]


class RecordedBackend:
    """Gates and trains a genome once; what the journal holds is not done again.

    So a limit of the machine that acted once decides for good, and a resumed run takes the course
    that it began.
    """

    def __init__(self, open_backend: Judges, journal: Journal) -> None:
        self._validate, self._evaluate = open_backend.validate, open_backend.evaluate
        self._journal = journal
        self.workers = open_backend.workers
        # Repairs and confirmations come from every LLM call at once.
        self._turns = Semaphore(self.workers)

    def gates(self, genome: Genome) -> Rejection | None:
        """Return the first gate's refusal, or None."""
        # By the exact text: intake looks at comments, which the digest leaves out.
        text = digest_of(genome.source)
        with self._turns:
            passed = self._journal.find(NetworkGated, text)
            if passed is None:
                refusal = self._validate(genome)
                passed = self._journal.record(NetworkGated(text=text, refusal=refusal))
        return passed.refusal

    def search(
        self, genome: Genome, *, seed: int, split: str = "validation", epochs: int | None = None
    ) -> Outcome:
        """Train with this seed and score on the split that the search looks at."""
        train = partial(self._evaluate.search, genome, seed=seed, split=split, epochs=epochs)
        return self._trained(Purpose("search", epochs), genome, seed, train)

    def confirm(self, genome: Genome, *, seed: int, split: str) -> Outcome:
        """Train with a fresh seed and score as the search does."""
        train = partial(self._evaluate.search, genome, seed=seed, split=split)
        with self._turns:
            return self._trained(Purpose("confirm"), genome, seed, train)

    def final(self, genome: Genome, *, seed: int) -> Outcome:
        """Train with this seed and score on the test split."""
        train = partial(self._evaluate.final, genome, seed=seed)
        return self._trained(Purpose("final"), genome, seed, train)

    def _trained(
        self, purpose: Purpose, genome: Genome, seed: int, train: Callable[[], Outcome]
    ) -> Outcome:
        trained = self._journal.find(NetworkTrained, purpose, genome.digest, seed)
        if trained is None:
            trained = self._journal.record(
                NetworkTrained(purpose=purpose, network=genome.digest, seed=seed, outcome=train())
            )
        return trained.outcome


class Assessor:
    """Judges a generation together: gates in parallel, duplicates in order, training in parallel.

    Where fates are given, that of a step decides, and ``measured`` keeps this machine's own.
    fidelity: who is worth how many epochs.
    """

    def __init__(
        self,
        open_backend: RecordedBackend,
        network: Genome,
        config: Config,
        decisions: Decisions,
        fidelity: Fidelity,
    ) -> None:
        self._backend, self._decisions = open_backend, decisions
        self._fidelity = fidelity
        self._config = config
        self._known = {network.digest: "the seed"}
        self.measured: dict[str, Outcome] = {}

    def reference(self, genome: Genome) -> Evaluation:
        """Gate and evaluate the seed network; InputError when it fails, for nothing can follow."""
        refusal = self._backend.gates(genome)
        measured = refusal or self._search(genome, "seed")
        decided = self._decided("seed", measured)
        self.measured["seed"] = measured
        for outcome in (measured, decided):
            if isinstance(outcome, Rejection):
                raise InputError(
                    f"network.path: expected a seed network that passes every gate, but "
                    f"{outcome.gate} refused it: {outcome.reason}."
                )
        assert isinstance(decided, Evaluation)
        return decided

    def __call__(self, proposals: Sequence[Proposal]) -> list[Outcome]:
        """Return the fates of a generation's proposals, in their order."""
        with ThreadPoolExecutor(self._backend.workers) as pool:
            refusals = list(pool.map(self._gate, proposals))
            outcomes: dict[str, Outcome] = {}
            living = []
            for proposal, refusal in zip(proposals, refusals, strict=True):
                if found := refusal or self._duplicate(proposal):
                    outcomes[proposal.step] = found
                else:
                    living.append(proposal)
            outcomes |= self._trained(living, pool)
        self.measured |= outcomes
        return [self._decided(p.step, outcomes[p.step]) for p in proposals]

    def _trained(
        self, proposals: Sequence[Proposal], pool: ThreadPoolExecutor
    ) -> dict[str, Outcome]:
        """Train all, for as many epochs as the fidelity grants each."""
        whole = self._config.recipe.epochs
        outcomes: dict[str, Outcome] = {}
        spent: dict[str, float] = {}
        for epochs in self._fidelity.rungs(whole):
            tried = self._tried(proposals, pool, epochs)
            outcomes |= {
                p.step: dataclasses.replace(f, train_s=spent.get(p.step))
                for p, f in tried
                if isinstance(f, Rejection)
            }
            judged = [(p, f) for p, f in tried if isinstance(f, Evaluation)]
            goes_on = self._fidelity.promoted(epochs, [outcome.objectives for _, outcome in judged])
            proposals = []
            for (proposal, outcome), promoted in zip(judged, goes_on, strict=True):
                spent[proposal.step] = spent.get(proposal.step, 0.0) + outcome.train_s
                if promoted:
                    proposals.append(proposal)
                else:
                    outcomes[proposal.step] = _outpaced(
                        outcome, epochs, whole, spent[proposal.step]
                    )
        for proposal, final in self._tried(proposals, pool, None):
            earlier = spent.get(proposal.step)
            total = (final.train_s or 0) + (earlier or 0)
            outcomes[proposal.step] = (
                dataclasses.replace(final, train_s=total) if earlier else final
            )
        return outcomes

    def _tried(
        self, proposals: Sequence[Proposal], pool: ThreadPoolExecutor, epochs: int | None
    ) -> list[tuple[Proposal, Outcome]]:
        outcomes = pool.map(lambda p: self._search(p.child, p.step, epochs), proposals)
        return list(zip(proposals, outcomes, strict=True))

    def _gate(self, proposal: Proposal) -> Rejection | None:
        child = proposal.child
        if isinstance(child, Rejection):
            return child
        with _at(proposal.step):
            return self._backend.gates(child)

    def _duplicate(self, proposal: Proposal) -> Rejection | None:
        assert isinstance(proposal.child, Genome)
        if self._config.search.retrain:
            return None
        digest = proposal.child.digest
        twin = self._known.setdefault(digest, proposal.step)
        if twin == proposal.step:
            return None
        return Rejection(gate="duplicates", kind="duplicate", reason=f"the same network as {twin}")

    def _search(self, genome: Genome | Rejection, step: str, epochs: int | None = None) -> Outcome:
        """Train: with one seed for all, for then differences are the networks', or with its own."""
        assert isinstance(genome, Genome)
        seed = training_seed(self._config.seed)
        if self._config.search.retrain and step != "seed":
            seed = derived_seed(self._config.seed, "training", step)
        with _at(step):
            return self._backend.search(
                genome, seed=seed, split=self._config.search.split, epochs=epochs
            )

    def _decided(self, step: str, measured: Outcome) -> Outcome:
        return self._decisions.outcomes.get(step, measured)


def _outpaced(outcome: Evaluation, epochs: int, whole: int, train_s: float) -> Rejection:
    reason = (
        f"{outcome.score:.2%} with {outcome.n_params:,} parameters after {epochs} of {whole} "
        f"epochs, where others did better"
    )
    return Rejection(gate="fidelity", kind="outpaced", reason=reason, train_s=train_s)


@contextlib.contextmanager
def _at(step: str) -> Iterator[None]:
    """Name the step at which a record holds nothing."""
    try:
        yield
    except ReplayMiss as miss:
        raise ReplayMiss(f"{step}: {miss}") from None


class Confirmation:
    """Re-trains individuals on fresh seeds, each individual once: what was luck does not hold.

    Where scores are given, those of a step decide, and what was measured here is recorded beside.
    """

    def __init__(
        self, open_backend: RecordedBackend, journal: Journal, config: Config, decisions: Decisions
    ) -> None:
        self._backend, self._journal = open_backend, journal
        self._config, self._decisions = config, decisions
        self._lock = Lock()  # the threads that ask an LLM would all train at once; seeds do

    def __call__(self, individual: Individual) -> Individual | None:
        """Return the individual with its mean over the fresh seeds, None where one fails."""
        if not self._config.confirm.seeds:
            return individual
        with self._lock, _at(individual.step):
            measured = self._measured(individual.genome)
            scores = self._decisions.confirmed.get(individual.step, measured)
            self._journal.record(
                ScoreConfirmed(step=individual.step, outcome=scores, measured=measured)
            )
        if not scores:
            return None
        score = statistics.fmean(scores)
        evaluation = dataclasses.replace(individual.evaluation, score=score)
        return dataclasses.replace(individual, evaluation=evaluation)

    def _measured(self, genome: Genome) -> tuple[float, ...]:
        seeds = (
            derived_seed(self._config.seed, "confirm", k) for k in range(self._config.confirm.seeds)
        )
        split = self._config.search.split
        with ThreadPoolExecutor(self._backend.workers) as pool:
            outcomes = list(
                pool.map(lambda s: self._backend.confirm(genome, seed=s, split=split), seeds)
            )
        held = tuple(outcome.score for outcome in outcomes if isinstance(outcome, Evaluation))
        return held if len(held) == len(outcomes) else ()


def training_seed(seed: int) -> int:
    """Return the seed that the networks of a search train with."""
    return derived_seed(seed, "training")
