"""Tables, lines and panels on a console. The door to rich."""

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from rich.cells import cell_len
from rich.console import Console
from rich.live import Live
from rich.progress import track
from rich.table import Table
from rich.text import Text

from harness.tasks.base import Dataset, Loader
from harness.terminal import say
from harness.text import one_line, visible

_PIPE_WIDTH = 200
_REFRESH_PER_S = 4
_MANY = 5000
"""Number of files from which reading them takes long enough to show progress."""
_SIDE_BY_SIDE = 6
"""Most rows that become columns."""
_HEADINGS = 24
"""Width up to which headings of rows are kept, though their words would fit into less."""
_LONGEST = 40
"""Longest word that is kept whole."""
_PIECE = re.compile(
    r"(?<!\S)\[[^][]{0,40} [^][]{0,40}\]\S*|\d{1,3} / \d{1,3} / \d{1,3}(?!\S)"
    r"|(?:< )?\d{1,3} \w{1,20},(?!\S)|[±/×] \S+|\S+"
)
"""What is never broken: a range in brackets, shares and their names, a word, a number."""


class Panel:
    """Lines on a console, under a panel that is drawn again four times a second where it is live.

    Args:
        rows: Called for heading and text of each row, whenever the panel is drawn.
        mode: ``live`` for a panel, ``plain`` for none, ``auto`` for one on a terminal that this
            process has in the foreground.
    """

    def __init__(self, rows: Callable[[], Iterable[tuple[str, str]]], *, mode: str) -> None:
        self._rows = rows
        # A notebook shows lines as any other output; rich would show a box for each.
        self._console = Console(highlight=False, markup=False, force_jupyter=False)
        self.live = mode == "live" or (mode == "auto" and _is_ours(self._console))
        self._drawn = Live(self, console=self._console, refresh_per_second=_REFRESH_PER_S)

    def start(self) -> None:
        """Draw the panel from now on, where it is live."""
        if self.live:
            self._drawn.start()

    def stop(self) -> None:
        """Draw the panel for the last time, where it is live."""
        if self.live:
            self._drawn.stop()

    def print(self, line: str) -> None:
        """Print a line."""
        self._console.print(one_line(line), soft_wrap=True)

    def __rich__(self) -> Table:
        panel = Table.grid(padding=(0, 2))
        panel.add_column(style="bold")
        panel.add_column()
        for row in self._rows():
            panel.add_row(*map(one_line, row))
        return panel


def _is_ours(console: Console) -> bool:
    """Return whether output goes to a terminal on which no other job of a shell writes."""
    if not _is_terminal(console):
        return False
    try:
        return os.tcgetpgrp(console.file.fileno()) == os.getpgrp()
    except OSError:  # it does not control this session
        return True


def tracked(files: Sequence[Path], what: str) -> Iterator[Path]:
    """Yield files, with a progress bar where they are many, or one line where output is piped.

    Args:
        files: The files.
        what: What is done with them.
    """
    console = Console(highlight=False, markup=False, stderr=True, force_jupyter=False)
    what = one_line(what)
    if len(files) < _MANY or not _is_terminal(console):
        if len(files) >= _MANY:
            console.print(f"{what}: {len(files):,} files", soft_wrap=True)
        yield from files
    else:
        yield from track(files, what, console=console, transient=True)


def _is_terminal(console: Console) -> bool:
    """Return whether a console draws on a terminal; FORCE_COLOR, set in notebooks, makes none."""
    return console.is_terminal and console.file.isatty()


def loaded(loader: Loader) -> Dataset:
    """Load data with ``tracked`` progress, and print its notes to standard error."""
    dataset = loader.load(tracked)
    for note in dataset.notes:
        say(f"{dataset.name}: {note}", error=True)
    return dataset


def show_table(
    rows: list[list[str]],
    *,
    title: str,
    headings: Sequence[str] = (),
    notes: Sequence[str],
    text: bool = False,
    turned: bool = True,
) -> None:
    """Print a table, in several parts below each other where its columns do not fit the terminal.

    No number and no word is broken. A few rows become columns where these fit, unless not
    ``turned``.

    Args:
        rows: A header, then rows.
        title: Its title.
        headings: Lines below the title.
        notes: Lines to print below it.
        text: Whether cells are text, aligned left, rather than numbers.
        turned: Whether a few rows become columns.
    """
    console = _wide_console()
    rows = _as_lines(rows)
    if turned and len(rows) <= _SIDE_BY_SIDE:
        columns = [list(row) for row in zip(*rows, strict=True)]
        rows = columns if _fits(columns, console.width) else rows
    _show(console, [title, *headings], _tables(rows, console.width, text=text), notes)


