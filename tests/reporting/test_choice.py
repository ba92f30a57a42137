"""Arms, columns and labels of tables and figures that a user chooses."""

import re

import pytest
from PIL import Image

from harness.analysis.comparison import compare
from harness.analysis.loading import runs_below
from harness.reporting import plot_style
from harness.reporting.figures.catalog import FIGURES
from harness.reporting.figures.looks import look
from harness.reporting.formatting import ARM, Column
from harness.reporting.notes.note import Note
from harness.reporting.paper.choice import Choice
from harness.reporting.tables import Document, Table
from tests.support.commands import run_main
from tests.support.records import evaluated, record_run

CHOSEN = ["--arms", "random_mutation,full", "--labels", "full=GE (full)", "random_mutation=random"]


def table(folder, *options, module="harness.table"):
    done = run_main(folder, *options, module=module)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows_of(markdown, title):
    """Return the rows of a table in Markdown by their first cell."""
    part = markdown.split(f"**{title}")[1].split("\n\n")[1]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines()]
    return {row[0]: row[1:] for row in rows if not set(row[0]) <= set("-:")}


def test_chosen_arms_come_in_order_under_their_labels_and_no_number_changes(study):
    whole, some = table(study), table(study, *CHOSEN)
    for title in ("Results", "Search", "Cost"):
        before, after = rows_of(whole, title), rows_of(some, title)
        assert [name for name in after if name not in {"arm", "seed network"}] == ["random", "GE (full)"]  # fmt: skip
        assert after["random"] == before["random_mutation"]
        assert after["GE (full)"] == before["full"]
    assert rows_of(some, "Results")["seed network"] == rows_of(whole, "Results")["seed network"]
    (against,) = re.findall(r"\*\*(Against .*?), primary", some)
    assert against == "Against GE (full)"
    compared = rows_of(some, "Against")
    assert compared["random"] == rows_of(whole, "Against")["random_mutation"]
    assert "no_eot" not in compared


def test_a_table_without_an_arm_says_that_holm_counts_it(study):
    assert (
        "Arms that are not shown: no_eot. No number depends on the choice: p (Holm) is adjusted for "
        "all comparisons, theirs included." in table(study, *CHOSEN)
    )
    assert "p (Holm): adjusted for 2 comparisons" in table(study, *CHOSEN)
    assert "not shown" not in table(study, "--arms", "no_eot,full,random_mutation")
    assert "Labels: random is random_mutation; GE (full) is full." in table(study, *CHOSEN)


def test_the_headline_is_of_the_chosen_arms(study):
    (headline,) = [
        line for line in table(study, *CHOSEN).splitlines() if "Parameters saved" in line
    ]
    assert [name for name in ("full", "no_eot", "random_mutation") if f"{name} " in headline] == [
        "full", "random_mutation",
    ]  # fmt: skip


def test_chosen_columns_alone_are_in_tables_and_notes(study):
    some = table(study, "--columns", "parameters,saved,p")
    assert [row for title in ("Results", "Against") for row in rows_of(some, title)["arm"]] == [
        "selected: parameters", "saved: decades of parameters [quartiles]", "p (Holm)",
    ]  # fmt: skip
    assert "**Cost" not in some
    assert "tokens" not in some
    assert "log10 of the seed network's parameters" in some


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--arms", "full,fulll"], "arms: expected arms on record, some of full, no_eot, random_mutation, got fulll."),
        (["--labels", "nobody=x"], "labels: expected arms on record, some of full, no_eot, random_mutation, got nobody."),
        (["--labels", "full"], "labels: expected ARM=LABEL, got full."),
        (["--labels", "full=no_eot"], "labels: expected a label of its own for each arm, got no_eot twice."),
        (["--columns", "seeds,speed"], "columns: expected columns of these tables, some of seeds, saved, "),
        (["--labels", "full=x", "--format", "csv"], "labels: expected the format markdown or latex, got csv"),
        (["--columns", "seeds", "--format", "json"], "columns: expected the format markdown or latex, got json"),
    ],
)  # fmt: skip
def test_an_unknown_name_is_one_sentence_with_the_choices(study, options, told):
    done = run_main(study, *options, module="harness.table")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {told}")


def test_what_is_about_an_arm_is_known_by_its_value_not_by_its_text():
    """The second arm and the data have names that texts about the first one begin with."""
    rows = (
        {"arm": "full", "n": 1},
        {"arm": "full, asking a", "of_arm": "full", "n": 2},
        {"arm": "full, asking b", "n": 3},
    )
    columns = (ARM, Column(name="n", heading="n"))
    table = Table(name="t", shows="x", columns=columns, rows=rows, notes=(), against="full")
    of_full, of_data = Note("full: answers", "full"), Note("full: the first of 2 comparisons")
    document = Document(
        title="a", headings=(of_full,), tables=(table,), headline="", notes=(of_full, of_data)
    )
    chosen = Choice(arms=("full, asking b",), labels={"full": "GE"})
    shown = chosen.of_document(document, ["full", "full, asking b"])
    (other,) = shown.tables
    assert [row["n"] for row in other.rows] == [3]
    assert other.title == "Against GE, x"
    assert shown.headings == ()
    assert of_data in shown.notes
    assert of_full not in shown.notes
    (labelled,) = (
        Choice(labels={"full": "GE"}).of_document(document, ["full", "full, asking b"]).tables
    )
    assert [cells[0] for cells in labelled.cells] == [
        "arm", "GE", "GE, asking a", "full, asking b",
    ]  # fmt: skip


