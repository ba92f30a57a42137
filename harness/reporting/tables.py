"""Tables with their footnotes as documents, in Markdown, LaTeX, CSV and JSON.

Markdown and LaTeX (booktabs) are rounded for readers; CSV and JSON hold the numbers as measured.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.files import write_text
from harness.reporting.formatting import (
    Column,
    Values,
    markdown,
    markdown_cell,
    rows_of,
    spreadsheet,
)
from harness.reporting.notes.note import Note, texts_of
from harness.reporting.paper.floats import floats, paragraph
from harness.reporting.unrounded.fields import CSV_FIELDS, REASONS, SCHEMA
from harness.reporting.unrounded.rows import cells_of
from harness.text import each_text, one_line

SUFFIXES = {"markdown": "md", "latex": "tex", "csv": "csv", "json": "json"}
STYLES = tuple(SUFFIXES)


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table.

    Attributes:
        name: Its key in JSON, such as ``found``, and its label in LaTeX.
        shows: What it shows.
        columns: The columns that readers see; the first one names the row.
        rows: Its rows, each with a value for every column; CSV and JSON hold all of their values.
        notes: Its footnotes.
        labels: What readers see in place of the names of rows and of arms.
        against: Name of the arm that others are compared with, which the title names.
    """

    name: str
    shows: str
    columns: tuple[Column, ...]
    rows: tuple[Values, ...]
    notes: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    against: str | None = None

    def __post_init__(self) -> None:
        """Make each string one line: names of arms and models, reasons, records are untrusted."""
        for name in ("shows", "rows", "notes", "labels", "against"):
            object.__setattr__(self, name, each_text(getattr(self, name), one_line))

    @property
    def title(self) -> str:
        """What it shows, and the arm that others are compared with."""
        if self.against is None:
            return self.shows
        return f"Against {self.labels.get(self.against, self.against)}, {self.shows}"

    @property
    def cells(self) -> list[list[str]]:
        """A header and the rows that have a value, written for readers."""
        header, *rows = rows_of(self.columns, self.rows)
        return [header, *([self.labels.get(row[0], row[0]), *row[1:]] for row in rows)]


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
        measure: Name of the metric by which they are compared.
        standing: Whether that is the ``primary`` comparison or an ``exploratory`` one.
    """

    title: str
    headings: tuple[Note, ...]
    tables: tuple[Table, ...]
    headline: str
    notes: tuple[Note, ...]
    reference: str | None = None
    measure: str | None = None
    standing: str | None = None

    def __post_init__(self) -> None:
        """Make each string one line, as in tables."""
        for name in ("title", "headline", "reference"):
            object.__setattr__(self, name, each_text(getattr(self, name), one_line))
        for name in ("headings", "notes"):
            notes = (replace(note, text=one_line(note.text)) for note in getattr(self, name))
            object.__setattr__(self, name, tuple(notes))

    @property
    def shown(self) -> list[Table]:
        """The tables that have a row for readers."""
        return [table for table in self.tables if len(table.cells) > 1]


def render(document: Document, style: str, *, place: str = "page") -> str:
    """Return a document as text.

    Args:
        document: The document.
        style: ``markdown``, ``latex``, ``csv`` or ``json``.
        place: Where tables in LaTeX go: a ``column`` or the whole ``page`` of a paper.
    """
    return _latex(document, place) if style == "latex" else _RENDERED[style](document)


def write_tables(document: Document, folder: Path, *, place: str = "page") -> None:
    """Write a document in every style, as ``table.md`` and so on; see ``render``."""
    for style, suffix in SUFFIXES.items():
        write_text(folder / f"table.{suffix}", render(document, style, place=place))


def render_all(documents: Sequence[Document], style: str, *, place: str = "page") -> str:
    """Return several documents as a text, see ``render``: one list in JSON, one header in CSV."""
    if style == "json":
        return _dumped([_content(document) for document in documents])
    if style == "csv":
        return _csv(*documents)
    if style == "latex":  # each label must be unique
        documents = [_numbered(document, i) for i, document in enumerate(documents)]
    return "\n".join(render(document, style, place=place) for document in documents)


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
    headings = "  \n".join(f"*{markdown(line.text)}*" for line in document.headings)
    parts = [f"**{markdown(document.title)}**", headings]
    for table in document.shown:
        parts += [f"**{markdown(table.title)}**", aligned(table.cells), _listed(table.notes)]
    parts += [markdown(document.headline), _listed(texts_of(document.notes))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _listed(notes: Sequence[str]) -> str:
    return "\n".join(f"- {markdown(note)}" for note in notes)


def _latex(document: Document, place: str) -> str:
    headings, notes = texts_of(document.headings), texts_of(document.notes)
    texts = [text for text in (*headings, document.headline, *notes) if text]
    if not document.shown:
        return "\n".join(paragraph([document.title, *texts])) + "\n"
    lines = ["% needs \\usepackage{booktabs}"]
    for table in document.shown:
        caption = f"{table.title}. {document.title}"
        lines += floats(
            table.cells, caption=caption, label=table.name, notes=table.notes, place=place
        )
    return "\n".join([*lines, *paragraph(texts)]) + "\n"


def _csv(*documents: Document) -> str:
    """Return a row for each arm of each document, with the fields of all tables."""
    rows: list[dict[str, Any]] = []
    for document in documents:
        by_arm: dict[str, dict[str, Any]] = {}
        reasons: dict[str, list[str]] = {}
        for table in document.tables:
            for values in table.rows:
                arm, cells = str(values["arm"]), cells_of(table.name, values)
                by_arm.setdefault(arm, _beginning(document)).update(cells.values)
                reasons.setdefault(arm, []).extend([cells.why] if cells.why else [])
        rows += [row | {REASONS.name: "; ".join(reasons[arm])} for arm, row in by_arm.items()]
    names = [field.name for field in CSV_FIELDS]
    names += dict.fromkeys(name for row in rows for name in row if name not in names)
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: spreadsheet(cell) for name, cell in row.items()} for row in rows)
    return text.getvalue()


def _beginning(document: Document) -> dict[str, Any]:
    return {"comparison": document.title, **_standing(document)}


def _standing(document: Document) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "reference": document.reference,
        "measure": document.measure,
        "standing": document.standing,
    }


def _json(document: Document) -> str:
    return _dumped(_content(document))


def _content(document: Document) -> dict[str, Any]:
    return {
        "title": document.title,
        **_standing(document),
        "headings": texts_of(document.headings),
        "tables": {
            table.name: {
                "title": table.title,
                "rows": [_row(table.name, values) for values in table.rows],
                "notes": table.notes,
            }
            for table in document.tables
        },
        "headline": document.headline,
        "notes": texts_of(document.notes),
    }


def _row(table: str, values: Values) -> dict[str, Any]:
    cells = cells_of(table, values).finite
    return {**cells.values, REASONS.name: cells.why}


def _dumped(content: Any) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


_RENDERED: Mapping[str, Callable[[Document], str]] = {
    "markdown": _markdown,
    "csv": _csv,
    "json": _json,
}
