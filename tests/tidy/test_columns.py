"""Tidy data keep their contract: fixed columns of fixed types, whatever the runs hold."""

import shutil
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.loading import all_below, read_runs
from harness.analysis.metrics import METRICS
from harness.reporting.unrounded.column import Column
from harness.tidy.documentation import documentation
from harness.tidy.tables import CALLS, EVALUATIONS, RUNS, TABLES
from tests.conftest import ROOT
from tests.support.recordings import quickstart
from tests.support.records import LINT, SLOW, evaluated, record_run
from tests.support.tables import row

TYPES = (str, int, float, bool, datetime)
by_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


def rows(table, runs):
    names = [column.name for column in table.columns]
    return [dict(zip(names, cells, strict=True)) for cells in table.cells(runs)]


def own_runs(folder):
    """A run with tokens and prices, one without an LLM, one that is not complete and has nothing."""
    children = [("g0.c0", evaluated(0.975, 600)), ("g0.c1", LINT), ("g1.c0", SLOW)]
    record_run(folder / "a", arm="full", seed=0, children=children, price={"prompt": 1.0, "completion": 2.0},
               details=[{"category": "complex"}], asked="some_LLM")  # fmt: skip
    record_run(folder / "b", arm="random", seed=0, tokens=0, children=children)
    record_run(folder / "c", arm="full", seed=1, children=[], finals=(), complete=False)
    return read_runs(sorted(folder.iterdir()))


@by_table
def test_cells_have_the_type_of_their_column(table, tmp_path):
    for runs in (quickstart(), own_runs(tmp_path), []):
        for cells in table.cells(runs):
            assert len(cells) == len(table.columns)
            for column, cell in zip(table.columns, cells, strict=True):
                assert cell is None or type(cell) is column.type, column.name


@by_table
def test_names_of_columns_are_distinct_and_each_is_described(table):
    names = [column.name for column in table.columns]
    assert len(set(names)) == len(names)
    for column in table.columns:
        assert column.name.isidentifier()
        assert column.meaning
        assert not column.meaning.endswith(".")


ANYTHING = (
    st.none() | st.text() | st.integers() | st.floats() | st.booleans()
    | st.lists(st.integers()) | st.dictionaries(st.text(), st.integers())
)  # fmt: skip


@given(kind=st.sampled_from(TYPES), value=ANYTHING)
def test_a_column_holds_its_type_whatever_was_recorded(kind, value):
    cell = Column(name="x", type=kind, value=lambda _: value, meaning="x").cell(None)
    assert cell is None or type(cell) is kind
    if kind is str and cell is not None:
        assert cell.isprintable()
    if kind is int and type(value) is int and abs(value) < 2**63:
        assert cell == value


def test_a_metric_that_counts_is_whole_in_every_run(tmp_path):
    runs = [*quickstart(), *own_runs(tmp_path)]
    for one in METRICS.values():
        found = [value for run in runs if (value := one.value(run)) is not None]
        assert not one.whole or all(value == int(value) for value in found), one.name
    assert sum(one.whole for one in METRICS.values()) > 5


def test_the_documentation_is_that_of_the_columns():
    """``python -m harness.tidy.documentation`` prints what belongs there."""
    assert (ROOT / "docs" / "data.md").read_text().endswith("\n\n" + documentation())


def test_a_run_has_the_numbers_of_the_table(tmp_path):
    """A single run of an arm is its own mean and median."""
    runs = [run for run in (*quickstart(), *own_runs(tmp_path)[:2]) if run.complete]
    for run in runs:
        shown = row([run], run.arm)
        (mine,) = rows(RUNS, [run])
        compared = 0
        for name in set(METRICS) & set(shown):
            if mine[name] is not None and shown[name]:
                assert float(shown[name]) == mine[name], name
                compared += 1
        assert compared > 15


