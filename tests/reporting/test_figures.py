"""Figures: what they draw by hand, bytes that depend on the data alone, nothing cut off."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

import harness
from harness.analysis.comparison import compare
from harness.analysis.curves.trajectory import trajectory
from harness.analysis.loading import read_runs, runs_below
from harness.analysis.metrics import METRICS
from harness.reporting import plot_style
from harness.reporting.figures.catalog import FIGURES, draw, draw_all
from harness.reporting.figures.looks import look
from tests.conftest import SEED_NETWORK
from tests.support.recordings import quickstart
from tests.support.records import LINT, evaluated, record_run, record_study


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Four arms at three seeds, one of which asks nobody."""
    folder = tmp_path_factory.mktemp("study")
    arms = ["full", "no_eot", "no_crp", "random_mutation"]
    record_study(
        folder, arms=arms, seeds=range(3), proposals=24, source=SEED_NETWORK.read_text(), words=20
    )
    return runs_below(folder).runs


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


@pytest.mark.slow
def test_the_same_runs_give_the_same_bytes(study, tmp_path):
    written = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        assert draw_all(compare(study), tmp_path / name) == list(FIGURES.values())
        written.append({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()})
    assert written[0] == written[1]
    assert len(written[0]) == 3 * len(FIGURES)


def test_arms_are_told_apart_in_colour_and_in_grey(study, tmp_path):
    draw("pareto", compare(study), tmp_path)
    with Image.open(tmp_path / "pareto.png") as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(2**20)}
    arms = ("full", "random_mutation", "no_eot", "no_crp")
    assert {to_rgb(look(arm).color) for arm in arms} <= colours


def to_rgb(color):
    return tuple(bytes.fromhex(color.removeprefix("#")))


SHIPPED = [one.stem for one in Path(harness.__file__).parent.glob("conf/ablation/*.yaml")]


@pytest.fixture(scope="module")
def every_arm(tmp_path_factory):
    """A run of each arm of the harness, no two alike."""
    folder = tmp_path_factory.mktemp("every_arm")
    for k, arm in enumerate(SHIPPED):
        record_run(folder / arm, arm=arm, seed=0, children=[("g0.c0", evaluated(0.98, 900 - k))])
    return compare(runs_below(folder).runs)


@pytest.mark.parametrize("name", ["pareto", "progress", "cost", "targets", "sensitivity"])
def test_no_two_arms_look_alike_in_grey(name, every_arm):
    with plot_style.styled():
        (legend,) = FIGURES[name].draw(every_arm).legends
    entries = [
        (str(line._unscaled_dash_pattern), line.get_marker(), line.get_fillstyle())
        for line in legend.get_lines()
        if line.get_label().partition(" (= ")[0] in SHIPPED
    ]
    assert len(set(entries)) == len(entries) >= len(SHIPPED) - 1  # without the reference


def test_an_arm_has_one_colour_in_every_figure_whatever_the_others(study):
    """Beside ``full`` and without it, in each figure that has a line or mark for an arm."""
    color = look("no_crp").color
    alone = [run for run in study if run.arm in {"no_crp", "random_mutation"}]
    for runs in (study, alone):
        with plot_style.styled():
            for name in ("pareto", "progress", "cost", "targets"):
                drawn = FIGURES[name].draw(compare(runs))
                by_label = {
                    line.get_label(): line.get_color() for axes in drawn.axes for line in axes.lines
                }
                assert by_label["no_crp"] == color, name


def outlying(folder, worst):
    """Record two arms, one of which found a network far below all others."""
    for arm, least in (("full", 0.9795), ("no_eot", worst)):
        fates = [(f"g0.c{k}", evaluated(0.98 + k / 1000, 500 + 50 * k)) for k in range(4)]
        record_run(
            folder / arm, arm=arm, seed=0, children=[*fates, ("g1.c0", evaluated(least, 50))]
        )
    return compare(runs_below(folder).runs)


def test_a_network_far_below_is_counted_at_the_edge_and_squashes_nothing(tmp_path):
    comparison = outlying(tmp_path, worst=0.3)
    with plot_style.styled():
        drawn = FIGURES["pareto"].draw(comparison)
    low, high = drawn.axes[0].get_ylim()
    assert 97 < low < 98
    assert high < 99
    (legend,) = drawn.legends
    assert "1 below the axis" in [text.get_text() for text in legend.get_texts()]
    assert "marked at its edge: 1, down to 30.00 %." in FIGURES["pareto"].caption_of(comparison)


def test_an_axis_is_cut_only_where_outliers_take_half_of_it():
    assert plot_style.limits([98, 98.2, 98.4, 98.6, 98.8, 90]) == pytest.approx((97.952, 98.848))
    assert plot_style.limits([98, 98.2, 98.4, 98.6, 98.8, 90], always=[90]) is None
    assert plot_style.limits([98, 98.2, 98.4, 98.6, 98.8, 97.6]) is None
    assert plot_style.limits([60, 70, 80, 90, 95, 98]) is None
    assert plot_style.limits([90, 98]) is None
    assert plot_style.limits([98] * 9) is None


