"""One run, one arm at one seed: search, confirm, score the result, record everything."""

from collections.abc import Mapping, Sequence

from harness.analysis.loading import result_of
from harness.analysis.proposals import Candidate
from harness.analysis.run_result import RunResult
from harness.config.schema import Config
from harness.evaluation.assessor import Assessor, training_seed
from harness.evaluation.backend import Backend
from harness.evaluation.confirmation import Confirmation
from harness.evaluation.memo import Memo
from harness.evolution.candidate import Evaluation, Individual, Outcome, Proposal
from harness.evolution.genome import Genome
from harness.record.events import (
    ChildDecided,
    GenerationEnded,
    NetworkRetrained,
    ReferenceEvaluated,
    RunCompleted,
)
from harness.record.journal import Journal
from harness.runs.composed_arm import ComposedArm
from harness.seeding import derived_seed


class RunRecord:
    """Records what happens in a search."""

    def __init__(self, journal: Journal, measured: Mapping[str, Outcome]) -> None:
        self._journal, self._measured = journal, measured

    def proposal(self, generation: int, proposal: Proposal, outcome: Outcome) -> None:
        """Record a child: its origin, its source, the outcome decided and the one measured."""
        child = proposal.child
        genome = child if isinstance(child, Genome) else None
        self._journal.record(
            ChildDecided(
                step=proposal.step,
                generation=generation,
                parents=proposal.parents,
                variations=proposal.variations,
                digest=genome.digest if genome else None,
                source=genome.source if genome else None,
                outcome=outcome,
                measured=self._measured[proposal.step],
            )
        )

    def generation(self, number: int, population: Sequence[Individual]) -> None:
        """Record the steps of those alive."""
        steps = sorted(individual.step for individual in population)
        self._journal.record(GenerationEnded(number=number, population=tuple(steps)))


def run(
    config: Config, network: Genome, arm: ComposedArm, backend: Backend, journal: Journal
) -> RunResult:
    """Search, then score the result on the test split.

    A run that was interrupted continues: what its journal holds is not done again.

    Args:
        config: Settings of the run.
        network: The seed network.
        arm: Its strategies.
        backend: Gates and trains.
        journal: The run's journal; its last event is ``RunCompleted``.
    """
    memo = Memo(backend, journal, seed=training_seed(config.seed))
    assess = Assessor(memo, network, config, arm.decisions, arm.fidelity)
    confirm = Confirmation(memo, journal, config, arm.decisions)
    reference = _evaluate_seed(network, assess, journal)
    arm.search(
        reference,
        gates=memo.gates,
        confirm=confirm,
        assess=assess,
        record=RunRecord(journal, assess.measured),
    )
    if config.confirm.seeds:
        confirm(reference)
        for candidate in _result(journal).hall_of_fame:
            confirm(_individual(candidate))
    _score(network, config, memo, journal)
    journal.record(RunCompleted())
    return _result(journal)


def _evaluate_seed(network: Genome, assess: Assessor, journal: Journal) -> Individual:
    evaluation = assess.reference(network)
    journal.record(
        ReferenceEvaluated(
            digest=network.digest,
            source=network.source,
            outcome=evaluation,
            measured=assess.measured["seed"],
        )
    )
    return Individual(step="seed", genome=network, evaluation=evaluation)


def _score(network: Genome, config: Config, memo: Memo, journal: Journal) -> None:
    """Re-train on fresh seeds and score on the test split: seed network, hall of fame.

    The seed network comes first, since its scores decide which network is selected. The two get
    ``final.seeds`` fresh seeds, the others one.
    """
    seeds = [derived_seed(config.seed, "final", k) for k in range(config.final.seeds)]
    _retrain([("seed", network, seeds)], memo, journal)
    result = _result(journal)
    _retrain(
        [
            (c.step, Genome.parse(c.source), seeds if c == result.selected else seeds[:1])
            for c in result.hall_of_fame
        ],
        memo,
        journal,
    )


def _retrain(
    networks: Sequence[tuple[str, Genome, Sequence[int]]], memo: Memo, journal: Journal
) -> None:
    trials = [
        (step, genome, k, seed) for step, genome, seeds in networks for k, seed in enumerate(seeds)
    ]
    outcomes = memo.map(lambda trial: memo.final(trial[1], seed=trial[3]), trials)
    for (step, _, k, _), outcome in zip(trials, outcomes, strict=True):
        journal.record(NetworkRetrained(step=step, k=k, outcome=outcome))


def _result(journal: Journal) -> RunResult:
    result = result_of(journal.folder, journal.entries)
    assert result is not None
    return result


def _individual(candidate: Candidate) -> Individual:
    assert candidate.objectives is not None
    score, n_params = candidate.objectives
    evaluation = Evaluation(score=score, n_params=n_params, train_s=0)
    return Individual(
        step=candidate.step, genome=Genome.parse(candidate.source), evaluation=evaluation
    )
