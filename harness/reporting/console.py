"""What a person sees while a run works: a live panel on a terminal, plain lines elsewhere.

The door to rich. Reads only the journal's events, as they are recorded.
"""

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.progress import track
from rich.table import Table
from rich.text import Text

from harness.record.journal import Event

_MINUTE_S = 60
_PIPE_WIDTH = 200
_MANY = 5000
"""Files that take longer than a person waits without a word."""
SIDE_BY_SIDE = 6
"""Header, seed network and up to four arms: as many columns fit any terminal."""


class Display:
    """Shows one run; ``mode`` is ``auto``, ``live`` or ``plain``."""

    def __init__(self, title: str, *, evaluations: int, mode: str) -> None:
        self._console = Console(highlight=False, markup=False)
        live = mode == "live" or (mode == "auto" and self._console.is_terminal)
        self._live = Live(self, console=self._console, refresh_per_second=4) if live else None
        self._title, self._evaluations = title, evaluations
        self._phase = "starting the worker"
        self._generation = 0
        self._outcomes: Counter[str] = Counter()
        self._measuring = False
        self._trainings: dict[str, Mapping[str, Any]] = {}
        """The last of each network, the seed network's first, with the seconds of all."""

    def show(self, event: Event) -> None:
        """Take in one event; on no terminal, print a line for those that matter."""
        line = getattr(self, f"_on_{event.kind}", lambda _: None)(event)
        if line and self._live is None:
            self._console.print(f"{self._title}: {line}", soft_wrap=True)

    def recall(self, events: Sequence[Event]) -> None:
        """Take in what an earlier process recorded of this run, without a line for each."""
        for event in events:
            getattr(self, f"_on_{event.kind}", lambda _: None)(event)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def __rich__(self) -> Table:
        """The live panel: phase, fates, best accuracy and size, time left."""
        panel = Table.grid(padding=(0, 2))
        panel.add_column(style="bold")
        panel.add_column()
        panel.add_row(self._title, self._phase)
        trained = list(self._trainings.values())[1:]
        accepted = [outcome for outcome in trained if "score" in outcome and outcome["whole"]]
        panel.add_row("evaluated", f"{len(trained)} of {self._evaluations}")
        refused = ", ".join(f"{n} {gate}" for gate, n in sorted(self._outcomes.items()))
        panel.add_row("refused", refused or "none")
        if accepted:
            panel.add_row("best accuracy", f"{max(f['score'] for f in accepted):.2%}")
            panel.add_row("smallest", f"{min(f['n_params'] for f in accepted):,} parameters")
        if 0 < len(self._trainings) <= self._evaluations and not self._measuring:
            panel.add_row("search time left", _duration(self._left_s()))
        return panel

    def _left_s(self) -> float:
        known = [outcome["train_s"] for outcome in self._trainings.values() if outcome["train_s"]]
        return statistics.fmean(known or [0]) * (1 + self._evaluations - len(self._trainings))

    def _on_reference(self, event: Event) -> str:
        self._phase = "founders"
        return f"seed network: {_objectives(event.content['measured'])}"

    def _on_call(self, event: Event) -> None:
        self._phase = f"generation {self._generation}: answer to {event.key.split('/')[1]}"

    def _on_training(self, event: Event) -> None:
        purpose, network = event.key.removeprefix("training/").split("/", 1)
        kind, _, epochs = purpose.partition("-")
        if kind == "confirm":
            self._phase = f"generation {self._generation}: confirming on other seeds"
        elif kind == "search":
            spent = self._trainings.get(network, {}).get("train_s", 0)
            spent += event.content.get("train_s", 0)
            told = {"train_s": spent, "whole": not epochs}
            self._trainings[network] = {**event.content, **told}
            self._phase = f"generation {self._generation}: training"
            self._phase += f" for {epochs} epochs" if epochs else ""
        else:
            self._phase = "re-training the result on fresh seeds"
            self._measuring = True

    def _on_proposal(self, event: Event) -> str:
        outcome, step = event.content["measured"], event.key.split("/")[1]
        if "gate" in outcome:
            self._outcomes[outcome["gate"]] += 1
            if outcome["gate"] == "fidelity":
                return f"{step} outpaced: {outcome['reason']}"
            return f"{step} refused by {outcome['gate']}: {outcome['reason']}"
        return f"{step} {_operators(event.content)}: {_objectives(outcome)}"

    def _on_generation(self, event: Event) -> None:
        self._generation = int(event.key.split("/")[1]) + 1
        self._phase = f"generation {self._generation}"

    def _on_final(self, event: Event) -> str | None:
        _, step, k = event.key.split("/")
        if "score" not in event.content:
            return f"{step} re-trained ({int(k) + 1}): {event.content['reason']}"
        return f"{step} re-trained ({int(k) + 1}): test accuracy {event.content['score']:.2%}"

    def _on_complete(self, _: Event) -> str:
        self._phase = "complete"
        return "complete"