def test_arms_with_the_same_points_say_so_and_those_without_have_no_entry(tmp_path):
    for arm in ("full", "no_eot"):
        record_run(tmp_path / arm, arm=arm, seed=0, children=[("g0.c0", evaluated(0.9, 500))])
    record_run(tmp_path / "nas", arm="nas", seed=0, children=[("g0.c0", LINT)])
    comparison = compare(runs_below(tmp_path).runs)
    with plot_style.styled():
        for name in ("pareto", "cost", "targets"):
            (legend,) = FIGURES[name].draw(comparison).legends
            assert "no_eot (= full)" in [text.get_text() for text in legend.get_texts()], name
        (legend,) = FIGURES["pareto"].draw(comparison).legends
    assert "nas" not in [text.get_text() for text in legend.get_texts()]
    assert "Without a network on a front: nas." in FIGURES["pareto"].caption_of(comparison)


def test_a_cost_that_no_arm_has_gets_no_panel(tmp_path):
    record_run(tmp_path / "a", arm="full", seed=0, tokens=0, children=[("g0.c0", evaluated(0.9, 500))])  # fmt: skip
    with plot_style.styled():
        comparison = compare(runs_below(tmp_path).runs)
        assert len(FIGURES["progress"].draw(comparison).axes) == 4
        assert len(FIGURES["cost"].draw(comparison).axes) == 1


@pytest.mark.parametrize("sheet", plot_style.SHEETS)
def test_in_print_a_figure_is_as_wide_as_its_place_and_its_caption_has_the_title(
    sheet, study, tmp_path
):
    width = plot_style.SHEETS[sheet].width
    comparison = compare(study)
    for name in ("pareto", "credit", "sensitivity"):
        FIGURES[name].write(comparison, tmp_path, plot_style.SHEETS[sheet])
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.width == pytest.approx(width * picture.info["dpi"][0], abs=2)
            assert picture.info["dpi"][0] == pytest.approx(300, abs=0.1)
        with plot_style.styled(plot_style.SHEETS[sheet]):
            assert FIGURES[name].draw(comparison)._suptitle is None
        text = (tmp_path / f"{name}.tex").read_text()
        assert text.startswith(f"\\caption{{{FIGURES[name].title}. {comparison.title}. ")
        assert text.endswith(f"}}\n\\label{{fig:{name}}}\n")


@pytest.mark.parametrize("name", ["credit", "validity", "progress", "retrained"])
def test_labels_of_ticks_are_whole_and_apart_in_a_column(name, tmp_path):
    with plot_style.styled(plot_style.SHEETS["column"]):
        drawn = FIGURES[name].draw(compare(quickstart()))
        drawn.savefig(tmp_path / "drawn.png")
        for axis in (axis for axes in drawn.axes for axis in (axes.xaxis, axes.yaxis)):
            labels = [one for one in axis.get_ticklabels() if one.get_visible()]
            boxes = [one.get_window_extent().padded(1) for one in labels if one.get_text()]
            for one, other in itertools.pairwise(boxes):
                assert not one.overlaps(other), [label.get_text() for label in labels]
        texts = [text for axes in drawn.axes for text in axes.get_yticklabels()]
        if name != "progress":  # whose ticks may lie beyond the axis, where they are not drawn
            for box in (text.get_window_extent() for text in texts):
                assert drawn.bbox.y0 <= box.y0 <= box.y1 <= drawn.bbox.y1
    if name == "credit":
        assert "full:\nuncommon_hyperparameters (4)" in [text.get_text() for text in texts]


@pytest.mark.parametrize("name", ["targets", "sensitivity"])
@pytest.mark.parametrize("sheet", [None, "column"])
def test_evaluations_are_whole_numbers_on_an_axis(name, sheet, study):
    with plot_style.styled(*([plot_style.SHEETS[sheet]] if sheet else [])):
        axes, *_ = FIGURES[name].draw(compare(study)).axes
    assert axes.get_xlabel() == "evaluations"
    assert all(float(tick).is_integer() for tick in axes.get_xticks())


def test_the_caption_and_the_axes_of_differences_name_the_arm_at_zero(study):
    comparison = compare(study)
    name = comparison.reference.label
    assert f"The line at 0 is {name}." in FIGURES["sensitivity"].caption_of(comparison)
    with plot_style.styled():
        drawn = FIGURES["sensitivity"].draw(comparison)
    assert all(axes.get_ylabel().endswith(f"difference from {name}") for axes in drawn.axes)


def test_long_names_of_arms_are_told_apart_in_a_column(tmp_path):
    names = [f"guided_evolution_of_networks_without_{what}_prompts" for what in ("eot", "crp")]
    for name in names:
        record_run(tmp_path / name, arm=name, seed=0, children=[("g0.c0", evaluated(0.9, 500))])
    with plot_style.styled(plot_style.SHEETS["column"]):
        drawn = FIGURES["retrained"].draw(compare(runs_below(tmp_path).runs))
        drawn.savefig(tmp_path / "drawn.png")
    (axes,) = drawn.axes
    assert axes.get_window_extent().width > 0.4 * drawn.bbox.width
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(set(labels)) == len(labels) == 3


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
    assert sorted(p.name for p in out.iterdir()) == ["pareto.pdf", "pareto.png", "pareto.tex"]
