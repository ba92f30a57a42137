"""Tables with their footnotes as documents, in Markdown, LaTeX, CSV and JSON.

Markdown and LaTeX (booktabs) are rounded for readers; CSV and JSON hold the numbers as measured.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.files import write_text
from harness.reporting.formatting import (
    Column,
    Values,
    flat,
    latex,
    markdown,
    markdown_cell,
    plain,
    rows_of,
    spreadsheet,
)
from harness.text import each_text, one_line

SUFFIXES = {"markdown": "md", "latex": "tex", "csv": "csv", "json": "json"}
STYLES = tuple(SUFFIXES)


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table.

    Attributes:
        name: Its key in JSON, such as ``found``, and its label in LaTeX.
        title: What it shows.
        columns: The columns that readers see; the first one names the row.
        rows: Its rows, each with a value for every column; CSV and JSON hold all of their values.
        notes: Its footnotes.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Values, ...]
    notes: tuple[str, ...]

    def __post_init__(self) -> None:
        """Make each string one line: names of arms and models, reasons, records are untrusted."""
        for name in ("title", "rows", "notes"):
            object.__setattr__(self, name, each_text(getattr(self, name), one_line))

    @property
    def cells(self) -> list[list[str]]:
        """A header and the rows that have a value, written for readers."""
        return rows_of(self.columns, self.rows)


@dataclass(frozen=True, kw_only=True)
class Document:
    """Several tables about the same things.

    Attributes:
        title: What they are about.
        headings: What a reader must know before the first number.
        tables: The tables.
        headline: The main result, in a sentence; empty where there is none.
        notes: Footnotes of all tables.
        reference: Name of the arm that the others are compared with.
    """

    title: str
    headings: tuple[str, ...]
    tables: tuple[Table, ...]
    headline: str
    notes: tuple[str, ...]
    reference: str | None = None

    def __post_init__(self) -> None:
        """Make each string one line, as in tables."""
        for name in ("title", "headings", "headline", "notes", "reference"):
            object.__setattr__(self, name, each_text(getattr(self, name), one_line))

    @property
    def shown(self) -> list[Table]:
        """The tables that have a row for readers."""
        return [table for table in self.tables if len(table.cells) > 1]


def render(document: Document, style: str) -> str:
    """Return a document as ``markdown``, ``latex``, ``csv`` or ``json`` text."""
    return _RENDERED[style](document)


def write_tables(document: Document, folder: Path) -> None:
    """Write a document in every style, as ``table.md`` and so on."""
    for style, suffix in SUFFIXES.items():
        write_text(folder / f"table.{suffix}", render(document, style))


def render_all(documents: Sequence[Document], style: str) -> str:
    """Return several documents as one text: one JSON list, one CSV with one header."""
    if style == "json" and len(documents) > 1:
        return _dumped([_content(document) for document in documents])
    if style == "csv":
        return _csv(*documents)
    if style == "latex":  # each label must be unique
        documents = [_numbered(document, i) for i, document in enumerate(documents)]
    return "\n".join(render(document, style) for document in documents)


def _numbered(document: Document, i: int) -> Document:
    tables = [replace(t, name=f"{t.name}-{i + 1}" if i else t.name) for t in document.tables]
    return replace(document, tables=tuple(tables))


def aligned(rows: Sequence[Sequence[str]], *, n_text: int = 1) -> str:
    """Return a Markdown table.

    Args:
        rows: A header and the rows.
        n_text: Number of columns from the left that hold texts; the others hold numbers.
    """
    rows = [[markdown_cell(cell) for cell in row] for row in rows]
    # A rule of one character would be a colon alone, which makes no table.
    widths = [max(2, *(len(row[i]) for row in rows)) for i in range(len(rows[0]))]
    pad = [str.ljust] * n_text + [str.rjust] * (len(widths) - n_text)
    lines = [
        "| " + " | ".join(pad[i](cell, widths[i]) for i, cell in enumerate(row)) + " |"
        for row in rows
    ]
    rule = ["-" * w for w in widths[:n_text]] + ["-" * (w - 1) + ":" for w in widths[n_text:]]
    lines.insert(1, "| " + " | ".join(rule) + " |")
    return "\n".join(lines)


def _markdown(document: Document) -> str:
    headings = "  \n".join(f"*{markdown(line)}*" for line in document.headings)
    parts = [f"**{markdown(document.title)}**", headings]
    for table in document.shown:
        parts += [f"**{markdown(table.title)}**", aligned(table.cells), _listed(table.notes)]
    parts += [markdown(document.headline), _listed(document.notes)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _listed(notes: Sequence[str]) -> str:
    return "\n".join(f"- {markdown(note)}" for note in notes)


def _latex(document: Document) -> str:
    texts = [text for text in (*document.headings, document.headline, *document.notes) if text]
    if not document.shown:
        return "\n".join(rf"{latex(text)}\par" for text in (document.title, *texts)) + "\n"
    *tables, last = document.shown
    lines = ["% needs \\usepackage{booktabs,graphicx}"]
    for table in tables:
        lines += _latex_table(document, table, table.notes)
    return "\n".join([*lines, *_latex_table(document, last, [*last.notes, *texts])]) + "\n"


def _latex_table(document: Document, table: Table, notes: Sequence[str]) -> list[str]:
    header, *rows = table.cells
    return [
        r"\begin{table*}",
        r"\centering\small",
        rf"\caption{{{latex(f'{table.title}. {document.title}')}.}}",
        rf"\label{{tab:{table.name}}}",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        r"\begin{tabular}{l" + "r" * (len(header) - 1) + "}",
        r"\toprule",
        " & ".join(map(_folded, header)) + r" \\",
        r"\midrule",
        *(_line(" & ".join(map(latex, row))) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}}",
        r"\par\medskip\begin{minipage}{\linewidth}\footnotesize",
        *(rf"{latex(note)}\par" for note in notes),
        r"\end{minipage}",
        r"\end{table*}",
    ]


def _folded(heading: str) -> str:
    r"""Break a heading into lines of a word or two, without a LaTeX package."""
    lines = [""]
    for word in heading.split():
        if lines[-1] and len(lines[-1]) + len(word) >= _HEADING_WIDTH:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return r"\shortstack[r]{" + r"\\".join(_line(latex(line)) for line in lines) + "}"


def _line(text: str) -> str:
    """Return what may follow a line break or a rule, where LaTeX takes a bracket for an argument.

    A star there is an argument, too.
    """
    return re.sub(r"^(\s*)([\[*])", r"\1{\2}", text)


_HEADING_WIDTH = 13


def _csv(*documents: Document) -> str:
    """Return a row for each arm of each document, with the values of all tables."""
    rows: list[dict[str, Any]] = []
    for document in documents:
        by_arm: dict[str, dict[str, Any]] = {}
        for table in document.tables:
            for values in table.rows:
                row = by_arm.setdefault(str(values["arm"]), {"comparison": document.title})
                row |= flat(values)
        rows += by_arm.values()
    names = dict.fromkeys(name for row in rows for name in row)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: spreadsheet(cell) for name, cell in row.items()} for row in rows)
    return text.getvalue()


def _json(document: Document) -> str:
    return _dumped(_content(document))


def _content(document: Document) -> dict[str, Any]:
    return {
        "title": document.title,
        "headings": document.headings,
        "reference": document.reference,
        "tables": {
            table.name: {
                "title": table.title,
                "rows": [{k: plain(v) for k, v in values.items()} for values in table.rows],
                "notes": table.notes,
            }
            for table in document.tables
        },
        "headline": document.headline,
        "notes": document.notes,
    }


def _dumped(content: Any) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


_RENDERED: Mapping[str, Callable[[Document], str]] = {
    "markdown": _markdown,
    "latex": _latex,
    "csv": _csv,
    "json": _json,
}