def tracked(files: Sequence[Path], what: str) -> Iterator[Path]:
    """Yield each of some files, under a bar where they are many; elsewhere one line says it."""
    console = Console(highlight=False, markup=False, stderr=True)
    if len(files) < _MANY or not console.is_terminal:
        if len(files) >= _MANY:
            console.print(f"{what}: {len(files):,} files", soft_wrap=True)
        yield from files
    else:
        yield from track(files, what, console=console, transient=True)


def show_table(rows: list[list[str]], *, title: str, notes: list[str], text: bool = False) -> None:
    """Print a table with a header row, of numbers or of text, and what a reader must know.

    A few rows stand side by side, which fits any terminal; many stand one below the other.
    """
    console = _wide_console()
    if len(rows) <= SIDE_BY_SIDE:
        rows = [list(row) for row in zip(*rows, strict=True)]
    table = _headed(rows[0], title, text=text)
    for row in rows[1:]:
        table.add_row(*row)
    _show(console, table, notes)


def show_sections(
    sections: Mapping[str, list[list[str]]], *, title: str, notes: Sequence[str]
) -> None:
    """Print tables about the same things as one: the things side by side, a section for each.

    sections: title and rows with a header; the first cell of a row names what it is about.
    """
    names = list(dict.fromkeys(row[0] for rows in sections.values() for row in rows[1:]))
    header = next(iter(sections.values()))[0][0]
    table = _headed([header, *names], title)
    for heading, rows in sections.items():
        table.add_row(Text(heading, style="bold"), *[""] * len(names))
        by_name = {row[0]: row for row in rows[1:]}
        for i, column in enumerate(rows[0][1:], 1):
            table.add_row(column, *(by_name[n][i] if n in by_name else "" for n in names))
        table.add_section()
    _show(_wide_console(), table, notes)


def _headed(header: Sequence[str], title: str, *, text: bool = False) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for i, name in enumerate(header):
        table.add_column(
            name,
            justify="right" if i and not text else "left",
            overflow="fold",
            no_wrap=not i and not text,
        )
    return table


def _wide_console() -> Console:
    console = Console(highlight=False, markup=False)
    # A pipe has no width of its own: fold nothing at 80 columns.
    return (
        console
        if console.is_terminal
        else Console(highlight=False, markup=False, width=_PIPE_WIDTH)
    )


def _show(console: Console, table: Table, notes: Sequence[str]) -> None:
    console.print()
    console.print(table)
    for note in notes:
        console.print(note, soft_wrap=not console.is_terminal)


def show_lines(lines: Iterable[str]) -> None:
    """Print lines, those of a diff in colour; nothing in them acts on the terminal."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for line in lines:
        plain = "".join(c if c.isprintable() or c == "\t" else " " for c in line)
        style = next((style for start, style in _DIFF.items() if plain.startswith(start)), "")
        console.print(Text(plain, style=style))


_DIFF = {"+++": "bold", "---": "bold", "@@": "cyan", "+": "green", "-": "red"}


def _operators(content: Any) -> str:
    changes = (f"{v['operator']} of {v['segment']}" for v in content["variations"])
    return " + ".join(changes)


def _objectives(outcome: Any) -> str:
    return f"accuracy {outcome['score']:.2%}, {outcome['n_params']:,} parameters"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), _MINUTE_S)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
