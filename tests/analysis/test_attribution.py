"""Credit and lineage, over a journal written by hand and over the commands."""

import csv
import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.comparison import compare
from harness.analysis.contribution.attribution import contributions, counts_by_run
from harness.analysis.loading import read_run
from harness.errors import RecordError
from harness.evolution.candidate import Variation
from harness.record.events import RunCompleted, read_event
from harness.record.journal import Journal
from harness.reporting.attribution_table import render_contributions
from harness.reporting.lineage import describe_lineage
from tests.support.commands import run_main as command
from tests.support.records import (
    LINT,
    SAME,
    call,
    child,
    evaluated,
    manifest,
    record_run,
    reference,
)


def proposal(parents, outcome, source, *variations):
    return {
        "generation": 0, "parents": parents, "source": f"# segment: A\n{source}\n",
        "variations": list(variations), "outcome": outcome,
    }  # fmt: skip


def variation(operator, *calls, **detail):
    return {"operator": operator, "segment": "A", "detail": detail, "calls": list(calls)}


@pytest.fixture
def folder(tmp_path):
    """Two founders, one of them good, a merge that gains, a mutation that is refused."""
    config = {"budget": {"evaluations": 4}, "final": {"seeds": 1, "tolerance": 0.01, "hall_of_fame": 9},
              "search": {"split": "validation"}, "network": "n", "recipe": {"epochs": 5}}  # fmt: skip
    seed = {"score": 0.9, "n_params": 1000, "train_s": 1.0}
    lint = {"gate": "lint", "kind": "lint", "reason": "F821 \x1b[31m"}
    expert = {"category": "complex", "character": "expert"}
    with Journal(tmp_path / "run", wait_s=0) as journal:
        journal.record(manifest(config=config))
        source = "# segment: A\nx = 0\n"
        journal.record(reference(seed, source=source))
        journal.record(read_event("gates/seed", {"behaviour": "0" * 32}))
        for step, model in (("g0.c0.mutation", "one"), ("g0.c1.mutation", "two"),
                            ("g1.c0.mating", "one"), ("g1.c1.mutation", "one"),
                            ("g1.c1.mutation-review", "one")):  # fmt: skip
            journal.record(call(step, model=model, prompt_tokens=1, completion_tokens=1))
        for step, content in (
            ("g0.c0", proposal(["seed"], seed | {"n_params": 900}, "x = 1",
                               variation("mutation", "g0.c0.mutation", **expert))),
            ("g0.c1", proposal(["seed"], seed | {"score": 0.8}, "x = 2",
                               variation("mutation", "g0.c1.mutation",
                                         category="complex", character="neutral"))),
            ("g1.c0", proposal(["g0.c0", "g0.c1"], seed | {"n_params": 800}, "x = 3\ny = 1",
                               variation("mating", "g1.c0.mating", favour="efficiency"))),
            ("g1.c1", proposal(["g0.c1"], lint, "y \x1b[31m",
                               variation("mutation", "g1.c1.mutation", "g1.c1.mutation-review",
                                         eot="no eligible elite", **expert))),
        ):  # fmt: skip
            journal.record(child(step, **content))
        journal.record(RunCompleted())
    return tmp_path / "run"


def test_credit_by_hand(folder):
    found = {(c.by, c.name): (c.proposed, c.accepted, c.improving, c.on_front)
             for c in contributions(compare([read_run(folder)]))}  # fmt: skip
    assert found == {
        ("all", "all"): (4, 3, 2, 1),
        ("operator", "mutation"): (3, 2, 1, 0),
        ("operator", "mating"): (1, 1, 1, 1),
        ("segment", "A"): (4, 3, 2, 1),
        ("category", "complex"): (3, 2, 1, 0),
        ("category", "none"): (1, 1, 1, 1),
        ("character", "expert"): (2, 1, 1, 0),
        ("character", "neutral"): (1, 1, 0, 0),
        ("character", "none"): (1, 1, 1, 1),
        ("reflection", "no eligible elite"): (1, 0, 0, 0),
        ("reflection", "none"): (3, 3, 2, 1),
        ("model", "one"): (3, 2, 2, 1),  # a child that asked twice is one child
        ("model", "two"): (1, 1, 0, 0),
    }


