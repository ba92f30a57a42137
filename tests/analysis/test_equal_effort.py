"""Runs cut to equal effort: what a cut run is equal to, what it keeps, and what it cannot know."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.comparison import comparisons
from harness.analysis.curves.trajectory import trajectory
from harness.analysis.effort.cut import at_equal, cut
from harness.analysis.effort.spent import EFFORTS, efforts_so_far
from harness.analysis.loading import read_run, read_runs
from harness.analysis.metric import RESULTS, SEARCH
from harness.analysis.metrics import METRICS, comparison_metric, metrics_of
from harness.config.compose import compose
from harness.errors import InputError
from tests.support.backends import ImaginedTrainings, complete_folders
from tests.support.records import LINT, SLOW, evaluated, record_run

SEARCHED = [one for one in metrics_of(SEARCH) if one.name != "selected_retrained_score"]
"""Metrics that a run of another budget would have, before anything is re-trained."""
PRICE = 36.0


def imagined(folder, arm, n, *overrides):
    config = compose([
        f"+ablation={arm}", "compare=[]", "display=plain", "final.seeds=2", f"runs_dir={folder}",
        f"budget.evaluations={n}", "budget.proposals=200", *overrides,
    ])  # fmt: skip
    return read_run(complete_folders([config], ImaginedTrainings())[0])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("imagined")


@pytest.fixture(scope="module")
def run(folder):
    """A run of 20 evaluations, with refusals and failed trainings among its proposals."""
    run = imagined(folder, "random_mutation", 20)
    assert {"lint", "train"} <= set(run.gates)
    return run


def values(run, metrics):
    return {one.name: one.value(run) for one in metrics}


@pytest.mark.parametrize("n", [1, 7, 13])
def test_a_run_cut_at_n_evaluations_is_the_run_with_that_budget(run, folder, n):
    small, shortened = imagined(folder, "random_mutation", n), cut(run, "evaluations", n)
    assert shortened.candidates == small.candidates
    assert shortened.evaluations == n
    assert values(shortened, SEARCHED) == values(small, SEARCHED)
    assert trajectory(shortened) == trajectory(small)
    for one in metrics_of(RESULTS):  # of the networks that both re-trained, as often
        if not one.is_lost(shortened) and shortened.selected.step == run.selected.step:
            assert one.value(shortened) == one.value(small), one.name


@pytest.mark.parametrize("by", EFFORTS)
def test_a_run_cut_at_its_end_is_the_run(run, by):
    priced = cut(run, by, math.inf, training_price=PRICE)
    end = efforts_so_far(priced, by)[-1]
    whole = cut(run, by, end, training_price=PRICE)
    assert not whole.shortened
    of_horizon = {"anytime"} if by != "evaluations" else set()
    for name, one in METRICS.items():
        if name not in of_horizon | {"search_cost"}:
            assert one.value(whole) == one.value(run), name
    assert METRICS["search_cost"].value(whole) == pytest.approx(PRICE * run.effort.seconds / 3600)


@given(st.sampled_from(sorted(EFFORTS)), st.floats(0, 1.1))
@settings(max_examples=60)
def test_a_cut_keeps_what_fits_and_no_proposal_that_does_not(run, by, share):
    efforts = efforts_so_far(cut(run, by, math.inf, training_price=PRICE), by)
    amount = share * efforts[-1]
    shortened = cut(run, by, amount, training_price=PRICE)
    n = len(shortened.candidates)
    assert shortened.candidates == run.candidates[:n]
    assert not n or efforts[n - 1] <= amount * (1 + 1e-9)
    later = [effort for effort in efforts[n:] if effort > efforts[n - 1 if n else 0]]
    assert all(effort > amount for effort in later)
    if n < len(run.candidates):
        assert not n or efforts[n - 1] > (efforts[n - 2] if n > 1 else 0)  # the last one counts
    assert set(shortened.calls) <= set(run.calls)
    assert set(shortened.finals) <= {"seed", *(c.step for c in shortened.candidates)}


@pytest.fixture
def improving(tmp_path):
    """Finds a small network, then one that dominates it; both as good as the seed."""
    children = [("g0.c0", evaluated(0.98, 500)), ("g0.c1", evaluated(0.99, 400)),
                ("g1.c0", evaluated(0.97, 100))]  # fmt: skip
    record_run(tmp_path / "run", arm="full", seed=0, children=children, evaluations=3)
    return read_run(tmp_path / "run")


def test_a_network_that_was_not_re_trained_has_no_test_score_and_is_no_failure(improving):
    assert improving.selected.step == "g1.c0"
    assert METRICS["saved"].value(improving) == pytest.approx(1.0)
    early, later = (cut(improving, "evaluations", n) for n in (1, 2))
    assert early.selected.step == "g0.c0"  # dominated later, so not in the hall of fame
    for name in ("saved", "test_score", "test_hypervolume", "small_test_score"):
        assert METRICS[name].value(early) is None, name
        assert METRICS[name].is_lost(early), name
    assert METRICS["hypervolume"].value(early) > 0
    assert METRICS["parameters"].value(early) == 500
    assert later.selected.step == "g0.c1"  # on the front to the end
    assert METRICS["saved"].value(later) == pytest.approx(math.log10(1000 / 400))
    assert METRICS["test_hypervolume"].value(later) > 0


def test_confirmed_scores_that_a_cut_lacks_leave_it_unknown_which_network_was_selected(improving):
    confirmed = {"seed": (0.98,), "g0.c1": (0.98,), "g1.c0": (0.97,)}
    run = replace(improving, confirmed=confirmed)
    assert run.selected.step == "g1.c0"
    early, later = (cut(run, "evaluations", n) for n in (1, 2))
    assert (early.knows_selected, early.selected) == (False, None)
    assert METRICS["saved"].value(early) is None
    assert METRICS["parameters"].value(early) is None
    assert later.selected.step == "g0.c1"


def arms(tmp_path, **more):
    """One arm at 6 evaluations, one at 3, and one that had nothing left to propose after 1."""
    for arm, n, budget in (("nas", 6, 6), ("full", 3, 3), ("width", 1, 3)):
        for seed in range(2):
            children = [
                (f"g{k}.c0", evaluated(0.98, 600 - 90 * k - seed)) for k in range(n)
            ]  # fmt: skip
            record_run(
                tmp_path / f"{arm}-{seed}", arm=arm, seed=seed, children=children,
                evaluations=budget, comparison=None, tokens=100 if arm == "full" else 0, **more,
            )  # fmt: skip
    (found,) = comparisons(read_runs(sorted(tmp_path.iterdir())))
    return found


def test_answers_of_a_proposal_that_was_not_decided_are_counted(tmp_path):
    children = [("g0.c0", evaluated(0.98, 900)), ("g0.c1", evaluated(0.98, 400))]
    record_run(
        tmp_path / "run",
        arm="full",
        seed=0,
        children=children,
        price={"prompt": 1.0, "completion": 4.0},
    )
    whole = read_run(tmp_path / "run")
    ended = replace(whole, candidates=whole.candidates[:1])
    (lost,) = (call for step, call in whole.calls.items() if step.startswith("g0.c1"))
    before, after = whole.effort, ended.effort
    trained = whole.candidates[1].train_s
    assert (lost.seconds, lost.usage.cost) > (0, 0)
    assert after.seconds == pytest.approx(before.seconds - trained)
    assert METRICS["search_s"].value(ended) == after.seconds
    assert after.seconds > cut(whole, "evaluations", 1).effort.seconds


def test_a_target_that_a_cut_run_had_not_reached_is_no_lost_value(tmp_path):
    children = [("g0.c0", evaluated(0.98, 900)), ("g0.c1", evaluated(0.98, 400))]
    record_run(tmp_path / "run", arm="full", seed=0, children=children)
    run, to_target = read_run(tmp_path / "run"), METRICS["to_target"]
    assert to_target.value(run) == 2
    early = cut(run, "evaluations", 1)
    assert to_target.value(early) is None
    assert not to_target.is_lost(early)
    assert to_target.over([early]).reached == 0


def test_runs_are_cut_to_what_all_reached_but_those_that_had_nothing_left(tmp_path):
    comparison = at_equal(arms(tmp_path), "evaluations")
    n = {arm.name: [run.evaluations for run in arm.runs] for arm in comparison.arms}
    assert n == {"full": [3, 3], "nas": [3, 3], "width": [1, 1]}
    assert [arm.name for arm in comparison.shortened] == ["nas"]
    assert comparison.reference.name == "full"
    assert all(arm in comparison.arms for arm in comparison.others)
    assert METRICS["anytime"].value(comparison.arms[0].runs[0]) > 0


def test_equal_seconds_count_training_and_answers(tmp_path):
    comparison = at_equal(arms(tmp_path), "seconds")  # a training takes 1.5 s, an answer 1 s
    assert comparison.cut.amount == 3 * 2.5
    n = {arm.name: [run.evaluations for run in arm.runs] for arm in comparison.arms}
    assert n == {"full": [3, 3], "nas": [5, 5], "width": [1, 1]}
    assert METRICS["anytime"].value(comparison.arms[0].runs[0]) is None  # of unequal evaluations


def test_equal_cost_counts_training_and_answers(tmp_path):
    price = {"prompt": 10.0, "completion": 25.0}  # an answer costs 0.0015
    comparison = at_equal(arms(tmp_path, price=price), "cost", training_price=2.4)  # and 0.001
    assert comparison.cut.amount == pytest.approx(6 * 0.001)  # all that nas took
    n = {arm.name: [run.evaluations for run in arm.runs] for arm in comparison.arms}
    assert n == {"full": [2, 2], "nas": [6, 6], "width": [1, 1]}


def test_what_is_not_recorded_is_never_counted_as_nothing(tmp_path):
    with pytest.raises(InputError, match=r"--equal cost: .* --training-price"):
        at_equal(arms(tmp_path / "a"), "cost")
    with pytest.raises(InputError, match=r"the cost of every training and answer on record"):
        at_equal(arms(tmp_path / "b"), "cost", training_price=1.0)  # answers have no price
    children = [("g0.c0", SLOW), ("g0.c1", evaluated(0.9, 9))]
    record_run(tmp_path / "c", arm="nas", seed=0, children=children, tokens=0)
    run = read_run(tmp_path / "c")
    assert run.effort.seconds is None
    with pytest.raises(InputError, match=r"those of g0\.c0 of nas, seed 0, are not all known"):
        cut(run, "seconds", 1.0)
    refused = [("g0.c0", LINT)]
    record_run(tmp_path / "d" / "run", arm="nas", seed=0, children=refused, tokens=0,
               settings={"budget": {"evaluations": 3, "proposals": 1}}, comparison=None)  # fmt: skip
    (comparison,) = comparisons(read_runs([tmp_path / "d" / "run"]))
    with pytest.raises(InputError, match="--equal evaluations: expected runs that took some"):
        at_equal(comparison, "evaluations")


def test_a_measure_that_cut_runs_lost_is_replaced_or_refused(improving):
    early, runs = cut(improving, "evaluations", 1), [improving]
    words = improving.wording
    assert comparison_metric(None, "saved", runs, words).name == "saved"
    assert comparison_metric(None, "saved", [early], words).name == "hypervolume"
    assert comparison_metric("anytime", "saved", [early], words).name == "anytime"
    with pytest.raises(InputError, match="one of hypervolume, anytime, got saved"):
        comparison_metric("saved", "saved", [early], words)