def test_a_renamed_arm_keeps_its_look_in_figures(study):
    comparison = compare(runs_below(study).runs)
    chosen = Choice(arms=("no_eot", "full"), labels={"full": "GE (full)"})
    with plot_style.styled():
        drawn = FIGURES["pareto"].draw(chosen.of_comparison(comparison))
    lines = {line.get_label(): line.get_color() for line in drawn.axes[0].lines}
    assert lines["GE (full)"] == look("full").color
    assert lines["no_eot"] == look("no_eot").color
    assert "random_mutation" not in lines


def test_a_report_for_a_column_has_chosen_arms_and_narrow_files(study, tmp_path):
    table(study, "--out", tmp_path, "--width", "column", *CHOSEN, module="harness.report")
    (folder,) = tmp_path.glob("comparison-*")
    with Image.open(folder / "pareto.png") as picture:
        assert picture.width == pytest.approx(plot_style.SHEETS["column"].width * 300, abs=2)
    text = (folder / "table.tex").read_text()
    assert r"\begin{table}" in text
    assert r"\begin{table*}" not in text
    assert "GE (full)" in (tmp_path / "report.html").read_text()
    assert '"arm": "full"' in (folder / "table.json").read_text()


def test_contributions_are_of_the_chosen_arms(study):
    some = table(study, *CHOSEN, module="harness.credit")
    assert "| GE (full) " in some
    assert "no_eot" not in some


def test_a_chosen_column_without_a_value_is_named_in_a_note(tmp_path):
    for arm in ("full", "no_eot"):
        record_run(tmp_path / arm, arm=arm, seed=0, children=[("g0.c0", evaluated(0.98, 500))])
    some = table(tmp_path, "--columns", "difference,p")
    assert rows_of(some, "Against")["arm"] == ["difference (Hodges-Lehmann)"]
    assert re.search(r"Left out, since .*: p \(Holm\)\.", some)
    some = table(tmp_path, "--columns", "saved,p")
    assert "**Against" not in some
    assert "Columns without a value in these tables: p." in some


@pytest.fixture
def several(tmp_path):
    """Runs of ``full`` on three budgets, and of ``width``."""
    budgets = {"a": {"tokens": 2500}, "b": {"llm_calls": 2}, "c": {"llm_calls": 2}, "d": {}}
    for name, budget in budgets.items():
        record_run(
            tmp_path / f"run-{name}", arm="width" if name == "d" else "full", seed=0, variant=name * 4,
            children=[("g0.c0", evaluated(0.98, 500))], comparison=None,
            settings={"budget": {"evaluations": 3, **budget}, "training_price": ord(name)},
        )  # fmt: skip
    return tmp_path


def test_a_name_chooses_all_arms_of_that_name_and_notes_tell_what_digests_mean(
    several,
):
    whole, some = table(several), table(several, "--arms", "full")
    arms = ["full (aaaa)", "full (bbbb)", "full (cccc)"]
    assert [name for name in rows_of(some, "Cost") if name != "arm"] == arms
    assert list(rows_of(table(several, "--arms", "full (cccc),full"), "Cost"))[1] == arms[2]
    told = {
        "full (aaaa)": "budget.tokens=2500, training_price=97; recorded in run-a.",
        "full (bbbb)": "budget.llm_calls=2, training_price=98; recorded in run-b.",
        "full (cccc)": "budget.llm_calls=2, training_price=99; recorded in run-c.",
    }
    for arm, text in told.items():
        assert f"- {arm}: {text}" in whole
        assert f"- {arm}: {text}" in some
    assert "width: budget" not in whole
    alone = table(several, "--arms", "full (bbbb)")
    assert "- full (bbbb): " in alone
    assert "- full (aaaa): " not in alone


def test_a_comma_within_the_name_of_an_arm_separates_no_names(tmp_path):
    for tokens in (2500, 3500):
        record_run(
            tmp_path / str(tokens), arm="full", seed=0, comparison=None, variant=str(tokens),
            children=[("g0.c0", evaluated(0.98, 500))],
            settings={"budget": {"evaluations": 3, "tokens": tokens}},
        )  # fmt: skip
    names = ["full (3,500 tokens)", "full (2,500 tokens)"]
    shown = rows_of(table(tmp_path, "--arms", ",".join(names)), "Cost")
    assert [name for name in shown if name != "arm"] == names
