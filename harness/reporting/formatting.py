"""Numbers, texts and columns of tables, as readers see them."""

import math
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.analysis.aggregation import Expected, Spread, Value
from harness.analysis.metric import COUNT, Metric, Quantity
from harness.analysis.statistics.intervals import Interval
from harness.analysis.statistics.paired import Shift
from harness.tasks.base import Wording

NONE = "–"
_RANGES = (" [quartiles]", " [95 % CI]")
"""Ends of headings whose values may have a range in brackets."""
_WHOLE_FROM = 100
"""Means of counts from here on are written without decimals."""

Values = Mapping[str, Value]
"""A row of a table: values by the name of the column."""


def fill(template: str, wording: Wording, **facts: object) -> str:
    """Return a text with the words of a task in place of ``{task.score}`` and the like.

    Args:
        template: Text with fields.
        wording: Words of the task.
        **facts: Values of other fields.
    """
    return " ".join(template.format(task=wording, **facts).split())


@dataclass(frozen=True, kw_only=True)
class NumberFormat:
    """Notation of the values of one quantity.

    Attributes:
        spec: Format specification, or ``COUNT``.
        times: Factor from a stored to a shown value.
        unit: Unit of a shown value, which ``text`` leaves out.
        points: Unit of a difference of two shown values.
    """

    spec: str
    times: float = 1
    unit: str = ""
    points: str = ""

    def text(self, value: float | Interval | Spread | Shift | Expected, *, sign: str = "") -> str:
        """Return a number, or a mean or median with its range in brackets.

        Args:
            value: In the stored unit.
            sign: Start of the format specification: ``+`` for a signed number.
        """
        match value:
            case Interval():
                return self._range(value.mean, value.low, value.high, sign)
            case Spread():
                return self._range(value.median, value.low, value.high, sign)
            case Shift():
                return self._range(value.estimate, value.low, value.high, sign)
            case Expected():
                known = value.evaluations is not None
                middle = self._one(value.evaluations or 0, sign) if known else NONE
                return f"{middle} ({value.reached}/{value.of})"
            case _:
                return self._one(value, sign)

    def _range(self, middle: float, low: float | None, high: float | None, sign: str) -> str:
        if low is None or high is None:
            return self._one(middle, sign)
        return f"{self._one(middle, sign)} [{self._one(low, sign)}, {self._one(high, sign)}]"

    def _one(self, number: float, sign: str) -> str:
        shown = self.times * number
        if math.isinf(shown):
            return f"{'-' if shown < 0 else '+'}∞"
        spec = self.spec
        if spec == COUNT:
            spec = ",.0f" if float(shown).is_integer() or shown >= _WHOLE_FROM else ",.1f"
        written = f"{shown:{sign}{spec}}"
        return written if float(written.replace(",", "")) else f"{0:{spec}}"


def format_of(metric: Metric, wording: Wording) -> NumberFormat:
    """Return the notation of a metric's values."""
    match metric.quantity:
        case Quantity.SCORE:
            return NumberFormat(
                spec=f".{wording.digits}f",
                times=wording.times,
                unit=wording.unit,
                points=wording.short_points,
            )
        case Quantity.SHARE:
            return NumberFormat(spec=metric.spec, times=100, unit="%", points="points")
        case _:
            return NumberFormat(spec=metric.spec)


