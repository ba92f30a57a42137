"""Successive halving: few epochs for many, all epochs for the best, and nothing lost."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.comparison import compare
from harness.analysis.loading import read_run
from harness.config.compose import compose
from harness.errors import InputError
from harness.evaluation.backend import Backend
from harness.evolution.candidate import Evaluation, Gated
from harness.evolution.fidelity import Full, Halving
from harness.evolution.genome import Genome
from harness.evolution.pareto import Objectives, dominates
from harness.record.journal import read_entries, read_events
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.tables import render
from harness.runs.recorded_run import RecordedRun
from harness.runs.replay import replay
from tests.conftest import told
from tests.support.backends import complete_folders

POINTS = st.lists(
    st.builds(Objectives, st.integers(100, 1000).map(lambda n: n / 1000), st.integers(1, 10**6)),
    min_size=0,
    max_size=12,
)


def halving(*shares, keep=0.25):
    return Halving(shares=shares or (0.11, 0.33), keep=keep, chance=0.1)


def points(*pairs):
    return [Objectives(*pair) for pair in pairs]


def shape_of(goes_on):
    return "".join("x" if on else "." for on in goes_on)


@pytest.mark.parametrize(
    ("epochs", "rungs"), [(9, [1, 3]), (27, [3, 9]), (5, [1, 2]), (2, [1]), (1, [])]
)
def test_rungs_are_whole_epochs_below_the_recipes(epochs, rungs):
    assert halving().rungs(epochs) == rungs
    assert Full().rungs(epochs) == []


@given(st.lists(POINTS, min_size=1, max_size=5), st.floats(0.1, 0.9))
def test_no_more_than_the_share_of_all_goes_on_and_the_best_before_the_rest(generations, keep):
    fidelity, n_tried, n_on = halving(keep=keep), 0, 0
    for objectives in generations:
        goes_on = fidelity.promoted(1, objectives)
        n_tried, n_on = n_tried + len(objectives), n_on + sum(goes_on)
        assert len(goes_on) == len(objectives)
        assert n_on <= max(1, round(keep * n_tried))
        chosen = [o for o, on in zip(objectives, goes_on, strict=True) if on]
        left = [o for o, on in zip(objectives, goes_on, strict=True) if not on]
        assert not any(dominates(bad, good) for bad in left for good in chosen)
    if generations[0]:
        assert any(halving(keep=keep).promoted(1, generations[0]))


def test_one_child_at_a_time_goes_on_where_it_is_among_the_best_so_far():
    fidelity = halving()
    scores = (0.5, 0.4, 0.6, 0.2, 0.7, 0.3, 0.65, 0.8)
    goes_on = [fidelity.promoted(1, [Objectives(score, 100)]) for score in scores]
    # The sixth opens a second place, and leaves it to the next that is among the best two.
    assert shape_of(on for (on,) in goes_on) == "x.....x."


def test_the_smallest_of_the_front_goes_on_first_then_the_most_accurate_then_who_is_alone():
    founders = points((0.92, 500), (0.93, 900), (0.80, 490), (0.90, 480), (0.70, 300), (0.60, 800))
    assert shape_of(halving(keep=0.17).promoted(1, founders)) == "....x."
    assert shape_of(halving(keep=0.34).promoted(1, founders)) == ".x..x."
    assert shape_of(halving(keep=0.51).promoted(1, founders)) == ".x.xx."
    assert shape_of(halving(keep=0.67).promoted(1, founders)) == "xx.xx."


def test_a_network_that_guesses_takes_no_place_of_one_that_learns():
    founders = points((0.1, 9), (0.92, 900), (0.9, 500), (0.8, 400), (0.3, 200), (0.6, 800))
    assert shape_of(halving(keep=0.17).promoted(1, founders)) == "...x.."
    assert shape_of(halving(keep=0.34).promoted(1, founders)) == ".x.x.."
    assert shape_of(halving(keep=1.0).promoted(1, founders)) == "xxxxxx"


def test_rungs_are_judged_apart():
    fidelity = halving()
    assert fidelity.promoted(1, points((0.9, 1)) * 4) != [False] * 4
    assert fidelity.promoted(3, points((0.1, 9))) == [True]


class Imagined:
    """Accuracy grows with epochs towards a quality of each network's own; the seed has all 9."""

    def __init__(self):
        self.asked = []

    def quality(self, genome):
        return Random(genome.digest).random()

    def search(self, genome, *, seed, split="validation", epochs=None):
        self.asked.append(epochs or 9)
        quality = self.quality(genome)
        return Evaluation(
            score=quality * (1 - 0.5 ** (epochs or 9)), n_params=1000, train_s=epochs or 9.0
        )

    def final(self, genome, *, seed):
        return self.search(genome, seed=seed)


