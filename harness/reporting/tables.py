"""The comparison table, from journals alone: ``python -m harness.table RUNS_DIR``.

Markdown and LaTeX (booktabs) are for readers and rounded; CSV and JSON hold the numbers as is.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.reporting.comparison import Comparison, Table
from harness.reporting.formatting import flat, latex, plain, rows_of

SUFFIXES = {"markdown": "md", "latex": "tex", "csv": "csv", "json": "json"}
STYLES = tuple(SUFFIXES)


def render(comparison: Comparison, style: str) -> str:
    """Return a comparison as ``markdown``, ``latex``, ``csv`` or ``json`` text."""
    return _RENDERED[style](comparison)


def write_tables(comparison: Comparison, folder: Path) -> None:
    """Write the comparison in every style, as ``table.md`` and so on."""
    for style, suffix in SUFFIXES.items():
        (folder / f"table.{suffix}").write_text(render(comparison, style), encoding="utf-8")


def document(several: Sequence[Comparison], style: str) -> str:
    """Return several comparisons as one text: one JSON document, one CSV with one header."""
    if style == "json" and len(several) > 1:
        return _dumped([_content(one) for one in several])
    if style == "csv":
        return _csv(*several)
    if style == "latex":  # one label each
        several = [_numbered(one, i) for i, one in enumerate(several)]
    return "\n".join(render(one, style) for one in several)


def _numbered(comparison: Comparison, i: int) -> Comparison:
    tables = [replace(t, name=f"{t.name}-{i + 1}" if i else t.name) for t in comparison.tables]
    return replace(comparison, tables=tuple(tables))


def aligned(rows: Sequence[Sequence[str]], *, n_text: int = 1) -> str:
    """Return a Markdown table: a header, the first columns text, the others numbers."""
    rows = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    pad = [str.ljust] * n_text + [str.rjust] * (len(widths) - n_text)
    lines = [
        "| " + " | ".join(pad[i](cell, widths[i]) for i, cell in enumerate(row)) + " |"
        for row in rows
    ]
    rule = ["-" * w for w in widths[:n_text]] + ["-" * (w - 1) + ":" for w in widths[n_text:]]
    lines.insert(1, "| " + " | ".join(rule) + " |")
    return "\n".join(lines)


def _markdown(comparison: Comparison) -> str:
    parts = [f"**{comparison.title}**", "  \n".join(f"*{line}*" for line in comparison.headings)]
    for table in comparison.tables:
        notes = "\n".join(f"- {note}" for note in table.notes)
        parts += [f"**{table.title}**", aligned(rows_of(table.columns, table.rows)), notes]
    notes = "\n".join(f"- {note}" for note in comparison.notes)
    return "\n\n".join(part for part in (*parts, comparison.headline, notes) if part) + "\n"


def _latex(comparison: Comparison) -> str:
    *tables, last = comparison.tables
    told = [*comparison.headings, comparison.headline, *comparison.notes]
    lines = ["% needs \\usepackage{booktabs,graphicx}"]
    for table in tables:
        lines += _latex_table(comparison, table, table.notes)
    return "\n".join([*lines, *_latex_table(comparison, last, [*last.notes, *told])]) + "\n"


def _latex_table(comparison: Comparison, table: Table, notes: Sequence[str]) -> list[str]:
    header, *rows = rows_of(table.columns, table.rows)
    return [
        r"\begin{table*}",
        r"\centering\small",
        rf"\caption{{{latex(f'{table.title}. {comparison.title}')}.}}",
        rf"\label{{tab:{table.name}}}",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        r"\begin{tabular}{l" + "r" * (len(header) - 1) + "}",
        r"\toprule",
        " & ".join(map(_folded, header)) + r" \\",
        r"\midrule",
        *(" & ".join(map(latex, row)) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}}",
        r"\par\medskip\begin{minipage}{\linewidth}\footnotesize",
        *(rf"{latex(note)}\par" for note in notes),
        r"\end{minipage}",
        r"\end{table*}",
    ]


def _folded(heading: str) -> str:
    r"""Let a heading take several lines, a word or two each, without a package for it."""
    lines = [""]
    for word in heading.split():
        if lines[-1] and len(lines[-1]) + len(word) >= _HEADING_WIDTH:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    # After a line's end a bracket would be taken for the height of a gap.
    return r"\shortstack[r]{" + r"\\".join(map(latex, lines)).replace(r"\\[", r"\\{[}") + "}"


_HEADING_WIDTH = 13


def _csv(*comparisons: Comparison) -> str:
    """Write a row for each arm of each comparison, the values of all its tables side by side."""
    rows: list[dict[str, Any]] = []
    for comparison in comparisons:
        by_arm: dict[str, dict[str, Any]] = {}
        for table in comparison.tables:
            for values in table.rows:
                row = by_arm.setdefault(str(values["arm"]), {"comparison": comparison.title})
                row |= flat(values)
        rows += by_arm.values()
    names = dict.fromkeys(name for row in rows for name in row)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _json(comparison: Comparison) -> str:
    return _dumped(_content(comparison))


def _content(comparison: Comparison) -> dict[str, Any]:
    return {
        "title": comparison.title,
        "headings": comparison.headings,
        "reference": comparison.reference,
        "tables": {
            table.name: {
                "title": table.title,
                "rows": [{k: plain(v) for k, v in values.items()} for values in table.rows],
                "notes": table.notes,
            }
            for table in comparison.tables
        },
        "headline": comparison.headline,
        "notes": comparison.notes,
    }


def _dumped(content: Any) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


_RENDERED: Mapping[str, Callable[[Comparison], str]] = {
    "markdown": _markdown,
    "latex": _latex,
    "csv": _csv,
    "json": _json,
}
