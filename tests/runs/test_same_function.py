"""Children that compute what an earlier network computes: free, never parents, and counted."""

import hashlib
from random import Random

import pytest

from harness.analysis.loading import read_run
from harness.baselines.random_mutation import RandomMutation
from harness.config.compose import compose
from harness.evaluation.backend import Backend
from harness.evolution.candidate import SAME_FUNCTION, Evaluation, Gated, Variation
from harness.evolution.genome import Genome
from harness.record.events import GenerationEnded, NetworkGated, NetworkTrained
from harness.record.journal import read_events
from tests.support.backends import complete_folders
from tests.support.tables import described, row

HERE = "tests.runs.test_same_function"


class EverySecondIsDead:
    """Every second child differs from its parent in a function that is never called."""

    max_calls = 0

    def mutate(self, genome, context):
        if int(context.step[-1]) % 2:
            child = genome.replace("notes", f"def notes():\n    return {context.step!r}")
        else:
            rate = context.rng("rate").uniform(0.01, 0.1)
            source = genome["get_optimizer"]
            before, _, after = source.partition("lr * ")
            child = genome.replace(
                "get_optimizer", f"{before}lr * {rate}, {after.partition(', ')[2]}"
            )
        return child, Variation(operator="mutation", segment="notes")


@pytest.fixture(scope="module")
def half_dead(quick, tmp_path_factory):
    folder = tmp_path_factory.mktemp("half_dead")
    config = compose([
        *quick, "+ablation=random_mutation", "compare=[]", "rates.p_mate=0", "sizes.founders=4",
        "sizes.offspring=4", "budget.evaluations=4", f"runs_dir={folder}",
    ])  # fmt: skip
    config.proposer = {"_target_": f"{HERE}.EverySecondIsDead"}
    return complete_folders([config])[0]


def test_dead_code_is_charged_no_evaluation(half_dead):
    run = read_run(half_dead)
    dead = [c for c in run.candidates if int(c.step[-1]) % 2]
    assert (len(dead), len(run.candidates)) == (3, 7)
    assert {c.gate for c in dead} == {SAME_FUNCTION}
    assert run.evaluations == 4
    events = list(read_events(half_dead))
    trained = [e for e in events if isinstance(e, NetworkTrained) and e.purpose.name == "search"]
    assert len(trained) == 4 + 1  # and the seed network
    assert all(e.found.behaviour for e in events if isinstance(e, NetworkGated))


def test_the_reason_names_the_network_that_computes_the_same(half_dead):
    reasons = {c.step: c.reason for c in read_run(half_dead).candidates}
    assert reasons["g0.c1"] == reasons["g0.c3"] == "computes what the seed network computes"
    later = {reason for step, reason in reasons.items() if reason and not step.startswith("g0")}
    assert later <= {f"computes what {step} computes" for step in ("g0.c0", "g0.c2")}
    assert later


def test_it_is_no_member_of_any_population_and_its_share_is_in_the_table(half_dead):
    run = read_run(half_dead)
    members = {
        step for e in read_events(half_dead) if isinstance(e, GenerationEnded)
        for step in e.population
    }  # fmt: skip
    assert members
    assert not any(int(step[-1]) % 2 for step in members)
    assert float(row([run], "random_mutation")["same_function"]) == pytest.approx(3 / 7)
    assert "43 same function" in described([run], "markdown")


class HalfDead(RandomMutation):
    """Random edits, half of them of a segment that is never built."""

    def __init__(self):
        super().__init__(edits=[1, 1])

    def mutate(self, genome, context):
        if context.rng("dead").random() < 0.5:
            source = f"{genome['SE']}\n\n\nN = {context.step!r}"
            return genome.replace("SE", source), Variation(operator="mutation", segment="SE")
        return super().mutate(genome, context)


def behaviour(genome):
    """A digest of all segments but the one that is never built."""
    text = genome.replace("SE", "class SE:\n    pass").digest
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class Imagined:
    """Trains nothing: a network is as good as a draw by what it computes."""

    def open(self, config, dataset, network, *, on_epoch=None):
        machine = {"device": "cpu", "torch": "0", "sandbox": "none"}
        return Backend(
            validate=lambda genome, seed: Gated(behaviour=behaviour(genome)), evaluate=self,
            machine=machine,
        )  # fmt: skip

    def search(self, genome, *, seed, split="validation", epochs=None):
        draw = Random(behaviour(genome))
        return Evaluation(score=draw.random(), n_params=draw.randrange(1, 10**6), train_s=1.0)

    def final(self, genome, *, seed):
        return self.search(genome, seed=seed)


@pytest.mark.parametrize("arm", [
    "random_mutation",
    *(pytest.param(arm, marks=pytest.mark.slow)
      for arm in ("no_elitism", "drift", "regularized_evolution", "one_plus_one")),
])  # fmt: skip
def test_two_networks_that_compute_the_same_never_mate(arm, tmp_path):
    """For every selection: no population holds both, and so no pair of parents does."""
    config = compose([
        f"+ablation={arm}", "compare=[]", "budget.evaluations=40", "final.seeds=1",
        "final.hall_of_fame=1", "display=plain", f"runs_dir={tmp_path}", "rates.p_mate=1",
        "study=null", "sizes.offspring=8",
    ])  # fmt: skip
    config.proposer = {"_target_": f"{HERE}.HalfDead"}
    (folder,) = complete_folders([config], Imagined())
    run = read_run(folder)
    behaviours = {c.step: behaviour(Genome.parse(c.source)) for c in run.candidates}
    behaviours["seed"] = behaviour(Genome.parse(run.seed_source))
    pairs = [c.parents for c in run.candidates if len(c.parents) > 1]
    assert all(behaviours[one] != behaviours[other] for one, other in pairs)
    assert pairs or arm in {"regularized_evolution", "one_plus_one"}  # which have one parent
    assert run.gates[SAME_FUNCTION] > 5
    for event in read_events(folder):
        if isinstance(event, GenerationEnded):
            members = [behaviours[step] for step in event.population]
            assert len(set(members)) == len(members)
