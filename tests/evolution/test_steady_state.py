"""The search without generations: one course for one seed, whatever the machine does."""

import hashlib
import itertools
import threading
import time
from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.config.compose import compose
from harness.config.identity import settings_of
from harness.errors import InputError
from harness.evolution.candidate import Gated, Rejection
from harness.evolution.schedule import SteadyState
from harness.evolution.steady_state import Groups
from harness.record.events import ChildDecided, GenerationEnded, NetworkTrained
from harness.record.journal import read_events
from harness.runs.runner import complete_runs
from tests.conftest import told
from tests.support.backends import ImaginedTrainings

STEADY = "schedule=steady_state"


class Uneven(ImaginedTrainings):
    """Trainings and gates take times that no clock predicts.

    Args:
        workers: Candidates at once.
        pace: Decides the times.
        twins: Share of networks that compute what another one computes.
    """

    def __init__(self, workers=1, pace=0, twins=0.0):
        self._workers, self._pace, self._twins = workers, Random(pace), twins
        self.trained, self.most, self._at_once, self._mutex = [], 0, 0, threading.Lock()

    def open(self, config, dataset, network, **how):
        return replace(super().open(config, dataset, network, **how), workers=self._workers)

    def search(self, genome, **how):
        with self._mutex:
            self.trained.append(genome.digest)
            self._at_once += 1
            self.most = max(self.most, self._at_once)
            seconds = self._pace.choice((0, 0.002, 0.01))
        time.sleep(seconds)
        with self._mutex:
            self._at_once -= 1
        return super().search(genome, **how)

    def _gates(self, genome, *, seed):
        found = super()._gates(genome, seed=seed)
        draw = Random(genome.digest)
        behaviour = found.behaviour
        if behaviour and genome != self._seed_network and draw.random() < self._twins:
            behaviour = hashlib.md5(b"%d" % draw.randrange(3)).hexdigest()
        flops = None if found.refusal else draw.randrange(1, 100)
        return Gated(refusal=found.refusal, behaviour=behaviour, flops=flops)


@pytest.fixture
def config(tiny, tmp_path):
    def composed(arm, *overrides, name="runs"):
        return compose([
            *tiny, STEADY, f"ablation={arm}", "compare=[]", "budget.evaluations=12",
            "budget.proposals=40", f"runs_dir={tmp_path / name}", *overrides,
        ])  # fmt: skip

    return composed


def played(config, executor):
    (result,) = complete_runs([config], executor)
    return result


@pytest.mark.parametrize("arm", ["random_mutation", "one_plus_one", "regularized_evolution"])
def test_a_run_is_the_same_at_any_pace_and_with_any_number_of_workers(config, arm):
    runs = [
        played(config(arm, name=f"at {pace}"), Uneven(workers, pace, twins=0.3))
        for pace, workers in enumerate((1, 3, 8))
    ]
    assert told(runs[0].folder) == told(runs[1].folder) == told(runs[2].folder)
    assert len({run.folder.name for run in runs}) == 1
    assert runs[0].evaluations == 12
    order = [
        [e.key for e in read_events(run.folder) if isinstance(e, ChildDecided)] for run in runs
    ]
    assert order[0] == order[1] == order[2], "children are decided in one order"
    assert order[0] != sorted(order[0], key=lambda key: [int(n) for n in key[10:].split(".c")])


def test_an_interrupted_run_goes_on_as_if_it_had_not_been(config):
    class Stops(Uneven):
        def search(self, genome, **how):
            if len(self.trained) == 6:
                raise InputError("stopped")
            return super().search(genome, **how)

    with pytest.raises(InputError, match="stopped"):
        played(config("random_mutation"), Stops(3))
    again = Uneven(8, 5)
    resumed = played(config("random_mutation"), again)
    whole = Uneven(2)
    uninterrupted = played(config("random_mutation", name="other"), whole)
    assert told(resumed.folder) == told(uninterrupted.folder)
    assert len(again.trained) < len(whole.trained), "what is recorded is not trained again"


