"""Measures of one run, each checked by hand, and by simulation where chance is involved."""

import math
import statistics
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t

from harness.analysis import measures
from harness.analysis.curves.trajectory import founders_share
from harness.analysis.loading import read_run
from harness.analysis.metrics import METRICS
from harness.analysis.statistics.noise import Noise, pooled_noise
from harness.evolution.candidate import SHOWN_NETWORKS, Variation
from harness.evolution.pareto import Objectives
from harness.record.events import RunCompleted, read_event
from harness.record.journal import Journal
from tests.support.records import child, evaluated, manifest, record_run, reference
from tests.support.tables import described

SEED = {"score": 0.98, "n_params": 1000, "train_s": 2.0, "flops": 50}


@pytest.fixture
def recorded(tmp_path):
    """Write a run with these children and test scores by step, and read it."""

    def write(children, finals, *, parents=(), validation=0.97):
        with Journal(tmp_path / "run", wait_s=0) as journal:
            journal.record(manifest(evaluations=max(3, len(children))), at=0.0)
            journal.record(reference(SEED))
            for k, (step, outcome) in enumerate(children):
                family = parents[k] if k < len(parents) else ["seed"]
                journal.record(child(step, outcome, parents=family, source="# segment: A\n"))
            for step, scores in finals.items():
                for k, score in enumerate(scores):
                    failed = {"gate": "train", "kind": "timeout", "reason": "took too long"}
                    trained = {
                        "score": score,
                        "validation": validation,
                        "n_params": 1,
                        "train_s": 1,
                    }
                    outcome = failed if score is None else trained
                    journal.record(read_event(f"final/{step}/{k}", outcome))
            journal.record(RunCompleted())
        return read_run(tmp_path / "run")

    return write


@pytest.mark.parametrize(
    ("finals", "n_params", "decades"),
    [
        ([0.97, 0.96, 0.98], 100, 1.0),  # a point below the seed network's
        ([0.96, 0.96, 0.96], 100, 1.0),  # two points below, which is the margin
        ([0.959, 0.959, 0.959], 100, 0.0),
        ([0.99, 0.99, 0.99], 500, math.log10(2)),
        ([0.99, None, 0.99], 100, 0.0),  # a re-training failed
        ([0.99, 0.99, 0.99], 2000, 0.0),  # a larger network saves nothing
    ],
)
def test_saved_counts_only_where_the_test_score_holds(recorded, finals, n_params, decades):
    run = recorded(
        [("g0.c0", evaluated(0.98, n_params))], {"seed": [0.98, 0.98, 0.98], "g0.c0": finals}
    )
    assert measures.saved(run) == pytest.approx(decades)


def test_a_search_that_evaluates_nothing_saves_nothing(recorded):
    refused = {"gate": "lint", "kind": "lint", "reason": "F821"}
    run = recorded([("g0.c0", refused)], {"seed": [0.98, 0.98, 0.98]})
    assert measures.saved(run) == 0
    assert measures.retrained_hypervolume(run) == 0
    assert founders_share(run) is None


def test_what_has_no_test_score_of_the_seed_network_has_no_measure(recorded):
    run = recorded([("g0.c0", evaluated(0.98, 100))], {"seed": [None] * 3, "g0.c0": [0.98] * 3})
    assert measures.saved(run) is None
    assert measures.retrained_hypervolume(run) is None


def test_one_is_the_seed_networks_score_with_a_hundredth_of_its_parameters(recorded):
    run = recorded(
        [("g0.c0", evaluated(0.98, 10))], {"seed": [0.98] * 3, "g0.c0": [0.98, 0.98, 0.98]}
    )
    assert measures.retrained_hypervolume(run) == pytest.approx(1)


def test_the_front_counts_by_its_test_scores_and_failed_networks_do_not(recorded):
    children = [
        ("g0.c0", evaluated(0.97, 10)),  # selected; 2.5 points above the reference, two decades
        ("g0.c1", evaluated(0.975, 100)),  # its re-training failed
        ("g0.c2", evaluated(0.979, 500)),  # below the reference on test images
    ]
    run = recorded(
        children,
        {"seed": [0.98] * 3, "g0.c0": [0.955] * 3, "g0.c1": [None], "g0.c2": [0.9]},
    )
    area = 0.025 * math.log10(100 / 10)  # from the size of g0.c1 on, the search chooses that one
    assert measures.retrained_hypervolume(run) == pytest.approx(area / (0.05 * 2))
    assert measures.small_test_score(run, 99) == pytest.approx(0.955)
    assert measures.small_test_score(run, 499) is None
    assert measures.best_small_test_score(run) == 0.9


