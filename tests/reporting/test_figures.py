"""Figures: what they draw by hand, bytes that depend on the data alone, nothing cut off."""

import json
import math
from dataclasses import replace

import pytest
from PIL import Image

from harness.analysis.arm import arms_of
from harness.analysis.comparison import compare
from harness.analysis.curves.sensitivity import by_evaluations, by_setting
from harness.analysis.curves.series import band, outcomes, regressions, surface
from harness.analysis.curves.targets import reached
from harness.analysis.curves.trajectory import trajectory
from harness.analysis.loading import read_runs, runs_below
from harness.analysis.measures import saved
from harness.analysis.metrics import METRICS
from harness.evolution import pareto
from harness.record.events import RunCompleted
from harness.record.journal import Journal
from harness.reporting import plot_style
from harness.reporting.figures.catalog import FIGURES, draw, draw_all
from tests.conftest import SEED_NETWORK
from tests.support.records import LINT, SLOW, child, evaluated, record_run, record_study


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Four arms at three seeds, one of which asks nobody."""
    folder = tmp_path_factory.mktemp("study")
    arms = ["full", "no_eot", "no_crp", "random_mutation"]
    record_study(
        folder, arms=arms, seeds=range(3), proposals=24, source=SEED_NETWORK.read_text(), words=20
    )
    return runs_below(folder).runs


@pytest.fixture
def arm(tmp_path):
    """Three seeds, the last of which has not ended."""
    for seed, children in enumerate((
        [("g0.c0", evaluated(0.9, 800)), ("g0.c1", evaluated(0.95, 900))],
        [("g0.c0", SLOW), ("g0.c1", evaluated(0.92, 700)), ("g0.c2", LINT)],
        [("g0.c0", evaluated(0.99, 100))],
    )):  # fmt: skip
        record_run(
            tmp_path / str(seed), arm="full", seed=seed, children=children, complete=seed < 2
        )
    (found,) = arms_of(read_runs([tmp_path / str(seed) for seed in range(3)]))
    return found


def test_a_name_of_somebody_else_is_drawn_as_one_short_visible_line():
    """A warning of matplotlib about a character without a glyph holds that character."""
    assert plot_style.short("a\x1b[31m\n\u202e") == r"a\u001b[31m \u202e"
    assert len(plot_style.short("\x07" * 99)) == 40


def test_what_a_share_of_fronts_attained():
    one, other = [(0.9, 1000), (0.8, 100)], [(0.85, 500)]
    assert pareto.attained([one, other], 0) == [(0.8, 100), (0.85, 500), (0.9, 1000)]
    assert pareto.attained([one, other], 1) == [(0.8, 500), (0.85, 1000)]
    assert pareto.attained([one, other, []], 0.5) == [(0.8, 500), (0.85, 1000)]
    assert pareto.attained([one, other, []], 1) == []  # a run that found nothing attains nothing
    assert pareto.attained([], 0.5) == []


def test_curves_begin_where_every_run_has_a_value_and_hold_to_the_end(arm):
    found = band(arm, x=METRICS["evaluations"], y=METRICS["best_validation"])
    assert found.x == (2,)  # one run found nothing before; the third has not ended
    assert found.median == (pytest.approx((0.95 + 0.92) / 2),)
    assert (found.low, found.high) == ((pytest.approx(0.9275),), (pytest.approx(0.9425),))
    volume = band(arm, x=METRICS["evaluations"], y=METRICS["hypervolume"])
    assert volume.x == (1, 2)
    assert volume.median[0] == pytest.approx(arm.finished[0].hypervolume_of([(0.9, 800)]) / 2)
    tokens = band(arm, x=METRICS["tokens"], y=METRICS["hypervolume"])
    assert tokens.x == (120, 240)
    assert tokens.x[-1] == 240


def test_an_axis_that_one_run_does_not_know_is_no_curve(tmp_path):
    for seed, tokens in enumerate((100, None)):
        record_run(tmp_path / str(seed), arm="full", seed=seed, tokens=tokens,
                   children=[("g0.c0", evaluated(0.9, 800))])  # fmt: skip
    (arm,) = arms_of(read_runs([tmp_path / "0", tmp_path / "1"]))
    assert band(arm, x=METRICS["tokens"], y=METRICS["hypervolume"]) is None
    assert band(arm, x=METRICS["train_s"], y=METRICS["hypervolume"]) is not None


@pytest.mark.parametrize(
    ("tokens", "shown"),
    [(100, "tokens, in and out"), (None, "characters of prompts and answers"), (0, None)],
)
def test_characters_stand_for_tokens_that_no_llm_reports(tmp_path, tokens, shown):
    """Where no arm asks an LLM, there is nothing to show of either."""
    for arm, its_tokens in (("full", tokens), ("random_mutation", 0)):
        record_run(tmp_path / arm, arm=arm, seed=0, tokens=its_tokens,
                   children=[("g0.c0", evaluated(0.9, 800)), ("g0.c1", evaluated(0.95, 700))])  # fmt: skip
    comparison = compare(read_runs([tmp_path / "full", tmp_path / "random_mutation"]))
    with plot_style.styled():
        drawn = FIGURES["progress"].draw(comparison)
        labels = [" ".join(axes.get_xlabel().split()) for axes in drawn.axes]
        seconds = "seconds of training and LLM in the search" if shown else "seconds of training"
        assert labels == 2 * ["evaluations", *([shown] if shown else []), seconds]
        assert all(axes.lines for axes in drawn.axes)
        cost = FIGURES["cost"].draw(comparison).axes[0].get_xlabel()
        assert tokens is not None or cost == "characters of prompts and answers, per run"
    full = comparison.arms[0].runs[0]
    characters = len("Improve it. ") * 2 + len("x = 0 ") * 2
    assert METRICS["characters"].value(full) == (characters if tokens != 0 else 0)
    assert trajectory(full)[-1].characters == METRICS["characters"].value(full)


def test_surfaces_ends_and_regressions_of_finished_runs(arm):
    assert surface(arm, 1) == [(0.9, 800), (0.92, 900)]
    assert outcomes(arm) == {"mutation": {"valid": 3, "train": 1, "lint": 1}}
    first, second = regressions(arm)
    assert (first.seed, first.in_search, second.in_search) == (0, 0.95, 0.92)
    assert (first.retrained, first.test) == (pytest.approx(0.975), pytest.approx(0.98))


def test_targets_are_reached_by_the_evaluation_of_the_first_small_network(tmp_path):
    """Of 21 sizes, 900 of 1,000 parameters is small enough for the first; 100 for 11."""
    for seed, children in enumerate((
        [("g0.c0", evaluated(0.98, 900)), ("g0.c1", LINT), ("g0.c2", evaluated(0.98, 100))],
        [("g0.c0", evaluated(0.5, 10))],
    )):  # fmt: skip
        record_run(tmp_path / str(seed), arm="full", seed=seed, children=children)
    (arm,) = arms_of(read_runs([tmp_path / "0", tmp_path / "1"]))
    assert reached(arm) == [(0, 0), (1, 1 / 42), (2, 11 / 42)]


def test_differences_by_evaluations_and_by_margin(tmp_path):
    """At every seed, the other arm finds after two evaluations what the reference has after one."""
    found = {
        "full": [evaluated(0.98, 500), evaluated(0.98, 400)],
        "other": [evaluated(0.98, 800), evaluated(0.98, 500)],
    }
    for arm, fates in found.items():
        for seed in range(6):
            record_run(
                tmp_path / f"{arm}-{seed}", arm=arm, seed=seed,
                children=[(f"g0.c{k}", fate) for k, fate in enumerate(fates)],
            )  # fmt: skip
    full, other = arms_of(read_runs(sorted(tmp_path.iterdir())))
    (one, early), (two, late) = by_evaluations(other, full, METRICS["hypervolume"])
    assert (one, two) == (1, 2)
    assert early.estimate == early.low == early.high == pytest.approx(0.88 * math.log10(5 / 8))
    assert late.estimate == pytest.approx(0.88 * math.log10(4 / 5))
    for run in other.runs:  # 3 points below its seed network
        run.finals["g0.c1"] = (0.95, 0.95, 0.95)
    (_, strict), (_, lax) = by_setting(other, full, saved, (0.0, 0.05))
    assert strict.estimate == pytest.approx(-math.log10(1000 / 400))  # the other saves nothing
    assert lax.estimate == pytest.approx(math.log10(4 / 5))


@pytest.mark.slow
def test_the_same_runs_give_the_same_bytes(study, tmp_path):
    written = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        assert draw_all(compare(study), tmp_path / name) == list(FIGURES.values())
        written.append({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()})
    assert written[0] == written[1]
    assert len(written[0]) == 2 * len(FIGURES)


def test_arms_are_told_apart_in_colour_and_in_grey(study, tmp_path):
    draw("pareto", compare(study), tmp_path)
    with Image.open(tmp_path / "pareto.png") as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(2**20)}
    assert {(0, 114, 178), (213, 94, 0), (0, 158, 115)} <= colours
    looks = [plot_style.look(place) for place in range(24)]
    for i, one in enumerate(looks):
        for other in looks[:i]:
            assert (one["linestyle"], one["marker"]) != (other["linestyle"], other["marker"])


@pytest.mark.parametrize("n_arms", [1, 4, 24])
@pytest.mark.parametrize("figure", FIGURES.values(), ids=lambda figure: figure.name)
def test_nothing_is_cut_off(figure, n_arms, tmp_path):
    for k in range(n_arms):
        record_run(tmp_path / str(k), arm=f"an_arm_with_a_long_name_{k}", seed=0, tokens=0 if k % 2 else 100,
                   children=[("g0.c0", evaluated(0.9, 500)), ("g0.c1", LINT)],
                   details=[{"category": "complex", "character": "innovative_scientist"}] * 2)  # fmt: skip
    with plot_style.styled():
        drawn = figure.draw(compare(read_runs(sorted(tmp_path.iterdir()))))
        if n_arms == 1 and figure.name == "sensitivity":
            assert drawn is None  # there is no other arm
            return
        drawn.savefig(tmp_path / "drawn.png")
        (legend,) = drawn.legends
        box = legend.get_window_extent()
        whole = drawn.bbox
        assert whole.x0 <= box.x0
        assert box.x1 <= whole.x1
        assert whole.y0 <= box.y0
        assert box.y1 <= whole.y1
        for axes in drawn.axes:
            assert axes.get_window_extent().width > 100
            assert not axes.get_window_extent().overlaps(box)


def record_names(folder, n):
    """Record a run of n refusals, each by a gate, of an operator and with labels of its own."""
    record_run(folder, arm="full", seed=0, tokens=0, complete=False, children=[("g0.c0", LINT)])
    with Journal(folder, wait_s=0) as journal, journal._db:
        journal._db.execute("DELETE FROM event WHERE key LIKE 'proposal/%'")
        for k in range(n):
            one = {"operator": f"{'o' * 99} {k}", "segment": "A", "calls": [],
                   "detail": {"category": f"v{k}", "character": f"w{k}"}}  # fmt: skip
            refusal = LINT | {"gate": f"gate {k}"}
            put(journal, child(f"g{k // 100}.c{k % 100}", refusal, variations=[one]))
        put(journal, RunCompleted())


def put(journal, event):
    """Record without waiting for the disk each time."""
    journal._db.execute(
        "INSERT INTO event(key, kind, json, at) VALUES (?, ?, ?, ?)",
        (event.key, event.KIND, json.dumps(event.content), 0.0),
    )


@pytest.mark.slow
def test_any_number_of_names_on_record_fits_into_a_figure(tmp_path):
    """Of labels, operators, gates, runs and arms."""
    record_names(tmp_path / "0", n := 300)
    for k in range(1, n_arms := 130):
        record_run(tmp_path / str(k), arm=f"arm {k}", seed=0, tokens=0, finals=(0.9,),
                   children=[("g0.c0", evaluated(0.9, 500))])  # fmt: skip
    comparison = compare(read_runs(sorted(tmp_path.iterdir())))
    titles = {}
    with plot_style.styled():
        for figure in FIGURES.values():
            drawn = figure.draw(comparison)
            assert drawn.get_figheight() < 40
            (legend,) = drawn.legends
            assert len(legend.get_texts()) <= plot_style.MOST_ROWS + 1
            for axes in drawn.axes:
                assert len(axes.get_yticks()) <= plot_style.MOST_ROWS
                assert len(axes.patches) <= 14 * plot_style.MOST_ROWS
            titles[figure.name] = drawn.axes[0].get_title(loc="left")
            if figure.name == "targets":
                assert legend.get_texts()[-1].get_text() == "and 10 others"
            if figure.name == "validity":
                assert legend.get_texts()[-1].get_text() == "other gates"
    assert titles["credit"] == f"by category (120 of {n} rows)"
    assert titles["validity"].endswith(f"(120 of {n + n_arms - 1} rows)")
    assert titles["retrained"].endswith(f"(120 of {n_arms} rows)")


def test_the_most_common_rows_are_kept_in_their_order():
    rows = [*range(100, 0, -1), *range(200, 100, -1)]
    kept, part = plot_style.fitting(rows, lambda row: row)
    assert kept == [row for row in rows if row > 80]
    assert part == " (120 of 200 rows)"
    assert plot_style.fitting(rows[:120]) == (rows[:120], "")


def test_runs_that_found_nothing_are_drawn_without_a_front(tmp_path):
    """An LLM whose every answer is refused, at several seeds: the command must end all the same."""
    for seed in range(2):
        record_run(tmp_path / f"full-{seed}", arm="full", seed=seed, children=[("g0.c0", LINT)])
        record_run(tmp_path / f"other-{seed}", arm="other", seed=seed,
                   children=[("g0.c0", evaluated(0.9, 500))])  # fmt: skip
    comparison = compare(read_runs(sorted(tmp_path.iterdir())))
    assert [figure.name for figure in draw_all(comparison, tmp_path)] == [
        "pareto", "progress", "validity", "retrained", "cost", "targets", "sensitivity",
    ]  # fmt: skip


def test_every_kind_of_score_is_named_though_the_seed_network_lacks_one(study):
    bare = [
        replace(run, retrained={k: v for k, v in run.retrained.items() if k != "seed"})
        for run in study
    ]
    with plot_style.styled():
        (legend,) = FIGURES["retrained"].draw(compare(bare)).legends
        assert len(legend.get_texts()) == 3


def test_where_there_is_nothing_to_show_nothing_is_written(tmp_path):
    record_run(tmp_path / "run", arm="full", seed=0, children=[("g0.c0", LINT)], complete=False)
    out = tmp_path / "out"
    out.mkdir()
    written = draw_all(compare(read_runs([tmp_path / "run"])), out)
    assert [figure.name for figure in written] == ["pareto"]  # the seed network's star
    assert sorted(p.name for p in out.iterdir()) == ["pareto.pdf", "pareto.png"]
