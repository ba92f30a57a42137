"""Tables in LaTeX that fit a paper of two columns: narrow floats, ranges in small type.

They need booktabs alone.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from harness.reporting.formatting import NONE, latex


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a table goes.

    Attributes:
        environment: The float.
        room: Characters that a line of footnotesize has.
        heading: Characters from which a heading is folded.
        cell: Characters from which a cell is folded.
        ranges_below: Whether the range of a number is in a line of its own.
    """

    environment: str
    room: int
    heading: int
    cell: int
    ranges_below: bool


PLACES = {
    "column": Place(environment="table", room=58, heading=11, cell=14, ranges_below=True),
    "page": Place(environment="table*", room=120, heading=13, cell=36, ranges_below=False),
}
"""Places by name: a column of the paper, or its whole page."""

_GAP = 2
"""Characters that the space between two columns takes."""
_RANGE = re.compile(r"^([^][]+) (\[[^][]+\])$")


def floats(
    cells: Sequence[Sequence[str]],
    *,
    caption: str,
    label: str,
    notes: Sequence[str],
    place: str,
) -> list[str]:
    """Return the lines of a table, in floats of as many columns each as fit.

    Args:
        cells: A header and the rows; the first column names the row.
        caption: What the table shows.
        label: Its label, without ``tab:``.
        notes: Its notes, which follow the last float's columns.
        place: One of ``PLACES``.
    """
    at = PLACES[place]
    parts = _parts(cells, at)
    lines: list[str] = []
    for k, part in enumerate(parts):
        of = f" ({k + 1} of {len(parts)})" if len(parts) > 1 else ""
        lines += [
            rf"\begin{{{at.environment}}}",
            r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
            rf"\caption{{{latex(caption + of)}.}}",
            rf"\label{{tab:{label}{f'-part{k + 1}' if k else ''}}}",
            *_tabular([[row[i] for i in part] for row in cells], at),
            *(_below(notes) if k == len(parts) - 1 else ()),
            rf"\end{{{at.environment}}}",
        ]
    return lines


def _below(notes: Sequence[str]) -> list[str]:
    """Return notes as one paragraph below a table."""
    if not notes:
        return []
    return [
        r"\par\medskip\begin{minipage}{\linewidth}\scriptsize\raggedright",
        *map(_sentence, notes),
        r"\end{minipage}",
    ]


def paragraph(notes: Sequence[str]) -> list[str]:
    """Return notes as a paragraph of the text, which may be longer than a page."""
    if not notes:
        return []
    return [r"\par{\scriptsize\raggedright\noindent", *map(_sentence, notes), r"\par}"]


def _sentence(note: str) -> str:
    """Return a note with an end, since others follow in its line."""
    return latex(note if note.endswith((".", "!", "?")) else f"{note}.")


def _parts(cells: Sequence[Sequence[str]], at: Place) -> list[list[int]]:
    """Return the columns of each float, in as few floats as possible, and of about equal width."""
    columns = list(zip(*cells, strict=True))
    widths = [_width(heading, rows, at) for heading, *rows in columns]
    fewest = len(_filled(widths, at.room))
    return next(
        parts for room in range(at.room + 1) if len(parts := _filled(widths, room)) <= fewest
    )


def _filled(widths: Sequence[int], room: int) -> list[list[int]]:
    """Return the columns of each float, all with the first one, as many in each as have room."""
    parts = [[0]]
    for i in range(1, len(widths)):
        wider = [*parts[-1], i]
        if parts == [[0]] or sum(widths[k] + _GAP for k in wider) <= room:
            parts[-1] = wider
        else:
            parts.append([0, i])
    return parts


def _width(heading: str, rows: Sequence[str], at: Place) -> int:
    lines = [line for cell in rows for line, _ in _lines(cell, at)]
    return max(map(len, [*_folded(heading, at.heading), *lines]))


def _lines(cell: str, at: Place) -> list[tuple[str, bool]]:
    """Return the lines of a cell, each with whether it is a range."""
    if (found := _RANGE.match(cell)) is not None and at.ranges_below:
        return [(found[1], False), (found[2], True)]
    if found is not None or len(cell) <= at.cell:
        return [(cell, False)]
    return [(line, False) for line in _folded(cell, at.cell)]


def _folded(text: str, width: int) -> list[str]:
    """Break a text between words, but neither in brackets nor before a unit."""
    lines = [""]
    for word in re.findall(r"\[[^]]{0,20}\]|\S+(?: %,?)?", text):
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _tabular(cells: Sequence[Sequence[str]], at: Place) -> Iterator[str]:
    header, *rows = cells
    yield r"\begin{tabular}{l" + "r" * (len(header) - 1) + "}"
    yield r"\toprule"
    yield " & ".join(_heading(one, at, "r" if i else "l") for i, one in enumerate(header)) + r" \\"
    yield r"\midrule"
    for row in rows:
        yield from _row([_lines(cell, at) for cell in row])
    yield r"\bottomrule"
    yield r"\end{tabular}"


def _row(columns: Sequence[Sequence[tuple[str, bool]]]) -> Iterator[str]:
    """Yield a row of the table, in as many lines as its longest cell."""
    lines = list(zip_longest(*columns, fillvalue=("", False)))
    for k, line in enumerate(lines):
        end = r" \\[2pt]" if k and k == len(lines) - 1 else r" \\"
        yield _guarded(" & ".join(_cell(text, small=is_range) for text, is_range in line)) + end


def _cell(text: str, *, small: bool) -> str:
    if small:
        return rf"{{\scriptsize {latex(text)}}}"
    if (found := _RANGE.match(text)) is not None:
        return rf"{latex(found[1])} {{\scriptsize {latex(found[2])}}}"
    return latex(text) if text != NONE else "--"


def _heading(heading: str, at: Place, side: str) -> str:
    lines = [_guarded(latex(line)) for line in _folded(heading, at.heading)]
    return rf"\shortstack[{side}]{{" + r"\\".join(lines) + "}"


def _guarded(text: str) -> str:
    """Return what may follow a line break or a rule, where LaTeX takes a bracket for an argument.

    A star there is an argument, too.
    """
    return re.sub(r"^(\s*)([\[*])", r"\1{\2}", text)