@pytest.fixture(scope="module")
def founders(tmp_path_factory):
    """A run with a child of each outcome."""
    folder = tmp_path_factory.mktemp("founders")
    outcomes = (evaluated(0.99, 900), evaluated(0.5, 900), SAME, LINT, evaluated(0.98, 100))
    children = [(f"g0.c{i}", outcome) for i, outcome in enumerate(outcomes)]
    record_run(folder, arm="full", seed=0, children=children)
    return read_run(folder)


variations = st.lists(
    st.builds(
        Variation,
        operator=st.sampled_from(["mutation", "mating", "eot"]),
        segment=st.sampled_from(["A", "B"]),
        detail=st.dictionaries(
            st.sampled_from(["category", "character"]), st.sampled_from(["x", "y"])
        ),
        calls=st.lists(st.sampled_from(["one", "two"]), max_size=2).map(tuple),
    ),
    max_size=3,
)


@given(st.lists(st.lists(variations, min_size=5, max_size=5), min_size=1, max_size=3))
def test_each_kind_adds_up_to_all_children(founders, drawn):
    """Whatever operators, segments, labels and models took part in each child of each run."""
    answered = next(iter(founders.calls.values()))
    calls = {name: replace(answered, model=name) for name in ("one", "two")}
    runs = []
    for seed, of_run in enumerate(drawn):
        children = [
            replace(child, variations=tuple(of_child))
            for child, of_child in zip(founders.candidates, of_run, strict=True)
        ]
        manifest = replace(founders.manifest, seed=seed)
        runs.append(replace(founders, manifest=manifest, candidates=tuple(children), calls=calls))
    comparison = compare(runs)
    found, counts = (
        contributions(comparison),
        ("proposed", "same_function", "accepted", "improving", "on_front"),
    )
    (whole,) = (one for one in found if one.by == "all")
    assert (whole.proposed, whole.same_function, whole.accepted) == (
        5 * len(runs), len(runs), 3 * len(runs),
    )  # fmt: skip
    kinds = {one.by for one in found}
    assert kinds - {"all", "category", "character", "operator", "segment", "model"} == set()
    by_run = counts_by_run(comparison)
    for kind in kinds:
        rows = [one for one in found if one.by == kind]
        for name in counts:
            assert sum(getattr(one, name) for one in rows) == getattr(whole, name)
            for one in rows:
                of_runs = by_run[one.arm, kind, one.name]
                assert sum(row[name] for row in of_runs) == getattr(one, name)


def test_the_counts_of_runs_add_up_to_those_of_the_arm(tmp_path, folder):
    for seed in (1, 2):
        record_run(tmp_path / f"run{seed}", arm="full", seed=seed, comparison="digits",
                   children=[("g0.c0", evaluated(0.99, 900)), ("g0.c1", evaluated(0.5, 900))])  # fmt: skip
    found = compare([read_run(tmp_path / f"run{seed}") for seed in (1, 2)])
    rows = counts_by_run(found)["full", "operator", "mutation"]
    assert [row["proposed"] for row in rows] == [2, 2]
    (whole,) = [c for c in contributions(found) if c.by == "operator"]
    assert sum(row["improving"] for row in rows) == whole.improving == 2


def test_a_run_that_has_not_ended_has_no_credit_yet(tmp_path):
    for seed, complete in ((0, True), (1, False)):
        record_run(tmp_path / f"run{seed}", arm="full", seed=seed, complete=complete,
                   children=[("g0.c0", evaluated(0.99, 900))])  # fmt: skip
    found = contributions(compare([read_run(tmp_path / f"run{seed}") for seed in (0, 1)]))
    assert [c.proposed for c in found if c.by == "operator"] == [1]


