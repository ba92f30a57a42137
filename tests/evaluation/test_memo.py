"""Gates and trainings that a journal remembers."""

import pytest

from harness.evaluation.backend import Backend
from harness.evaluation.memo import Memo
from harness.evolution.candidate import Evaluation, Gated, Rejection
from harness.evolution.genome import Genome
from harness.record.journal import Journal
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
        backend = Backend(validate=lambda _, found=found: found, evaluate=trainer, workers=1)
        with Journal(tmp_path / name, wait_s=0) as journal:
            outcome = train(Memo(backend, journal))
            assert (outcome == REFUSED) == (name == "refused")
