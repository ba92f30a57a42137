"""One run, one arm at one seed: wire the parts, evolve, measure the result, record everything."""

import dataclasses
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from harness.config.schema import Config
from harness.evaluation.assessor import Assessor, Confirmation, Judges, RecordedBackend
from harness.evolution.budget import Ledger
from harness.evolution.candidate import Evaluation, Individual, Outcome, Proposal
from harness.evolution.fidelity import Fidelity
from harness.evolution.genome import Genome
from harness.evolution.loop import evolve
from harness.evolution.proposer import Proposer
from harness.evolution.selection import Selection
from harness.record.events import (
    ChildDecided,
    GenerationEnded,
    NetworkRetrained,
    ReferenceEvaluated,
    RunCompleted,
)
from harness.record.journal import Journal
from harness.record.study import Decisions
from harness.seeding import derived_seed


@dataclasses.dataclass(frozen=True, kw_only=True)
class Arm:
    """What is composed into the loop for one arm."""

    proposer: Proposer
    selection: Selection
    fidelity: Fidelity
    ledger: Ledger
    decisions: Decisions
    """Those of a recorded study, where the run follows one."""


class RunRecord:
    """Writes what the loop reports into the journal."""

    def __init__(self, journal: Journal, measured: Mapping[str, Outcome]) -> None:
        self._journal, self._measured = journal, measured

    def proposal(self, generation: int, proposal: Proposal, outcome: Outcome) -> None:
        """Record a child: where it comes from, its source, what was decided and measured."""
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
        """Record the steps of those who live."""
        steps = sorted(individual.step for individual in population)
        self._journal.record(GenerationEnded(number=number, population=tuple(steps)))


def run(config: Config, arm: Arm, open_backend: Judges, journal: Journal) -> None:
    """Evolve, then score the result on the test split; ends with the event ``complete``."""
    recorded = RecordedBackend(open_backend, journal)
    assess = Assessor(recorded, open_backend.network, config, arm.decisions, arm.fidelity)
    evaluation = assess.reference(open_backend.network)
    reference = Individual(step="seed", genome=open_backend.network, evaluation=evaluation)
    journal.record(
        ReferenceEvaluated(
            digest=open_backend.network.digest,
            source=open_backend.network.source,
            outcome=evaluation,
            measured=assess.measured["seed"],
        )
    )
    confirm = Confirmation(recorded, journal, config, arm.decisions)
    evolve(
        reference,
        proposer=arm.proposer,
        selection=arm.selection,
        gates=recorded.gates,
        confirm=confirm,
        assess=assess,
        sizes=config.sizes,
        rates=config.rates,
        ledger=arm.ledger,
        record=RunRecord(journal, assess.measured),
        seed=config.seed,
        llm_workers=config.llm_workers,
    )
    _confirm_front(confirm, reference, journal)
    _score_result(config, open_backend.network, recorded, journal)
    journal.record(RunCompleted())


def _confirm_front(confirm: Confirmation, reference: Individual, journal: Journal) -> None:
    """Confirm the seed network and the hall of fame, so that the pick is chosen by what holds."""
    from harness.analysis.loading import read_run

    confirm(reference)
    for candidate in read_run(journal.folder).hall_of_fame:
        assert candidate.objectives is not None
        score, n_params = candidate.objectives
        evaluation = Evaluation(score=score, n_params=n_params, train_s=0)
        genome = Genome.parse(candidate.source)
        confirm(Individual(step=candidate.step, genome=genome, evaluation=evaluation))


def _score_result(
    config: Config, network: Genome, open_backend: RecordedBackend, journal: Journal
) -> None:
    """Re-train on fresh seeds and score on the test split: seed, pick, hall of fame.

    The pick and the seed get ``final.seeds`` fresh seeds, the others one.
    """
    from harness.analysis.loading import read_run

    result = read_run(journal.folder)
    seeds = [derived_seed(config.seed, "final", k) for k in range(config.final.seeds)]
    tasks = [("seed", network, seeds)]
    for candidate in result.hall_of_fame:
        genome = Genome.parse(candidate.source)
        tasks.append((candidate.step, genome, seeds if candidate == result.pick else seeds[:1]))
    trials = [(step, genome, k, seed) for step, genome, ks in tasks for k, seed in enumerate(ks)]
    with ThreadPoolExecutor(open_backend.workers) as pool:
        outcomes = list(pool.map(lambda t: open_backend.final(t[1], seed=t[3]), trials))
    for (step, _, k, _), outcome in zip(trials, outcomes, strict=True):
        journal.record(NetworkRetrained(step=step, k=k, outcome=outcome))
