"""One run, one arm at one seed: wire the parts, evolve, measure the result, record everything."""

import dataclasses
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from harness.config.schema import Config
from harness.evaluation.assessor import Assessor, Confirmation, Judges, RecordedBackend, Scores
from harness.evolution.budget import Ledger
from harness.evolution.candidate import Evaluation, Individual, Outcome, Proposal, content_of
from harness.evolution.fidelity import Fidelity
from harness.evolution.genome import Genome
from harness.evolution.loop import evolve
from harness.evolution.proposer import Proposer
from harness.evolution.selection import Selection
from harness.record.journal import Journal
from harness.seeding import derived_seed


@dataclasses.dataclass(frozen=True, kw_only=True)
class Arm:
    """What is composed into the loop for one arm."""

    proposer: Proposer
    selection: Selection
    fidelity: Fidelity
    ledger: Ledger
    scores: Scores
    """Recorded fates that decide instead of the measured ones; empty where those decide."""


class RunRecord:
    """Writes what the loop tells into the journal, as plain values."""

    def __init__(self, journal: Journal, measured: Mapping[str, Outcome]) -> None:
        self._journal, self._measured = journal, measured

    def proposal(self, generation: int, proposal: Proposal, outcome: Outcome) -> None:
        """Record a child: where it comes from, its source, what was decided and measured."""
        child = proposal.child
        content = {
            "generation": generation,
            "parents": list(proposal.parents),
            "variations": [
                {
                    "operator": v.operator,
                    "segment": v.segment,
                    "detail": dict(v.detail),
                    "calls": list(v.calls),
                }
                for v in proposal.variations
            ],
            "digest": child.digest if isinstance(child, Genome) else None,
            "source": child.source if isinstance(child, Genome) else None,
            "outcome": content_of(outcome),
            "measured": content_of(self._measured[proposal.step]),
        }
        self._journal.record(f"proposal/{proposal.step}", content)

    def generation(self, number: int, population: Sequence[Individual]) -> None:
        """Record the steps of those who live."""
        living = sorted(individual.step for individual in population)
        self._journal.record(f"generation/{number}", {"population": living})


def run(config: Config, arm: Arm, open_backend: Judges, journal: Journal) -> None:
    """Evolve, then score the result on the test split; ends with the event ``complete``."""
    recorded = RecordedBackend(open_backend, journal)
    assess = Assessor(recorded, open_backend.network, config, arm.scores, arm.fidelity)
    evaluation = assess.reference(open_backend.network)
    reference = Individual(step="seed", genome=open_backend.network, evaluation=evaluation)
    measured = assess.measured["seed"]
    journal.record(
        "reference",
        {
            "digest": open_backend.network.digest,
            "source": open_backend.network.source,
            "outcome": content_of(evaluation),
            "measured": content_of(measured),
        },
    )
    confirm = Confirmation(recorded, journal, config, arm.scores)
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
    journal.record("complete", {})


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
        journal.record(f"final/{step}/{k}", content_of(outcome))
