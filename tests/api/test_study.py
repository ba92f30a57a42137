"""Runs from Python: loaded, compared, drawn, shown."""

import csv
import io
import json
import warnings
from dataclasses import asdict, fields

import pytest

import harness
from harness.evolution.genome import Genome
from tests.conftest import SEED_NETWORK
from tests.support.commands import run_main
from tests.support.recordings import QUICKSTART
from tests.support.records import evaluated, record_run


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Eight seeds of two arms, of which one lacks a re-training once."""
    folder = tmp_path_factory.mktemp("runs")
    for seed in range(8):
        for arm, size in (("full", 500), ("width", 700 + seed)):
            finals = () if (arm, seed) == ("width", 3) else (0.97, 0.98, 0.99)
            record_run(folder / f"{arm}-s{seed}", arm=arm, seed=seed, finals=finals,
                       children=[("g0.c0", evaluated(0.98, size)), ("g1.c0", evaluated(0.975, size - 9))])  # fmt: skip
    return folder


def test_public_names_exist():
    assert set(harness.__all__) <= set(dir(harness))
    for name in harness.__all__:
        assert getattr(harness, name).__name__ == name
        assert getattr(harness, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        harness.runn  # noqa: B018


@pytest.mark.parametrize("chosen", [{}, {"reference": "width"}, {"measure": "hypervolume"}])
def test_differences_are_those_of_the_table(study, chosen):
    runs = harness.load(study)
    (mine,) = runs.compare(**chosen)
    rows = {row["arm"]: row for row in csv.DictReader(io.StringIO(runs.table("csv", **chosen)))}
    shown = rows[mine.arm]
    compared = 0
    for field in fields(mine):
        if field.name in shown and field.name not in {"comparison", "reference", "measure"}:
            value = getattr(mine, field.name)
            text = shown[field.name]
            known = text == "" if value is None else text == value or float(text) == value
            assert known, field.name
            compared += 1
    assert compared == 16
    assert mine.primary is (chosen == {})
    assert shown["comparison"].startswith(mine.comparison)
    assert mine.verdict in {"better", "worse", "inconclusive"}


def test_a_pair_that_misses_a_value_is_told(study):
    (mine,) = harness.load(study).compare()
    assert (mine.pairs, mine.known_pairs) == (8, 7)
    assert repr(mine) == f"<width less full, saved: {mine.difference:+.4g}, 8 pairs, worse>"
    assert asdict(mine)["reference"] == "full"


def test_arms_columns_and_labels_are_chosen_as_on_the_command_line(study):
    runs = harness.load(study)
    labels = {"width": "narrower", "full": "GE (full)"}
    chosen = runs.table("latex", arms=["width"], labels=labels, columns=["saved"], width="column")
    options = ["--format", "latex", "--arms", "width", "--columns", "saved", "--width", "column",
               "--labels", "width=narrower", "full=GE (full)"]  # fmt: skip
    assert chosen == run_main(study, *options, module="harness.table").stdout
    axes = runs.plot("progress", arms=["width"], labels=labels)
    assert axes.get_legend_handles_labels()[1] == ["narrower"]
    for wrong in ({"arms": ["nobody"]}, {"columns": ["speed"]}, {"width": "poster"}):
        (name,) = wrong
        with pytest.raises(harness.InputError, match=f"{name}: expected "):
            runs.table(**wrong)
    for option in ("arms", "columns"):
        with pytest.raises(harness.InputError, match=rf"{option}: .* Write {option}=\['width'\]\."):
            runs.table(**{option: "width"})
    with pytest.raises(harness.InputError, match="arms: expected a list of names, got a text"):
        runs.plot("progress", arms="width")
    with pytest.raises(harness.InputError, match="labels: expected the format"):
        runs.table("csv", labels=labels)


def test_archives_load_like_folders():
    runs = harness.load(*QUICKSTART)
    assert len(runs) == len(QUICKSTART)
    assert all(run.complete for run in runs)
    assert json.loads(runs.table("json"))


def test_a_damaged_run_is_left_out_with_a_warning(study, tmp_path):
    record_run(tmp_path / "sound", arm="full", seed=0, children=[])
    record_run(tmp_path / "broken", arm="full", seed=1, children=[])
    (tmp_path / "broken" / "journal.sqlite").write_bytes(b"nothing")
    with pytest.warns(UserWarning, match=r"left out: .*broken"):
        runs = harness.load(tmp_path)
    assert (len(runs), len(runs.damaged)) == (1, 1)
    with warnings.catch_warnings(), pytest.raises(harness.InputError, match="found no journal"):
        harness.load(tmp_path / "nowhere")
    with pytest.raises(
        harness.InputError, match=r"load: expected paths, load\(one, another\), got \[\]"
    ):
        harness.load([])
    (tmp_path / "no runs").mkdir()
    with pytest.raises(
        harness.InputError, match=r"Run python -m harness 'runs_dir=.*/no runs' first"
    ):
        harness.load(tmp_path / "no runs")


@pytest.mark.parametrize("figure", ["pareto", "progress", "targets"])
def test_figures_are_drawn_on_axes_of_the_caller(study, figure):
    from matplotlib.figure import Figure

    left, right = Figure().subplots(1, 2)
    assert harness.load(study).plot(figure, ax=right) is right
    assert {text.get_text() for text in right.get_legend().get_texts()} >= {"full", "width"}
    assert not left.lines
    assert right.get_xlabel()
    assert right.get_ylabel()


def test_a_plot_says_what_it_needs(study, tmp_path):
    runs = harness.load(study)
    with pytest.raises(harness.InputError, match=r"figure: expected one of pareto, .*, got bars"):
        runs.plot("bars")
    record_run(tmp_path / "a", arm="full", seed=0, comparison="other", children=[])
    with pytest.raises(harness.InputError, match="expected runs of one comparison, found 2"):
        harness.Runs([*runs, *harness.load(tmp_path)]).plot()
    with pytest.raises(harness.InputError, match="style: expected one of csv, json, parquet, got"):
        runs.write_data(tmp_path, "xlsx")


def test_what_is_shown_of_runs_fits_a_screen(study):
    runs = harness.load(study)
    assert repr(runs) == "<16 runs, 16 complete: full, width>"
    assert repr(runs[0]) == "<full-s0: 2 evaluations, complete>"
    assert "x = 0" not in repr(runs[0].candidates[0])
    network = Genome.parse(SEED_NETWORK.read_text())
    assert len(repr(network)) < 300
    assert "import" not in repr(network)
    page = runs[:3]._repr_html_()
    assert page.count("<tr>") == 4
    assert "<b>" not in harness.Runs([], damaged=["<b>"])._repr_html_()
    assert len(runs[:3]) == 3
    assert harness.Runs(run for run in runs if run.arm == "full")[-1].seed == 7