@pytest.mark.parametrize(
    ("finals", "value", "partial"),
    [([None], None, True), ([0.99, None, 0.97], 0.98, True), ([0.99, 0.98, 0.97], 0.98, False)],
)
def test_a_failed_re_training_is_never_replaced_by_that_of_a_worse_network(
    recorded, finals, value, partial
):
    """The larger network is not selected in the first case, and in the others it is."""
    children = [("g0.c0", evaluated(0.97 if len(finals) == 1 else 0.9, 10)),
                ("g0.c1", evaluated(0.98, 100))]  # fmt: skip
    run = recorded(children, {"seed": [0.98] * 3, "g0.c0": [0.97] * 3, "g0.c1": finals})
    metric = METRICS["small_test_score"]
    assert metric.value(run) == (None if value is None else pytest.approx(value))
    assert metric.partial(run) is partial
    assert metric.fails(run) is partial
    assert metric.value_if_whole(run) == (None if partial else pytest.approx(value))
    assert measures.retrained_hypervolume(run) == pytest.approx(0.4 if partial else 0.9)


@pytest.mark.parametrize(
    ("n_params", "measure", "relevant", "saves"),
    [(708, "saved", None, 0), (707, "saved", None, 1), (707, "saved", 0.2, 0),
     (1000, "saved", 0.0, 0), (999, "saved", 0.0, 1), (707, "test_score", 0.2, 1)],
)  # fmt: skip
def test_a_run_saves_where_it_saves_as_much_as_matters(
    recorded, n_params, measure, relevant, saves
):
    run = recorded(
        [("g0.c0", evaluated(0.98, n_params))], {"seed": [0.98] * 3, "g0.c0": [0.98] * 3}
    )
    settings = run.manifest.settings
    final = settings["final"] | {"measure": measure, "relevant": relevant}
    run = replace(run, manifest=replace(run.manifest, settings=settings | {"final": final}))
    assert measures.saves(run) == saves


def test_no_score_of_a_re_training_chooses_a_network(recorded):
    """The smaller network has the better test score, and re-trains better on validation images."""
    children = [("g0.c0", evaluated(0.97, 10)), ("g0.c1", evaluated(0.975, 100))]
    run = recorded(children, {"seed": [0.98] * 3, "g0.c0": [0.99] * 3, "g0.c1": [0.97]})
    run = replace(run, retrained={"g0.c0": (0.99,) * 3, "g0.c1": (0.96,)})
    assert measures.best_small_test_score(run) == 0.97
    assert measures.retrained_hypervolume(run) == pytest.approx((0.06 + 0.04) / (0.05 * 2))
    confirmed = {"seed": (0.98,), "g0.c0": (0.98,), "g0.c1": (0.97,)}  # these select, then
    assert measures.best_small_test_score(replace(run, confirmed=confirmed)) == pytest.approx(0.99)


@pytest.mark.simulation
@pytest.mark.parametrize("correlation", [0, 0.4, 0.8])
def test_ten_equally_good_networks_have_the_area_of_one_as_documented(recorded, correlation):
    sizes, rng = np.linspace(0.8, 0.1, 10), np.random.default_rng(round(10 * correlation))
    children = [(f"g0.c{k}", evaluated(0.98, round(1e6 / 10**s))) for k, s in enumerate(sizes)]
    run = recorded(children, {})
    settings = run.manifest.settings | {
        "final": run.manifest.settings["final"] | {"hall_of_fame": 10, "seeds": 1}
    }
    run = replace(run, manifest=replace(run.manifest, settings=settings),
                  seed_objectives=Objectives(0.98, 10**6))  # fmt: skip
    areas = {"the search": [], "best test score": [], "best re-trained validation": []}
    steps = [step for step, _ in children]
    for _ in range(4_000):
        search, shared, alone = rng.normal(0, 1, (3, 10))
        test = 0.98 + 0.0065 * (correlation * shared + math.sqrt(1 - correlation**2) * alone)
        candidates = tuple(
            replace(c, objectives=Objectives(0.98 + 0.0065 * score, c.objectives.n_params))
            for c, score in zip(run.candidates, search, strict=True)
        )
        finals = {step: (score,) for step, score in zip(steps, test.tolist(), strict=True)}
        finals["seed"] = (0.98 + rng.normal(0, 0.0065 / math.sqrt(3)),)
        study = replace(run, candidates=candidates, finals=finals)
        areas["the search"].append(measures.retrained_hypervolume(study))
        front = [steps.index(c.step) for c in study.front]
        for name, by in (("best test score", test), ("best re-trained validation", shared)):
            area = 0
            for n, k in enumerate(front):
                chosen = max(front[: n + 1], key=lambda one, by=by: by[one])
                end = sizes[front[n + 1]] if n + 1 < len(front) else 0
                area += max(0, test[chosen] - finals["seed"][0] + 0.05) * (sizes[k] - end)
            areas[name].append(area / 0.1)
    column = [0, 0.4, 0.8].index(correlation)
    for name, found in areas.items():
        doc = measures.retrained_hypervolume.__doc__
        (line,) = [one for one in doc.splitlines() if one.strip().startswith(f"{name}  ")]
        said = float(line.split()[-3 + column])
        assert 100 * statistics.fmean(found) == pytest.approx(said, abs=0.3), name