def show_sections(
    sections: Mapping[str, list[list[str]]],
    *,
    title: str,
    headings: Sequence[str] = (),
    notes: Sequence[str],
) -> None:
    """Print tables about the same things as one, with a column for each thing.

    Where these columns do not fit the terminal, print a table for each section, with rows.

    Args:
        sections: Rows by heading; a header first, and in each row first the name of the thing.
        title: Title of the whole.
        headings: Lines below the title.
        notes: Lines to print below it.
    """
    console = _wide_console()
    sections = {one_line(heading): _as_lines(rows) for heading, rows in sections.items()}
    names = list(dict.fromkeys(row[0] for rows in sections.values() for row in rows[1:]))
    turned = [[next(iter(sections.values()))[0][0], *names]]
    at = set()
    for heading, rows in sections.items():
        at.add(len(turned))
        turned.append([heading, *[""] * len(names)])
        by_name = {row[0]: row for row in rows[1:]}
        turned += [
            [column, *(by_name[n][i] if n in by_name else "" for n in names)]
            for i, column in enumerate(rows[0][1:], 1)
        ]
    if len(names) <= _SIDE_BY_SIDE and _fits(turned, console.width):
        tables = _tables(turned, console.width, sections=at)
        _show(console, [title, *headings], tables, notes)
        return
    _show(console, [title, *headings], [], [])
    for heading, rows in sections.items():
        _show(console, [heading], _tables(rows, console.width), [])
    _show(console, [], [], notes)


def _as_lines(rows: Iterable[Iterable[str]]) -> list[list[str]]:
    return [[one_line(cell) for cell in row] for row in rows]


def _least(cells: Sequence[str]) -> int:
    """Return the width of a column whose words and numbers are all whole."""
    longest = max((cell_len(p) for cell in cells for p in _PIECE.findall(cell)), default=0)
    return max(2, min(longest, _LONGEST))


def _least_widths(rows: Sequence[Sequence[str]]) -> list[int]:
    first, *others = map(list, zip(*rows, strict=True))
    natural = max(map(cell_len, first))
    return [max(_least(first), min(natural, _HEADINGS)), *map(_least, others)]


def _room(n_columns: int, width: int) -> int:
    """Return the width of all cells of a table, without its rules."""
    return width - 3 * n_columns - 1


def _fits(rows: Sequence[Sequence[str]], width: int) -> bool:
    return sum(_least_widths(rows)) <= _room(len(rows[0]), width)


def _tables(
    rows: Sequence[Sequence[str]],
    width: int,
    *,
    text: bool = False,
    sections: Collection[int] = (),
) -> list[Table]:
    """Return tables of as many columns each as fit, all with the first column.

    Args:
        rows: A header, then rows.
        width: Width of the terminal.
        text: Whether cells are aligned left.
        sections: Numbers of the rows that head a section.
    """
    least = _least_widths(rows)
    parts: list[list[int]] = []
    for i in range(1, len(least)):
        wider = [*parts[-1], i] if parts else [0, i]
        if parts and sum(least[k] for k in wider) <= _room(len(wider), width):
            parts[-1] = wider
        else:
            parts.append([0, i])
    return [
        _table([[row[i] for i in part] for row in rows], width, text=text, sections=sections)
        for part in parts or [[0]]
    ]


def _table(
    rows: Sequence[Sequence[str]], width: int, *, text: bool, sections: Collection[int]
) -> Table:
    table = Table(header_style="bold")
    widths = _widths(rows, _room(len(rows[0]), width))
    header, *others = [[_in_lines(c, w) for c, w in zip(row, widths, strict=True)] for row in rows]
    for i, (name, its_width) in enumerate(zip(header, widths, strict=True)):
        justify: Literal["left", "right"] = "right" if i and not text else "left"
        table.add_column(Text(name), justify=justify, width=its_width, overflow="fold")
    for i, cells in enumerate(others, 1):
        if i in sections:
            table.add_section()
        table.add_row(*(Text(cell, style="bold" if i in sections else "") for cell in cells))
    return table


def _widths(rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """Return the widths of columns: what each needs, and what is left over from the left."""
    widths = _least_widths(rows)
    if sum(widths) > room:  # not even two columns fit: words are broken
        widths = [min(w, max(2, room // len(widths))) for w in widths]
    natural = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for i in sorted(range(len(widths)), key=lambda i: natural[i] - widths[i]):
        widths[i] += max(0, min(natural[i] - widths[i], room - sum(widths)))
    return widths


def _in_lines(cell: str, width: int) -> str:
    """Return a cell in lines of a width, broken between words, longer words within."""
    if cell_len(cell) <= width:
        return cell
    lines = [""]
    for piece in _PIECE.findall(cell):
        if lines[-1] and cell_len(lines[-1]) + 1 + cell_len(piece) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {piece}" if lines[-1] else piece
    return "\n".join(lines)


def _wide_console() -> Console:
    console = Console(highlight=False, markup=False)
    if console.is_terminal:
        return console
    # rich assumes 80 columns for a pipe, which has no width of its own.
    return Console(highlight=False, markup=False, width=_PIPE_WIDTH)


def _show(
    console: Console, lines: Sequence[str], tables: Sequence[Table], notes: Sequence[str]
) -> None:
    if lines:
        console.print()
    for line in lines:
        bold = Text(one_line(line), style="bold")
        console.print(bold, soft_wrap=not console.is_terminal)
    for table in tables:
        console.print(table)
    for note in notes:
        console.print(one_line(note), soft_wrap=not console.is_terminal)


def show_lines(lines: Iterable[str]) -> None:
    """Print lines, each of which stays one and keeps its tabs; lines of a diff are coloured."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for line in lines:
        style = next((style for start, style in _DIFF.items() if line.startswith(start)), "")
        console.print(Text(visible(line).replace("\n", " "), style=style))


_DIFF = {"+++": "bold", "---": "bold", "@@": "cyan", "+": "green", "-": "red"}