class ImaginedExecutor:
    """Opens a backend where every network is valid and nothing is trained."""

    def __init__(self, evaluate):
        self.evaluate = evaluate

    def open(self, config, dataset, network, *, on_epoch=None):
        machine = {"device": "cpu", "torch": "0", "sandbox": "none"}
        return Backend(validate=lambda _, seed: Gated(), evaluate=self.evaluate, machine=machine)


@pytest.fixture
def halved(tmp_path):
    """A run of random mutation over networks whose worth is known without training them."""
    evaluate = Imagined()

    def run(*overrides):
        return complete_folders([compose([
            "+ablation=random_mutation", "compare=[]", "fidelity=halving", "recipe.epochs=9",
            "sizes.founders=12", "sizes.offspring=12", "budget.evaluations=36", "final.seeds=1",
            "final.hall_of_fame=1", "display=plain", f"runs_dir={tmp_path}", *overrides,
        ])], ImaginedExecutor(evaluate))[0]  # fmt: skip

    return run, evaluate


def test_a_run_spends_a_third_of_the_epochs_and_charges_every_network(halved):
    run, evaluate = halved
    folder = run()
    result = read_run(folder)
    whole = [c for c in result.candidates if c.objectives]
    assert result.evaluations == 36
    assert result.outpaced == 36 - len(whole)
    assert 3 <= len(whole) <= round(0.17 * 36)
    assert result.epochs <= 37 * 9 / 3
    finals = sum(result.trainings[k] for k in result.trainings if k.name == "final")
    assert sum(evaluate.asked) - 9 * finals == result.epochs
    (row,) = describe_comparison(compare([result])).tables[-1].rows
    assert row["arm"] == "random_mutation (halving)"
    assert row["valid"] == 36 / len(result.candidates)  # but for those proposed twice
    assert f"{result.outpaced} of 36 networks were stopped early" in render(
        describe_comparison(compare([result])), "markdown"
    )


def test_those_who_go_on_are_the_best_of_their_generation(halved, network):
    run, evaluate = halved
    result = read_run(run())
    founders = [c for c in result.candidates if c.step.startswith("g0.")]
    by_quality = sorted(founders, key=lambda c: -evaluate.quality(Genome.parse(c.source)))
    assert shape_of(bool(c.objectives) for c in by_quality) == "xx" + "." * (len(founders) - 2)


def test_what_it_spent_before_counts(halved):
    run, _ = halved
    events = {e.key: e.content for e in read_events(run())}
    outcomes = [c["outcome"] for k, c in events.items() if k.startswith("proposal/")]
    for outcome in outcomes:
        if outcome.get("gate") == "duplicates":
            assert "train_s" not in outcome
        elif "gate" in outcome:
            assert outcome["kind"] == "outpaced"
            assert outcome["train_s"] == 1
            assert "epochs, where others did better" in outcome["reason"]
        else:
            assert outcome["train_s"] == 1 + 9


def test_a_halved_run_replays(halved, tmp_path):
    run, _ = halved
    folder = run()
    entries = tuple(read_entries(folder))
    recorded = RecordedRun(source=folder, name=folder.name, entries=entries)
    assert told(replay(recorded, tmp_path / "again").folder) == told(folder)


def test_a_halved_run_of_real_trainings_ends_and_one_child_arms_too(quick, tmp_path, executor):
    for arm in ("random_mutation", "one_plus_one"):
        settings = [*quick, f"+ablation={arm}", "compare=[]", "recipe.epochs=4", "budget.evaluations=4",
                    "sizes.founders=4", "fidelity=halving", f"runs_dir={tmp_path}"]  # fmt: skip
        result = read_run(complete_folders([compose(settings)], executor)[0])
        assert result.evaluations == 4
        assert 0 < result.outpaced < 4
        assert set(map(str, result.trainings)) == {"search", "search-1", "final"}


def test_a_recipe_that_ends_by_itself_cannot_be_halved():
    with pytest.raises(InputError, match=r"fidelity=halving: expected a recipe that ends after"):
        compose(["recipe=ge2024", "fidelity=halving"])
    compose(["recipe=ge2024", "fidelity=halving", "recipe.schedule=decay", "recipe.epochs=30"])