def test_a_child_no_better_than_its_mate_or_the_seed_has_no_credit_for_it(tmp_path):
    outcomes = {"g0.c0": (0.5, 2000), "g0.c1": (0.8, 1500), "g1.c0": (0.79, 1500)}
    children = [(step, evaluated(*outcome)) for step, outcome in outcomes.items()]
    record_run(tmp_path / "run", arm="full", seed=0, children=children)
    run = read_run(tmp_path / "run")
    merged = replace(run.candidates[2], parents=("g0.c0", "g0.c1"))
    run = replace(run, candidates=(*run.candidates[:2], merged))
    (found,) = [c for c in contributions(compare([run])) if c.by == "operator"]
    assert (found.accepted, found.improving, found.on_front) == (3, 0, 0)


def test_children_of_the_same_function_are_counted_by_operator(tmp_path):
    """Where a run does not compare functions, nobody can know, and the table says so."""
    children = [("g0.c0", evaluated(0.9, 800)), ("g0.c1", SAME), ("g0.c2", SAME), ("g0.c3", LINT)]
    for compares, count, share in ((True, 2, "50"), (False, None, "unknown")):
        folder = tmp_path / str(compares)
        record_run(folder, arm="full", seed=0, children=children, compares_functions=compares)
        found = contributions(compare([read_run(folder)]))
        counts = {(c.proposed, c.same_function, c.accepted) for c in found if c.by == "operator"}
        assert counts == {(4, count, 1)}
        assert f"| mutation |        4 | {share:>15} |" in render_contributions(found, "markdown")


def test_credit_in_every_style(folder):
    found = contributions(compare([read_run(folder)]))
    assert "| full | model      | one  " in render_contributions(found, "markdown")
    rows = list(csv.DictReader(io.StringIO(render_contributions(found, "csv"))))
    values = json.loads(render_contributions(found, "json"))
    assert [{k: str(v) for k, v in row.items()} for row in values] == rows
    done = command(folder.parent, module="harness.credit")
    assert done.stdout == render_contributions(found, "markdown")
    assert command(folder.parent / "none", module="harness.credit").returncode == 2


def test_a_lineage_goes_from_the_seed_to_the_individual(folder):
    lines = list(describe_lineage(read_run(folder), "g1.c0"))
    assert lines[0] == "seed: accuracy 90.00%, 1,000 parameters"
    assert "g0.c0: accuracy 90.00%, 900 parameters" in lines
    assert "  mutation of A (category complex, character expert), by one" in lines
    assert "  of g0.c0, mate g0.c1" in lines
    changes = [line for line in lines if line.startswith(("+", "-")) and "A " not in line]
    assert changes == ["-x = 0", "+x = 1", "-x = 0", "+x = 2", "-x = 1", "+x = 3", "+y = 1"]
    assert "g1.c1" not in "\n".join(lines)  # no ancestor


def test_a_refused_individual_has_a_lineage_and_acts_on_no_terminal(folder):
    done = command(folder, "g1.c1", module="harness.lineage")
    assert done.returncode == 0
    assert "refused by lint: F821" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("extra", ["# segment: B\ny = 1", "# segment: A\ny = 1"])
def test_an_answer_with_markers_of_its_own_has_a_lineage(folder, extra):
    """Intake refuses it, for the markers are the harness's."""
    run = read_run(folder)
    spoilt = replace(run.candidates[3], source=f"# segment: A\nx = 2\n{extra}\n")
    run = replace(run, candidates=(*run.candidates[:3], spoilt))
    assert "+y = 1" in list(describe_lineage(run, "g1.c1"))


def test_an_unknown_individual_is_named_with_those_there_are(folder):
    with pytest.raises(RecordError, match=r"from g0\.c0 to g1\.c1, got g9"):
        list(describe_lineage(read_run(folder), "g9"))
    assert command(folder, "g9", module="harness.lineage").returncode == 2
    above = command(folder.parent, "g0.c0", module="harness.lineage")
    assert "expected a run's folder, it holds no journal.sqlite" in above.stderr
