"""Scores that hold on fresh seeds: what examples show, and by what one network is selected."""

from dataclasses import replace
from statistics import fmean

import pytest

from harness.analysis.comparison import compare
from harness.analysis.loading import read_run
from harness.config.compose import compose
from harness.errors import InputError
from harness.evolution.candidate import Evaluation, Individual
from harness.evolution.genome import Genome
from harness.evolution.pareto import Objectives
from harness.evolution.proposer import Context
from harness.llm.offline import Scripted
from harness.record.events import Purpose
from harness.record.journal import read_entries, read_events
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.notes.facts import facts_of
from harness.reporting.tables import render
from harness.runs.recorded_run import RecordedRun
from harness.runs.replay import replay
from tests.conftest import told
from tests.support.backends import complete_folders
from tests.support.proposers import guided


def individual(step, genome, score, n_params):
    outcome = Evaluation(score=score, n_params=n_params, train_s=1.0)
    return Individual(step=step, genome=genome, evaluation=outcome)


@pytest.fixture
def confirmed(quick, tmp_path, executor):
    def run(*overrides):
        settings = [
            *quick, "+ablation=random_mutation", "compare=[]", "budget.evaluations=3",
            "sizes.founders=3", "confirm.seeds=2", f"runs_dir={tmp_path}", *overrides,
        ]  # fmt: skip
        return complete_folders([compose(settings)], executor)[0]

    return run


def test_the_front_is_re_trained_and_chosen_from_by_what_holds(confirmed):
    folder = confirmed()
    events = {e.key: e.content for e in read_events(folder)}
    result = read_run(folder)
    assert set(result.confirmed) == {"seed", *(c.step for c in result.hall_of_fame)}
    seeds = {k.split("/")[3] for k in events if k.startswith("training/confirm/")}
    others = {
        k.split("/")[3] for k in events if k.startswith(("training/search", "training/final"))
    }
    assert len(seeds) == 2
    assert not seeds & others
    for step, values in result.confirmed.items():
        source = events["reference" if step == "seed" else f"proposal/{step}"]["source"]
        network = Genome.parse(source).sha256
        measured = [events[f"training/confirm/{network}/{s}"]["score"] for s in seeds]
        assert sorted(values) == sorted(measured)
    assert result.selected.step in result.confirmed
    row = describe_comparison(compare([result])).tables[1].rows[1]
    assert len(result.retrained[result.selected.step]) == 1
    assert row["selected_search_score"] == result.selected.objectives.score
    assert row["selected_retrained_score"] == result.retrained[result.selected.step][0]
    text = render(describe_comparison(compare([result])), "markdown")
    assert f"one was selected by these scores: {len(result.confirmed)}." in text
    assert facts_of([result])["threshold"] == (
        "seed network's validation accuracy, both confirmed on 2 fresh seeds"
    )
    assert "in its training in the search; confirmed scores selected it" in text


def test_a_score_that_was_luck_selects_no_network(confirmed):
    """Hand the smallest of the front worse re-trainings than the seed's: another is picked."""
    result = read_run(confirmed())
    front = [
        replace(result.candidates[0], step=step, objectives=objectives, gate=None)
        for step, objectives in (("small", Objectives(0.9, 10)), ("large", Objectives(0.95, 1000)))
    ]
    believed = replace(
        result, candidates=tuple(front), seed_objectives=Objectives(0.9, 2000), confirmed={},
        retrained={},
    )  # fmt: skip
    assert believed.selected.step == "small"
    lucky = replace(
        believed, confirmed={"seed": (0.9, 0.92), "small": (0.5, 0.7), "large": (0.9, 0.9)}
    )
    assert lucky.selected.step == "large"
    failed = replace(lucky, confirmed={"seed": (0.9,), "small": (), "large": (0.2,)})
    assert failed.selected.step == "large"


@pytest.mark.parametrize(("threshold", "step"), [("retrainings", "small"), ("training", "large")])
def test_a_lucky_training_of_the_seed_network_sets_no_threshold(confirmed, threshold, step):
    """The seed network scored 0.95 in the search and 0.9 on average after it."""
    result = read_run(confirmed("confirm.seeds=0", f"final.threshold={threshold}"))
    front = [
        replace(result.candidates[0], step=step, objectives=objectives, gate=None)
        for step, objectives in (("small", Objectives(0.9, 10)), ("large", Objectives(0.95, 1000)))
    ]
    lucky = replace(
        result, candidates=tuple(front), seed_objectives=Objectives(0.95, 2000),
        retrained={"seed": (0.88, 0.92)},
    )  # fmt: skip
    assert lucky.selected.step == step


@pytest.mark.parametrize("threshold", ["retrainings", "training"])
def test_the_network_that_its_re_trainings_select_has_all_of_them(confirmed, threshold):
    run = ("confirm.seeds=0", "final.seeds=2", f"final.threshold={threshold}")
    result = read_run(confirmed(*run))
    assert result.threshold == (
        fmean(result.retrained["seed"]) if threshold == "retrainings" else result.seed_objectives[0]
    )
    assert {step for step, scores in result.retrained.items() if len(scores) == 2} == {
        "seed", result.selected.step,
    }  # fmt: skip


def test_without_it_nothing_is_confirmed(confirmed):
    result = read_run(confirmed("confirm.seeds=0"))
    assert not result.confirmed
    assert not result.trainings[Purpose("confirm")]


def test_it_replays_and_goes_on(confirmed, tmp_path):
    folder = confirmed()
    entries = tuple(read_entries(folder))
    recorded = RecordedRun(source=folder, name=folder.name, entries=entries)
    assert told(replay(recorded, tmp_path / "again").folder) == told(folder)


def test_examples_show_what_was_confirmed_and_only_what_then_is_worth_it(network):
    changed = network.replace("SE", network["SE"] + "\nX = 1\n")
    other = network.replace("DW", network["DW"] + "\nX = 1\n")
    seed = individual("seed", network, 0.90, 1000)
    lucky, solid = individual("g0.c0", changed, 0.99, 1000), individual("g0.c1", other, 0.92, 900)
    holds = {"seed": 0.91, "g0.c0": 0.85, "g0.c1": 0.93}
    asked_for = []

    def confirm(one):
        asked_for.append(one.step)
        score = holds[one.step]
        return None if score is None else replace(
            one, evaluation=replace(one.evaluation, score=score)
        )  # fmt: skip

    context = Context(
        step="g1.c0", seed=0, founding=False, reference=seed, elites=[seed, lucky, solid],
        confirm=confirm,
    )  # fmt: skip
    proposer = guided(Scripted(answers=[]))
    elite, example = proposer.example(context)
    assert elite.step == "g0.c1"  # the other lost on fresh seeds, at the same size
    assert example.change.score == "from 91.00% to 93.00% (+2.00 percentage points)"
    assert asked_for == ["seed", "g0.c0", "g0.c1"]
    holds["g0.c1"] = None
    assert proposer.example(context) == "no eligible elite"


def test_a_number_below_zero_is_refused():
    with pytest.raises(InputError, match=r"confirm\.seeds: expected a number of at least 0"):
        compose(["confirm.seeds=-1"])
