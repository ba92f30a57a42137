"""Confirmation: re-training on fresh seeds, so that a lucky score is not relied upon."""

import dataclasses
import statistics
from threading import Lock

from harness.config.schema import Config
from harness.evaluation.memo import Memo, named_step
from harness.evolution.candidate import Evaluation, Individual
from harness.evolution.genome import Genome
from harness.record.events import ScoreConfirmed
from harness.record.journal import Journal
from harness.record.study import Decisions
from harness.seeding import derived_seed


class Confirmation:
    """Re-trains individuals on ``confirm.seeds`` fresh seeds, each individual once.

    Args:
        memo: Trains.
        journal: Records the scores of each individual.
        config: Settings of the run.
        decisions: Recorded scores, which take the place of those measured here; both are recorded.
    """

    def __init__(self, memo: Memo, journal: Journal, config: Config, decisions: Decisions) -> None:
        self._memo, self._journal = memo, journal
        self._config, self._decisions = config, decisions
        self._lock = Lock()  # threads that ask an LLM would all train at once; the seeds do

    def __call__(self, individual: Individual) -> Individual | None:
        """Return the individual with its mean score over the fresh seeds; None if one fails."""
        if not self._config.confirm.seeds:
            return individual
        with self._lock, named_step(individual.step):
            measured = self._train(individual.genome)
            scores = self._decisions.confirmed.get(individual.step, measured)
            self._journal.record(
                ScoreConfirmed(step=individual.step, outcome=scores, measured=measured)
            )
        if not scores:
            return None
        score = statistics.fmean(scores)
        evaluation = dataclasses.replace(individual.evaluation, score=score)
        return dataclasses.replace(individual, evaluation=evaluation)

    def _train(self, genome: Genome) -> tuple[float, ...]:
        """Return the scores on all fresh seeds; none of them if one fails."""
        split = self._config.search.split
        seeds = (
            derived_seed(self._config.seed, "confirm", k) for k in range(self._config.confirm.seeds)
        )
        outcomes = self._memo.map(
            lambda seed: self._memo.confirm(genome, seed=seed, split=split), seeds
        )
        scores = tuple(outcome.score for outcome in outcomes if isinstance(outcome, Evaluation))
        return scores if len(scores) == len(outcomes) else ()
