"""Tables in LaTeX and Markdown: cells, escapes, rules."""

import re

import pytest

from harness.reporting.formatting import ARM, Column, latex, markdown_cell
from harness.reporting.tables import Document, Table, aligned, render
from tests.support.tables import described


def test_a_narrow_column_of_numbers_has_a_rule_that_markdown_accepts():
    header, rule, _ = aligned([["arm", "p"], ["full", "–"]]).splitlines()
    assert (header, rule) == ("| arm  |  p |", "| ---- | -: |")


def test_latex_has_as_many_cells_as_columns_and_escapes_them(runs):
    text = described(runs, "latex")
    tables = text.split(r"\begin{tabular}")[1:]
    assert len(tables) == 4
    for table in tables:
        columns = re.match(r"\{(\w+)\}", table)
        body = table[: table.index(r"\end{tabular}")]
        rows = [line for line in body.splitlines() if line.endswith(r" \\")]
        assert len(rows) in {3, 4, 5}
        for line in rows:
            assert len(re.findall(r"(?<!\\)&", line)) == len(columns[1]) - 1
            assert not re.search(r"(?<!\\)[%_#]", line)


def test_latex_escapes_whatever_an_arm_is_called():
    assert latex(r"a\b_{1}~^&%$# +0.5 [-0.1, 0.2] re-trained") == (
        r"a\textbackslash{}b\_\{1\}\textasciitilde{}\textasciicircum{}\&\%\$\# $+$0.5 [$-$0.1, 0.2] "
        "re-trained"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [("?`a!` --no 'a''b'", "?{}`a!{}` -{}-no 'a'{}'b'"), ("re-trained, 'so'", "re-trained, 'so'"),
     ("--5", "-{}$-$5")],
)  # fmt: skip
def test_latex_joins_no_characters(text, shown):
    assert latex(text) == shown


@pytest.mark.parametrize("name", ["[9em]a", "* a", "*[1em]"])
def test_latex_takes_no_name_for_an_argument(name):
    columns = (ARM, Column(name="said", heading=f"wide heading {name}"))
    table = Table(
        name="t", title="t", columns=columns, rows=({"arm": name, "said": name},) * 2, notes=()
    )
    document = Document(title="a", headings=(), tables=(table,), headline="", notes=())
    text = render(document, "latex")
    assert len(re.findall(re.escape(f"\n{{{name[0]}}}{name[1:]} & {name}"), text)) == 2
    assert not re.search(r"\\\s*[\[*]|rule\s*[\[*]", text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("<b>", r"\<b>"), (r"\<b>", r"\\\<b>"), (r"\\<b>", r"\\\\\<b>"), (r"a\b", r"a\b"),
     ("[a](b)", r"[a]\(b)"), ("a|b", r"a\|b"), (r"a\|b", r"a\\\|b"), ("a < b", "a < b")],
)  # fmt: skip
def test_no_backslash_of_a_text_undoes_that_of_markdown(text, shown):
    assert markdown_cell(text) == shown
    markdown_cell("\\" * 1_000_000)  # in linear time
