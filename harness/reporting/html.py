"""The HTML page of a study, with tables, figures, and details of each run.

The page needs no server and no network. Texts of candidates and LLMs are packed as data and become
text nodes; the page's content security policy allows its own script alone.
"""

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from html import escape as escaped
from pathlib import Path

from harness.analysis.comparison import Comparison
from harness.analysis.run_result import RunResult
from harness.files import check_writable, write_text
from harness.reporting.figures.catalog import draw_all
from harness.reporting.notes.note import texts_of
from harness.reporting.paper.choice import Choice, described
from harness.reporting.plot_style import SCREEN, SHEETS
from harness.reporting.run_page import Colours, run_details
from harness.reporting.summary import folder_of
from harness.reporting.tables import Document, Table, write_tables
from harness.text import one_line

_ASSETS = Path(__file__).with_name("assets")
_PAGE = "report.html"
_WHOLE = re.compile(r"\[[^]]*\]|\S+(?: / \S+)+")


def write_report(
    found: Sequence[Comparison],
    folder: Path,
    *,
    measure: str | None = None,
    damaged: Sequence[str] = (),
    choice: Choice | None = None,
    width: str | None = None,
) -> Path:
    """Write tables, figures and the page of these comparisons below a folder; return the page.

    Args:
        found: The comparisons, at least one.
        folder: Folder to write to.
        measure: Name of the metric by which arms are compared.
        damaged: A sentence for each journal that could not be read; the page lists them.
        choice: What tables and figures show, by default all; the page has all runs.
        width: ``column`` or ``page`` of a paper, for which figures are drawn, by default a screen.
    """
    check_writable(folder)
    choice = choice or Choice()
    documents = described(found, choice, measure=measure)
    style, script = (_asset(name) for name in ("report.css", "report.js"))
    body = "".join(f'<p class="warn">left out: {escape(one)}</p>' for one in damaged)
    packed: list[str] = []
    colours = Colours()
    n = len(found)
    body += "".join(map(_text, documents[n:]))
    for comparison, document in zip(found, documents[:n], strict=True):
        own = folder_of(comparison, folder)
        write_tables(document, own, place=width or "page")
        body += _text(document)
        body += "".join(_figures(choice.of_comparison(comparison), own, width))
        body += "".join(_runs(comparison, packed, colours))
    policy = f"default-src 'none'; img-src data:; style-src '{style[1]}'; script-src '{script[1]}'"
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(found[0].title)}</title>\n<style>{style[0]}</style></head>\n"
        f"<body><h1>Guided Evolution: results</h1>\n{body}\n{''.join(packed)}"
        f"<script>{script[0]}</script></body></html>\n"
    )
    path = folder / _PAGE
    write_text(path, page)
    return path


def _text(document: Document) -> str:
    headings = "".join(f"<p>{escape(heading.text)}</p>" for heading in document.headings)
    tables = "".join(map(_table, document.shown))
    headline = document.headline and f"<p><strong>{escape(document.headline)}</strong></p>\n"
    notes = _notes(texts_of(document.notes))
    return f"<h2>{escape(document.title)}</h2>\n{headings}{headline}{tables}{notes}"


def _figures(comparison: Comparison, own: Path, width: str | None) -> Iterator[str]:
    """Write the figures of one comparison into its folder, and yield their part of the page."""
    sheet = SCREEN if width is None else SHEETS[width]
    for figure in draw_all(comparison, own, sheet) if comparison.arms else ():
        image = base64.b64encode((own / f"{figure.name}.png").read_bytes()).decode()
        yield (
            f"<figure><h3>{escape(figure.title)}</h3>"
            f'<img alt="{escape(figure.title)}" src="data:image/png;base64,{image}">'
            f"<figcaption>{escape(figure.caption_of(comparison))}</figcaption></figure>\n"
        )


def _runs(comparison: Comparison, packed: list[str], colours: Colours) -> Iterator[str]:
    """Yield the part of the page on the runs of one comparison, and pack them."""
    yield "<h3>Runs</h3>\n"
    for arm in comparison.arms:
        for run in arm.runs:
            name = f"run-{len(packed)}"
            packed.append(_packed(name, run, colours))
            state = "" if run.complete else ", not complete"
            yield (
                f'<details data-run="{name}"><summary>'
                f"{escape(arm.name)}, seed {run.seed}{state}</summary></details>\n"
            )


def _table(table: Table) -> str:
    header, *rows = table.cells
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{_folding(cell)}</td>" for cell in row) + "</tr>\n" for row in rows
    )
    return (
        f'<h3>{escape(table.title)}</h3><div class="scroll" tabindex="0"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>\n{_notes(table.notes)}"
    )


def _folding(cell: str) -> str:
    """Return a cell that a browser folds where a table is wide, yet neither a range nor shares."""
    return _WHOLE.sub(r"<span>\g<0></span>", escape(cell))


def _notes(notes: Sequence[str]) -> str:
    return '<ul class="notes">' + "".join(f"<li>{escape(note)}</li>" for note in notes) + "</ul>\n"


def _packed(name: str, run: RunResult, colours: Colours) -> str:
    """Return a run's texts as data that no browser reads as markup or script."""
    text = json.dumps(run_details(run, colours), ensure_ascii=False).encode(
        errors="backslashreplace"
    )
    data = base64.b64encode(gzip.compress(text, mtime=0)).decode()
    return f'<script type="text/plain" id="{name}">{data}</script>\n'


def escape(text: str) -> str:
    """Escape a text for HTML, as one line."""
    return escaped(one_line(text))


def _asset(name: str) -> tuple[str, str]:
    """Return a file of the page and its hash, as the content security policy names it."""
    text = (_ASSETS / name).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return text, f"sha256-{digest}"