def test_more_are_under_way_than_a_generation_has(config):
    class Meets(Uneven):
        """The first five children are trained together, or not at all."""

        def __init__(self):
            super().__init__(workers=8)
            self._five, self._n = threading.Barrier(5), itertools.count()

        def search(self, genome, **how):
            if 1 <= next(self._n) <= 5:  # the seed network is alone
                self._five.wait(timeout=100)
            return super().search(genome, **how)

    wide = ("schedule.under_way=6", "schedule.workers=6", "sizes.founders=2", "sizes.offspring=2")
    generations = Uneven(8)
    assert played(config("random_mutation", *wide), Meets()).evaluations == 12
    played(config("random_mutation", *wide[2:], "schedule=generational"), generations)
    assert generations.most <= 2


def test_a_network_that_computes_the_same_waits_for_the_other_and_is_refused(config):
    executor = Uneven(4, twins=1.0)
    run = played(config("random_mutation"), executor)
    gates = Counter(candidate.gate for candidate in run.candidates)
    assert gates["same function"] > 5
    evaluated = [c for c in run.candidates if c.objectives]
    assert len(evaluated) <= 3, "there are three functions"


def test_where_the_first_fails_the_next_that_computes_the_same_is_trained(config):
    class Fails(Uneven):
        def search(self, genome, **how):
            outcome = super().search(genome, **how)
            if genome == self._seed_network:
                return outcome
            return Rejection(gate="train", kind="nonfinite", reason="not finite", train_s=1.0)

    run = played(config("random_mutation"), Fails(4, twins=1.0))
    assert run.gates["train"] == run.evaluations == 12


@settings(max_examples=6)
@given(
    evaluations=st.integers(1, 7), more=st.integers(0, 4), under_way=st.integers(1, 9),
    workers=st.integers(1, 9), founders=st.integers(1, 5), offspring=st.integers(1, 5),
)  # fmt: skip
def test_no_limit_is_passed_and_all_that_fits_is_used(
    tmp_path_factory, tiny, evaluations, more, under_way, workers, founders, offspring
):
    proposals = evaluations + more
    run = played(
        compose([
            *tiny, STEADY, "ablation=random_mutation", "compare=[]",
            f"budget.evaluations={evaluations}", f"budget.proposals={proposals}",
            f"schedule.under_way={max(under_way, workers)}", f"schedule.workers={workers}",
            f"sizes.founders={founders}", f"sizes.offspring={offspring}",
            f"runs_dir={tmp_path_factory.mktemp('runs')}",
        ]),
        Uneven(3),
    )  # fmt: skip
    n = len(run.candidates)
    assert run.evaluations <= evaluations
    assert n <= proposals
    assert run.evaluations == evaluations or n == proposals
    events = list(read_events(run.folder))
    groups = [e.number for e in events if isinstance(e, GenerationEnded)]
    assert groups == list(range(len(groups)))
    assert len(groups) == (0 if not n else 1 + max(0, -(-(n - founders) // offspring)))
    assert len({e.key for e in events if isinstance(e, ChildDecided)}) == n


def test_few_epochs_decide_about_more(config):
    halved = config("random_mutation", "fidelity=halving", "recipe.epochs=9")
    run = played(halved, Uneven(4))
    epochs = Counter(
        e.purpose.epochs for e in read_events(run.folder) if isinstance(e, NetworkTrained)
        if e.purpose.name == "search"
    )  # fmt: skip
    assert epochs[1] > epochs[None] > 1
    assert run.gates["fidelity"] == epochs[1] - epochs[None] + 1


def test_steps_have_the_form_of_generations():
    groups = Groups(3, 2)
    assert [groups.of(n) for n in range(7)] == [
        (0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0), (2, 1)
    ]  # fmt: skip
    assert [n for n in range(9) if groups.ends_with(n)] == [2, 4, 6, 8]


def test_it_is_part_of_an_arms_identity_and_generations_are_none(config):
    steady = settings_of(config("full"))
    assert steady["schedule"]["_target_"] == "harness.SteadyState"
    assert "schedule" not in settings_of(config("full", "schedule=generational"))


@pytest.mark.parametrize(
    "arguments",
    [
        {"under_way": 2, "workers": 3, "answer": 0.0}, {"under_way": 2, "workers": 0, "answer": 0.0},
        {"under_way": 1001, "workers": 1, "answer": 0.0}, {"under_way": 1, "workers": 1, "answer": -1.0},
    ],
)  # fmt: skip
def test_arguments_that_make_no_sense_are_refused(arguments):
    with pytest.raises(InputError, match="expected workers from 1 to under_way"):
        SteadyState(**arguments)