def test_founders_are_changes_of_the_seed_network_alone(recorded):
    children = [
        ("g0.c0", evaluated(0.98, 500)),
        ("g1.c0", evaluated(0.98, 250)),  # a change of a founder
        ("g1.c1", evaluated(0.9, 900)),
    ]
    run = recorded(children, {}, parents=[["seed"], ["g0.c0"], ["g0.c0", "seed"]])
    halved, quartered = 0.88 * math.log10(2), 0.88 * math.log10(4)
    assert founders_share(run) == pytest.approx(halved / quartered)
    assert founders_share(replace(run, candidates=run.candidates[:1])) is None  # no later child


def test_a_change_of_the_seed_network_that_other_networks_decided_is_no_founder(recorded):
    children = [("g0.c0", evaluated(0.98, 500)), ("g1.c0", evaluated(0.98, 250))]
    run = recorded(children, {})
    told = Variation(operator="mutation", segment="several", detail={SHOWN_NETWORKS: "1"})
    first, second = run.candidates
    candidates = [first, replace(second, variations=(told,))]
    assert founders_share(run) is None
    assert founders_share(replace(run, candidates=candidates)) == pytest.approx(0.5)


def test_children_are_compared_in_size_with_their_first_parent(recorded):
    children = [
        ("g0.c0", evaluated(0.98, 500)),
        ("g0.c1", evaluated(0.98, 1000)),
        ("g0.c2", {"gate": "lint", "kind": "lint", "reason": "F821"}),
        ("g1.c0", evaluated(0.9, 600)),
        ("g1.c1", evaluated(0.9, 499)),
    ]
    parents = [["seed"], ["seed"], ["seed"], ["g0.c0", "g0.c1"], ["g0.c0"]]
    run = recorded(children, {}, parents=parents)
    assert measures.size_changes([run]) == (2, 1, 1)
    assert measures.size_changes([run, run]) == (4, 2, 2)


def test_compute_of_the_selected_network_is_in_multiples_of_the_seed_networks(recorded):
    run = recorded([("g0.c0", evaluated(0.98, 100) | {"flops": 125})], {})
    assert measures.flops_ratio(run) == 2.5
    assert measures.time_ratio(run) is None
    seconds = {"seed": (2.0, 2.0, 5.0), "g0.c0": (1.0, 1.0, 2.5)}  # and not of single trainings
    assert measures.time_ratio(replace(run, retrained_s=seconds)) == 0.5
    unknown = replace(run, seed_flops=None)
    assert measures.flops_ratio(unknown) is None


def test_noise_is_pooled_within_networks(recorded):
    run = recorded(
        [("g0.c0", evaluated(0.98, 100))],
        {"seed": [0.97, 0.98, 0.99], "g0.c0": [0.90, 0.92, 0.94]},
    )
    found = measures.retraining_noise([run])
    variance = (0.01**2 + 0.02**2) / 2
    assert found.n == 6
    assert found.error == pytest.approx(math.sqrt(2 * variance / 3))
    assert found.freedom == 4
    assert found.deviation == pytest.approx(math.sqrt(variance))
    alone = measures.retraining_noise([run], seed_alone=True)
    assert (alone.n, alone.freedom) == (3, 2)
    assert alone.deviation == pytest.approx(0.01)
    assert measures.retraining_noise([replace(run, finals={"seed": (0.9,)})]) is None


def test_equal_networks_at_one_seed_count_once(recorded):
    """Every arm re-trains the same seed network on the same seeds."""
    run = recorded([("g0.c0", evaluated(0.98, 100))], {"seed": [0.97, 0.98, 0.99]})
    other_seed = replace(run, manifest=replace(run.manifest, seed=1))
    assert measures.retraining_noise([run, run]) == measures.retraining_noise([run])
    assert measures.retraining_noise([run, other_seed]).n == 6


