"""What a proposer declares of itself, and what holds for one that declares nothing."""

from dataclasses import replace
from typing import ClassVar

import pytest

from harness.analysis.comparison import compare
from harness.analysis.contribution.attribution import contributions
from harness.analysis.loading import read_runs
from harness.evolution.budget import Demand
from harness.evolution.candidate import Rejection
from harness.evolution.proposer import Proposer, demand_of, labels_of
from harness.llm.offline import Scripted
from harness.testing.proposers import ProposerFixtures
from tests.support.proposers import ANSWERS, Listener, guided
from tests.support.records import record_run


class Silent:
    """A third party's proposer that derives from nothing and declares nothing."""


class Declaring(Proposer):
    labels: ClassVar = {"colour": "colour of the coin"}
    max_calls = 3
    max_tokens = 500


class OwnInstance:
    def __init__(self):
        self.max_calls = 0


def test_one_that_declares_nothing_has_no_labels_and_an_unknown_demand():
    for silent in (Silent(), Silent):
        assert dict(labels_of(silent)) == {}
        assert demand_of(silent) == Demand(calls=None, tokens=None)


def test_declarations_are_read_of_a_class_or_an_instance():
    assert labels_of(Declaring) == {"colour": "colour of the coin"}
    assert demand_of(Declaring()) == Demand(calls=3, tokens=500)
    assert demand_of(OwnInstance()) == Demand(calls=0, tokens=None)


class TestGuidedDeclares(ProposerFixtures):
    @pytest.fixture
    def proposer(self):
        return guided(Scripted(answers=ANSWERS))

    @pytest.mark.parametrize("repairs", [0, 3])
    def test_no_child_asks_more_than_declared(self, network, context, repairs):
        listener = Listener()
        settings = ("proposer.review_probability=1", f"proposer.repair_attempts={repairs}")
        proposer = guided(listener, *settings)
        refused = Rejection(gate="lint", kind="lint", reason="F821")
        mate = network.replace("DW", "class DW:\n    other = 1")
        context = replace(context, gates=lambda _: refused)
        proposer.mate(network, mate, context)
        proposer.mutate(network, context)
        demand = demand_of(proposer)
        assert len(listener.requests) == demand.calls
        assert all(r.settings.max_tokens <= demand.tokens for r in listener.requests)


@pytest.mark.parametrize(
    ("labels", "counted"), [({}, set()), ({"coin": "side of the coin"}, {"side of the coin"})]
)
def test_the_attribution_counts_what_a_run_s_proposer_declared(tmp_path, labels, counted):
    child = {"score": 0.9, "n_params": 900, "train_s": 1.0}
    record_run(
        tmp_path / "run", arm="coins", seed=0, children=[("g0.c0", child)],
        details=[{"coin": "heads", "category": "not declared"}], labels=labels,
    )  # fmt: skip
    found = {one.by for one in contributions(compare(read_runs([tmp_path / "run"])))}
    assert found - {"all", "operator", "segment", "model"} == counted
