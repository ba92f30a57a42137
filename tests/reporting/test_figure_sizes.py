"""Figures of any number of arms, rows and names."""

import json

import pytest

from harness.analysis.comparison import compare
from harness.analysis.loading import read_runs
from harness.record.events import RunCompleted
from harness.record.journal import Journal
from harness.reporting import plot_style
from harness.reporting.figures.catalog import FIGURES
from tests.support.damaged_runs import drop_checksum
from tests.support.records import LINT, child, evaluated, record_run


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
        for axes in drawn.axes:
            assert axes.get_window_extent().width > 100
        if figure.name == "credit":
            assert not drawn.legends  # each row names its arm
            return
        (legend,) = drawn.legends
        box = legend.get_window_extent()
        whole = drawn.bbox
        assert whole.x0 <= box.x0
        assert box.x1 <= whole.x1
        assert whole.y0 <= box.y0
        assert box.y1 <= whole.y1
        for axes in drawn.axes:
            assert not axes.get_window_extent().overlaps(box)


def record_names(folder, n):
    """Record a run of n refusals, each by a gate, of an operator and with labels of its own."""
    record_run(folder, arm="full", seed=0, tokens=0, complete=False, children=[("g0.c0", LINT)])
    with Journal(folder, wait_s=0) as journal, journal._db:
        drop_checksum(journal._db)
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
            for legend in drawn.legends:
                assert len(legend.get_texts()) <= plot_style.MOST_ROWS + 1
            for axes in drawn.axes:
                assert len(axes.get_yticks()) <= plot_style.MOST_ROWS
                assert len(axes.patches) <= 14 * plot_style.MOST_ROWS
            first = drawn.axes[0]
            titles[figure.name] = first.get_title(loc="left") + first.get_ylabel()
            if figure.name == "targets":
                assert legend.get_texts()[-1].get_text() == "and 10 others"
            if figure.name == "validity":
                assert legend.get_texts()[-1].get_text() == "other gates"
    assert titles["credit"] == f"acceptedby category (120 of {n} rows)"
    assert titles["validity"].endswith(f"(120 of {n + n_arms - 1} rows)")
    assert titles["retrained"].endswith(f"(120 of {n_arms} rows)")


def test_the_most_common_rows_are_kept_in_their_order():
    rows = [*range(100, 0, -1), *range(200, 100, -1)]
    kept, part = plot_style.fitting(rows, lambda row: row)
    assert kept == [row for row in rows if row > 80]
    assert part == " (120 of 200 rows)"
    assert plot_style.fitting(rows[:120]) == (rows[:120], "")
