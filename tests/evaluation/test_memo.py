"""Gates and trainings that a journal remembers."""

import pytest

from harness.config.identity import digest_of, hash_of
from harness.evaluation.assessor import Assessor
from harness.evaluation.backend import Backend
from harness.evaluation.memo import Memo
from harness.evolution.candidate import Evaluation, Gated, Individual, Proposal, Rejection
from harness.evolution.fidelity import Full
from harness.evolution.genome import Genome, Segment
from harness.evolution.selection import EliteTournament
from harness.record.journal import Journal
from harness.record.study import Decisions
from harness.runs.replay import NoBackend
from tests.conftest import SEED_NETWORK

NETWORK = Genome.parse(SEED_NETWORK.read_text())
REFUSED = Rejection(gate="imports", kind="policy", reason="import of os is not allowed (line 1)")


class Scores:
    """A trainer that gives every network the same score."""

    def search(self, genome, *, seed, split="validation", epochs=None):
        return Evaluation(score=0.9, n_params=1, train_s=1.0)

    def final(self, genome, *, seed):
        return self.search(genome, seed=seed)


INNOCENT, REFUSABLE = (
    Genome.parse("# segment: A\nclass A:\n    n = 25093778\n"),
    Genome.parse("# segment: A\nimport os\n\n\nclass A:\n    n = 17031963\n"),
)
"""Two sources whose hashes begin with the same 12 digits, found by search in two minutes."""


def by_text(genome, *, seed):
    """A gate that refuses an import."""
    del seed
    return Gated(refusal=REFUSED if "import os" in genome.source else None)


@pytest.mark.parametrize("first", [INNOCENT, REFUSABLE])
def test_a_source_that_was_searched_for_does_not_get_the_verdict_of_another(tmp_path, first):
    """An LLM's server sees the source, and could answer both."""
    assert digest_of(INNOCENT.source) == digest_of(REFUSABLE.source) == "8d84ddbbb6ad"
    backend = Backend(validate=by_text, evaluate=Scores(), workers=1)
    with Journal(tmp_path, wait_s=0) as journal:
        memo = Memo(backend, journal, seed=0)
        memo.gates(first)
        assert memo.gates(INNOCENT) is None
        assert memo.gates(REFUSABLE) == REFUSED
        assert memo.search(REFUSABLE, seed=1) == REFUSED
        keys = {place for entry in journal.entries for place in entry.event.key.split("/")}
    assert {hash_of(one.source) for one in (INNOCENT, REFUSABLE)} <= keys
    assert REFUSABLE.sha256 in keys


@pytest.mark.parametrize(
    ("seed_flops", "flops", "duration"),
    [(200, 100, 0.5), (200, None, 1.0), (None, 100, 1.0), (0, 100, 1.0), (200, 0, 0.0)],
)
def test_a_training_is_predicted_by_its_flops_and_otherwise_as_long_as_the_seed_networks(
    tmp_path, config, seed_flops, flops, duration
):
    def validate(genome, *, seed):
        return Gated(refusal=None, flops=seed_flops)

    backend = Backend(validate=validate, evaluate=Scores(), workers=1)
    child = Proposal(step="g0.c0", parents=("seed",), variations=(), child=INNOCENT)
    with Journal(tmp_path, wait_s=0) as journal:
        assess = Assessor(Memo(backend, journal, seed=0), NETWORK, config, Decisions(), Full())
        assess.reference(NETWORK)
        assert next(assess.stages(child, Gated(refusal=None, flops=flops))).duration == duration


class Namesake(Genome):
    """A network whose name is that of all others: two with one name can be searched for."""

    @property
    def digest(self):
        """The first digits of its hash."""
        return "0" * 16


def test_networks_of_one_name_are_trained_each_and_neither_is_a_duplicate(tmp_path, config):
    class Counts(Scores):
        def search(self, genome, *, seed, split="validation", epochs=None):
            return Evaluation(score=0.5, n_params=len(genome.source), train_s=1.0)

    children = [
        Namesake(header="", segments=(Segment(name="A", source=f"class A:\n    n = {10**k}"),))
        for k in range(3)
    ]
    backend = Backend(validate=by_text, evaluate=Counts(), workers=1)
    with Journal(tmp_path, wait_s=0) as journal:
        assess = Assessor(Memo(backend, journal, seed=0), children[0], config, Decisions(), Full())
        decided = assess([
            Proposal(step=f"g0.c{k}", parents=("seed",), variations=(), child=child)
            for k, child in enumerate(children[1:])
        ])  # fmt: skip
    sizes = [one.outcome.n_params for one in decided]
    assert sizes == [len(child.source) for child in children[1:]]
    living = [
        Individual(step=one.proposal.step, genome=one.proposal.child, evaluation=one.outcome)
        for one in decided
    ]
    assert EliteTournament(n_elites=2).survivors([], living) == living


@pytest.mark.parametrize(
    "train",
    [
        lambda memo: memo.search(NETWORK, seed=1),
        lambda memo: memo.confirm(NETWORK, seed=1, split="validation"),
        lambda memo: memo.final(NETWORK, seed=1),
    ],
)
def test_what_the_gates_refuse_is_not_trained(tmp_path, train):
    """A recorded decision may have it confirmed, and re-trained in the end."""
    for name, found, trainer in (
        ("refused", Gated(refusal=REFUSED), NoBackend()),
        ("accepted", Gated(), Scores()),
    ):
        backend = Backend(validate=lambda _, seed, found=found: found, evaluate=trainer, workers=1)
        with Journal(tmp_path / name, wait_s=0) as journal:
            outcome = train(Memo(backend, journal, seed=0))
            assert (outcome == REFUSED) == (name == "refused")
