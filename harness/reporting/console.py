"""Tables, lines and panels on a console. The door to rich."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

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
SIDE_BY_SIDE = 6
"""Most columns that fit any terminal, in addition to one of headings."""


class Panel:
    """Lines on a console, under a panel that is drawn again four times a second where it is live.

    Args:
        rows: Called for heading and text of each row, whenever the panel is drawn.
        mode: ``live`` for a panel, ``plain`` for none, ``auto`` for one on a terminal.
    """

    def __init__(self, rows: Callable[[], Iterable[tuple[str, str]]], *, mode: str) -> None:
        self._rows = rows
        self._console = Console(highlight=False, markup=False)
        self.live = mode == "live" or (mode == "auto" and self._console.is_terminal)
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


def tracked(files: Sequence[Path], what: str) -> Iterator[Path]:
    """Yield files, with a progress bar where they are many, or one line where output is piped.

    Args:
        files: The files.
        what: What is done with them.
    """
    console, what = Console(highlight=False, markup=False, stderr=True), one_line(what)
    if len(files) < _MANY or not console.is_terminal:
        if len(files) >= _MANY:
            console.print(f"{what}: {len(files):,} files", soft_wrap=True)
        yield from files
    else:
        yield from track(files, what, console=console, transient=True)


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
) -> None:
    """Print a table.

    Up to ``SIDE_BY_SIDE`` rows become columns, which fits any terminal.

    Args:
        rows: A header, then rows.
        title: Its title.
        headings: Lines below the title.
        notes: Lines to print below it.
        text: Whether cells are text, aligned left, rather than numbers.
    """
    console = _wide_console()
    if len(rows) <= SIDE_BY_SIDE:
        rows = [list(row) for row in zip(*rows, strict=True)]
    table = _headed(rows[0], [title, *headings], text=text)
    for row in rows[1:]:
        table.add_row(*map(one_line, row))
    _show(console, table, notes)


def show_sections(
    sections: Mapping[str, list[list[str]]],
    *,
    title: str,
    headings: Sequence[str] = (),
    notes: Sequence[str],
) -> None:
    """Print tables about the same things as one, with a column for each thing.

    Args:
        sections: Rows by heading; a header first, and in each row first the name of the thing.
        title: Title of the whole.
        headings: Lines below the title.
        notes: Lines to print below it.
    """
    names = list(dict.fromkeys(row[0] for rows in sections.values() for row in rows[1:]))
    header = next(iter(sections.values()))[0][0]
    table = _headed([header, *names], [title, *headings])
    for heading, rows in sections.items():
        table.add_row(Text(one_line(heading), style="bold"), *[""] * len(names))
        by_name = {row[0]: row for row in rows[1:]}
        for i, column in enumerate(rows[0][1:], 1):
            cells = (by_name[n][i] if n in by_name else "" for n in names)
            table.add_row(*map(one_line, (column, *cells)))
        table.add_section()
    _show(_wide_console(), table, notes)


def _headed(header: Sequence[str], lines: Sequence[str], *, text: bool = False) -> Table:
    table = Table(
        title="\n".join(map(one_line, lines)),
        title_justify="left", title_style="bold", header_style="bold",
    )  # fmt: skip
    for i, name in enumerate(header):
        table.add_column(
            one_line(name),
            justify="right" if i and not text else "left",
            overflow="fold",
            no_wrap=not i and not text,
        )
    return table


def _wide_console() -> Console:
    console = Console(highlight=False, markup=False)
    if console.is_terminal:
        return console
    # rich assumes 80 columns for a pipe, which has no width of its own.
    return Console(highlight=False, markup=False, width=_PIPE_WIDTH)


def _show(console: Console, table: Table, notes: Sequence[str]) -> None:
    console.print()
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