def test_a_run_that_repeats_a_seed_has_a_row_that_does_not_count(tmp_path):
    own_runs(tmp_path)
    (tmp_path / "other" / "deeper").mkdir(parents=True)
    shutil.copytree(tmp_path / "a", tmp_path / "other" / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "other" / "deeper" / "a")
    runs = list(all_below(tmp_path).runs)
    found = rows(RUNS, runs)
    assert {row["run"]: row["counts"] for row in found} == {
        "a": True, "a (2)": False, "a (3)": False, "b": True, "c": False,
    }  # fmt: skip
    for table in (EVALUATIONS, CALLS):
        known = [(row["run"], row["step"]) for row in rows(table, runs)]
        assert len(set(known)) == len(known)
    calls = [row["run"] for row in rows(CALLS, runs)]
    assert calls.count("a") == calls.count("a (3)") > 0


def test_proposals_add_up_to_their_run(tmp_path):
    for run in (*quickstart(), *own_runs(tmp_path)):
        (mine,) = rows(RUNS, [run])
        proposals, calls = rows(EVALUATIONS, [run]), rows(CALLS, [run])
        assert mine["proposals"] == len(proposals)
        assert mine["evaluations"] == max((p["evaluation"] or 0 for p in proposals), default=0)
        assert mine["front"] == sum(p["on_front"] for p in proposals)
        assert [p["step"] for p in proposals if p["selected"]] == [mine["selected"]] * bool(
            proposals
        )
        assert mine["calls"] == len(calls)
        assert mine["characters"] == sum(
            c["prompt_characters"] + c["answer_characters"] for c in calls
        )
        assert {c["step"] for c in calls} <= {p["step"] for p in proposals}
        if proposals and mine["complete"]:
            (chosen,) = (p for p in proposals if p["selected"])
            assert chosen["test_score"] == mine["test_score"]
            assert proposals[-1]["hypervolume_so_far"] in {mine["hypervolume"], None}
        if mine["cost"] is not None:
            assert sum(c["cost"] for c in calls) == pytest.approx(mine["cost"])
            assert sum(p["cost"] for p in proposals) == pytest.approx(mine["cost"])


def test_outcomes_by_hand(tmp_path):
    run, plain, empty = own_runs(tmp_path)
    first, lint, slow = rows(EVALUATIONS, [run])
    assert (first["outcome"], first["score"], first["parameters"], first["train_s"]) == (
        "evaluated", 0.975, 600, 1.5,
    )  # fmt: skip
    assert (first["operators"], first["segments"], first["parents"]) == ("mutation", "A", "seed")
    assert first["details"] == '[{"category": "complex"}]'
    assert (lint["outcome"], lint["gate"], lint["kind"], lint["reason"]) == (
        "refused", "lint", "lint", "F821",
    )  # fmt: skip
    assert (lint["evaluation"], lint["score"], lint["train_s"]) == (None, None, None)
    assert (slow["gate"], slow["kind"], slow["evaluation"]) == ("train", "timeout", 2)
    (call, *_) = rows(CALLS, [run])
    assert (call["call"], call["step"], call["asked"], call["llm"]) == (
        "g0.c0.mutation", "g0.c0", "some_LLM", "some_LLM",
    )  # fmt: skip
    assert (call["prompt_tokens"], call["cost"], call["seconds"], call["failures"]) == (
        100, pytest.approx(0.00014), 1.0, 0,
    )  # fmt: skip
    assert rows(CALLS, [plain]) == []
    assert rows(RUNS, [plain])[0]["cost"] == 0.0
    (nothing,) = rows(RUNS, [empty])
    assert (nothing["complete"], nothing["selected"], nothing["test_score"]) == (False, None, None)


def test_arms_have_the_names_of_the_tables(tmp_path):
    """Two LLMs of one arm are two arms there."""
    for name in ("one", "other"):
        record_run(tmp_path / name, arm="full", seed=0, variant=name, asked=name,
                   children=[("g0.c0", evaluated(0.98, 500))])  # fmt: skip
    found = read_runs(sorted(tmp_path.iterdir()))
    assert [one["arm"] for one in rows(RUNS, found)] == ["full (one)", "full (other)"]
