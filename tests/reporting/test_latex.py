"""Tables in LaTeX and Markdown: cells, escapes, rules."""

import re
import shutil
import subprocess

import pytest

from harness.analysis.comparison import compare
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.figures.catalog import FIGURES
from harness.reporting.formatting import ARM, Column, latex, markdown_cell
from harness.reporting.notes.note import Note
from harness.reporting.paper.floats import PLACES
from harness.reporting.plot_style import SHEETS
from harness.reporting.tables import Document, Table, aligned, render


def test_a_narrow_column_of_numbers_has_a_rule_that_markdown_accepts():
    header, rule, _ = aligned([["arm", "p"], ["full", "–"]]).splitlines()
    assert (header, rule) == ("| arm  |  p |", "| ---- | -: |")


@pytest.mark.parametrize("place", PLACES)
def test_latex_has_as_many_cells_as_columns_and_escapes_them(runs, place):
    text = render(describe_comparison(compare(runs)), "latex", place=place)
    tables = text.split(r"\begin{tabular}")[1:]
    assert len(tables) >= 4
    for table in tables:
        columns = re.match(r"\{(\w+)\}", table)
        body = table[: table.index(r"\end{tabular}")]
        rows = [line for line in body.splitlines() if re.search(r" \\\\(\[2pt\])?$", line)]
        assert len(rows) >= 2
        for line in rows:
            assert len(re.findall(r"(?<!\\)&", line)) == len(columns[1]) - 1
            assert not re.search(r"(?<!\\)[%_#]", line)


@pytest.mark.parametrize(("place", "environment"), [("column", "table"), ("page", "table*")])
def test_latex_floats_are_no_wider_than_their_place_and_have_every_column_once(
    runs, place, environment
):
    document = describe_comparison(compare(runs))
    text = render(document, "latex", place=place)
    assert r"\resizebox" not in text
    assert text.count(rf"\begin{{{environment}}}") == text.count(r"\begin{tabular}")
    labels = re.findall(r"\\label\{(.*?)\}", text)
    assert len(labels) == len(set(labels))
    shown = sum(len(table.columns) - 1 for table in document.shown)
    parts = re.findall(r"\\begin\{tabular\}\{l(r*)\}", text)
    assert sum(map(len, parts)) == shown
    assert max(map(len, parts)) <= {"column": 6, "page": 14}[place]


def test_columns_are_spread_over_floats_and_headings_are_not_broken_in_brackets():
    columns = (ARM, *(Column(name=f"n{k}", heading="runs that save % [95 % CI]") for k in range(7)))
    row = {"arm": "a"} | {f"n{k}": "0.5 [0.1, 0.9]" for k in range(7)}
    table = Table(name="t", shows="t", columns=columns, rows=(row,), notes=("No end", "An end."))
    document = Document(
        title="a", headings=(), tables=(table,), headline="", notes=(Note("full: answers"),)
    )
    text = render(document, "latex", place="column")
    assert re.findall(r"\\begin\{tabular\}\{l(r*)\}", text) == ["rrrr", "rrr"]
    assert text.count(r"\shortstack[r]{runs that\\save \%\\{[}95 \% CI]}") == 7
    assert "\nNo end.\nAn end.\n" in text
    assert text.endswith("\\par{\\scriptsize\\raggedright\\noindent\nfull: answers.\n\\par}\n")


FLOATS = {"column": "figure", "page": "figure*"}
DOCUMENT = r"""\documentclass[twocolumn]{article}
\IfFileExists{booktabs.sty}{\usepackage{booktabs}}{\let\toprule\hline\let\midrule\hline
\let\bottomrule\hline}
\usepackage{graphicx}
\begin{document}
%s
\begin{%s}\includegraphics{pareto.pdf}%s\end{%s}
\end{document}
"""


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_latex_compiles_without_a_line_that_is_too_wide(runs, place, tmp_path):
    """The record's model and arms have characters that LaTeX gives a meaning."""
    compiler = next((name for name in ("pdflatex", "tectonic") if shutil.which(name)), None)
    if compiler is None:
        pytest.skip("LaTeX is compiled where pdflatex or tectonic is installed.")
    comparison = compare(runs)
    FIGURES["pareto"].write(comparison, tmp_path, SHEETS[place])
    tables = render(describe_comparison(comparison), "latex", place=place)
    caption, figure = (tmp_path / "pareto.tex").read_text(), FLOATS[place]
    (tmp_path / "a.tex").write_text(DOCUMENT % (tables, figure, caption, figure))
    options = ["-interaction=nonstopmode", "-halt-on-error"] if compiler == "pdflatex" else []
    done = subprocess.run(
        [compiler, *options, "a.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    wide = re.findall(r"Overfull .hbox .(\d+\.\d+)pt", done.stdout)
    assert all(float(points) < 4 for points in wide), wide
    assert (tmp_path / "a.pdf").stat().st_size > 10_000


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
        name="t", shows="t", columns=columns, rows=({"arm": name, "said": name},) * 2, notes=()
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