def axis_label(metric: Metric, wording: Wording) -> str:
    """Return the label of an axis: the metric, its unit, which direction is better."""
    unit = format_of(metric, wording).unit
    label = fill(metric.phrase, wording) + (f", {unit}" if unit else "")
    return f"{label}\n({'fewer' if metric.lower_is_better else 'higher'} is better)"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table.

    Attributes:
        name: Key in CSV and JSON.
        heading: Heading for readers.
        write: From a value to its text; texts stay as they are.
    """

    name: str
    heading: str
    write: Callable[[Any], str] = str

    def text(self, values: Values) -> str:
        """Return the text of this column's cell in a row.

        Raises:
            KeyError: The row has no such value, not even None.
        """
        value = values[self.name]
        if value is None:
            return NONE
        return value if isinstance(value, str) else self.write(value)


ARM = Column(name="arm", heading="arm")


def column_of(metric: Metric, wording: Wording) -> Column:
    """Return the column of a metric."""
    return Column(
        name=metric.name,
        heading=fill(metric.heading, wording),
        write=format_of(metric, wording).text,
    )


def _parts(value: Value) -> Any:
    """Return the parts of a value by name, or a value without parts as it is."""
    return value if value is None or isinstance(value, str | int | float) else asdict(value)


def flat(values: Values) -> dict[str, Any]:
    """Return a row in which a value with parts has a cell for each, as ``test_score_low``."""
    cells: dict[str, Any] = {}
    for name, value in values.items():
        parts = _parts(value)
        if isinstance(parts, dict):
            cells |= {_joined(name, part): cell for part, cell in parts.items()}
        else:
            cells[name] = parts
    return cells


def partly(name: str) -> str:
    """Return the name under which a row says of how many runs the value of a column is."""
    return f"{name}_partly"


def _joined(name: str, part: str) -> str:
    return name if part in {"mean", "median", "estimate", "evaluations"} else f"{name}_{part}"


_LATEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "±": r"$\pm$", "∞": r"$\infty$", "–": "--", "<": r"\textless{}", ">": r"\textgreater{}",
    **{character: f"\\{character}" for character in "%_&#${}"},
}  # fmt: skip


_LIGATURE = re.compile(r"(?<=[-?!'`,])(?=[-'`,])")
"""Place between two characters that fonts of TeX may join into one."""


def latex(text: str) -> str:
    """Return text that LaTeX prints as it stands; a sign before a number becomes a minus."""
    parts = ("".join(_LATEX.get(c, c) for c in part) for part in _LIGATURE.split(text))
    escaped = "{}".join(parts)
    return re.sub(r"(?<![\w.])([-+])(?=\d|\$\\infty)", r"$\1$", escaped)


_MARKUP = re.compile(r"(?<!\\)(\\*)(<(?=[a-zA-Z/!?])|&(?=#?\w+;)|(?<=\])(?=[(\[:]))")
"""Start of a tag, a character reference or a link target, with the preceding backslashes. They are
doubled, since an odd number of them would escape the added backslash."""
_END_OF_CELL = re.compile(r"(?<!\\)(\\*)\|")
_START_OF_CELL = re.compile(r"(^|[;|\t])(?=\s*(\S))")
_FORMULA = {"=", "+", "-", "@"}


def markdown(text: str) -> str:
    """Escape tags, character references and links for Markdown."""
    return _MARKUP.sub(r"\1\1\\\2", text)


def markdown_cell(text: str) -> str:
    """Escape text for a cell of a Markdown table, pipes included."""
    return _END_OF_CELL.sub(r"\1\1\\|", markdown(text))


def spreadsheet(cell: Any) -> Any:
    """Return a CSV cell in which a spreadsheet evaluates no text as a formula.

    Text that begins with ``=``, ``+``, ``-`` or ``@`` gets a leading apostrophe. So does text after
    ``;``, ``|`` and tab, at which some spreadsheets separate cells. Full-width forms of these
    characters count, since some spreadsheets read them as the plain ones. Numbers stay as they are.
    """
    return _START_OF_CELL.sub(_quoted, cell) if isinstance(cell, str) else cell


def _quoted(start: re.Match[str]) -> str:
    sign = unicodedata.normalize("NFKC", start[2])
    return f"{start[1]}'" if sign in _FORMULA else start[1]


def known_columns(columns: Sequence[Column], rows: Sequence[Values]) -> tuple[Column, ...]:
    """Return the columns in which a row has a value; the first one names the row and stays."""
    first, *others = columns
    known = (one for one in others if any(row[one.name] is not None for row in rows))
    return first, *known


def restricted(columns: Sequence[Column], only: Collection[str]) -> tuple[Column, ...]:
    """Return the first column, which names the row, and those of these names; all for no name."""
    first, *others = columns
    return first, *(one for one in others if not only or one.name in only)


def rows_of(columns: Sequence[Column], rows: Sequence[Values]) -> list[list[str]]:
    """Return a header and the rows that have a value, written for readers.

    The header announces a range only where a value has one.
    """
    written = ([column.text(row) for column in columns] for row in rows)
    shown = [cells for cells in written if any(cell != NONE for cell in cells[1:])]
    header = [_heading(column, [cells[i] for cells in shown]) for i, column in enumerate(columns)]
    return [header, *shown]


def _heading(column: Column, cells: Sequence[str]) -> str:
    ending = next((one for one in _RANGES if column.heading.endswith(one)), "")
    return column.heading if any("[" in c for c in cells) else column.heading.removesuffix(ending)