def test_the_noise_of_the_selection_is_that_of_one_score_less_the_threshold(recorded):
    run = recorded([("g0.c0", evaluated(0.98, 100))], {"seed": [0.98] * 3})
    run = replace(run, retrained={"seed": (0.97, 0.98, 0.99)})
    assert measures.selection_noise([run]).error == pytest.approx(0.01 * math.sqrt(2))
    settings = run.manifest.settings
    for changes, variances in (
        ({"final": settings["final"] | {"threshold": "retrainings"}}, 1 + 1 / 3),
        ({"confirm": {"seeds": 4}}, 2 / 4),
    ):
        other = replace(run, manifest=replace(run.manifest, settings=settings | changes))
        found = measures.selection_noise([other])
        assert found.error == pytest.approx(0.01 * math.sqrt(variances))


def test_chances_to_pass_are_students():
    """With 8 degrees of freedom, 2.306 standard errors have 2.5 % beyond them."""
    noise = Noise(error=0.01, n=12, freedom=8, deviation=0.01, typical=0.01, noisiest=0.25)
    assert noise.passing(0.02306, loss=0) == pytest.approx(0.975, abs=1e-4)
    assert noise.passing(0.02, loss=0.02) == 0.5
    assert noise.passing(0.02, loss=0.04306) == pytest.approx(0.025, abs=1e-4)
    assert noise.trainings_needed(0.01153, failing=0.025) == pytest.approx(4, abs=1e-3)
    exact = Noise(error=0.0, n=3, freedom=2, deviation=0.0, typical=0.0, noisiest=0.0)
    assert (exact.passing(0.02, loss=0.02), exact.passing(0.02, loss=0.03)) == (1, 0)


def test_noise_tells_how_unequal_the_networks_are():
    """Deviations 1, 0 and 3; the squares of the last are 18 of 20."""
    noise = pooled_noise([[1, 2, 3], [4, 4, 4], [0, 3, 6], [5]], variances=1)
    assert (noise.typical, noise.noisiest) == (1.0, pytest.approx(18 / 20))
    assert (noise.n, noise.freedom, noise.deviation) == (9, 6, pytest.approx(math.sqrt(20 / 6)))
    assert pooled_noise([[1, 1]], variances=1).noisiest == 0.0


def test_the_chances_behind_margin_and_tolerance_are_told(tmp_path):
    """Test scores deviate by 0.5 points, so that means of three differ by 0.408."""
    record_run(tmp_path / "a", arm="full", seed=0, finals=(0.975, 0.98, 0.985),
               children=[("g0.c0", evaluated(0.98, 100))])  # fmt: skip
    text = described([read_run(tmp_path / "a")], "markdown")
    equal = t.cdf(-2 / 0.5 * math.sqrt(3 / 2), 4)
    worse = t.cdf(-1 / 0.5 * math.sqrt(3 / 2), 4)
    assert (
        f"standard error of 0.408 points (from 6 re-trainings of all networks, with a standard "
        f"deviation of 0.5 points; that of half of the networks is at most 0.5 points, and one "
        f"network has 50.0 % of the variance; the seed network's 3 alone have a standard deviation of 0.5 points). With "
        f"this noise, "
        f"{100 * equal:.1f} % of networks as good as the seed network fail the margin; of networks "
        f"that are truly 2 points worse, 50.0 % pass, and of those 3 points worse, "
        f"{100 * worse:.1f} %."
    ) in text
    equal = t.cdf(-1 / 0.5 / math.sqrt(2), 4)
    assert "Of validation scores, one less one of a network of the same true score has" in text
    share = f"{100 * equal:.1f} % of networks as good as the seed network fail the tolerance"
    assert share in text


def test_a_margin_too_small_for_the_noise_is_told(tmp_path):
    for seed, finals in enumerate([(0.9, 0.95, 0.99), (0.91, 0.97, 0.99)]):
        record_run(tmp_path / str(seed), arm="full", seed=seed, finals=finals,
                   children=[("g0.c0", evaluated(0.98, 100))])  # fmt: skip
    runs = [read_run(tmp_path / str(seed)) for seed in range(2)]
    found = measures.retraining_noise(runs)
    needed = math.ceil(3 * (t.ppf(0.975, found.freedom) * found.error / 0.02) ** 2)
    assert f"too small for this noise: use final.seeds={needed}." in described(runs, "markdown")
