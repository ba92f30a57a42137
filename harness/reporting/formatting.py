"""The table's columns: what each is called, what it means, and how its values are written."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.analysis.arm import Expected, Spread, Value, Values
from harness.analysis.stats import Interval

NONE = "–"
_LEAST_P = 0.001


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: its name in CSV and JSON, its heading for readers, how a value is written."""

    name: str
    heading: str
    write: Callable[[Any], str] = str

    def text(self, values: Values) -> str:
        """Write this column's value of a row, for readers."""
        value = values.get(self.name)
        if value is None:
            return NONE
        return value if isinstance(value, str) else self.write(value)


def plain(value: Value) -> Any:
    """Return a value as JSON has it."""
    return value if value is None or isinstance(value, str | int | float) else asdict(value)


def flat(values: Values) -> dict[str, Any]:
    """Return a row as CSV has it: what has parts is several columns, ``test_accuracy_low``."""
    cells: dict[str, Any] = {}
    for name, value in values.items():
        parts = plain(value)
        if isinstance(parts, dict):
            cells |= {_joined(name, part): cell for part, cell in parts.items()}
        else:
            cells[name] = parts
    return cells


def _joined(name: str, part: str) -> str:
    return name if part in {"mean", "median", "evaluations"} else f"{name}_{part}"


def number(digits: int, *, times: float = 1, sign: str = "") -> Callable[[Any], str]:
    """Return what writes a number, or a mean with its interval, with so many decimals."""

    def write(value: float | Interval | Spread) -> str:
        def one(number: float) -> str:
            written = f"{times * number:{sign}.{digits}f}"
            return written if float(written.replace(",", "")) else f"{0:.{digits}f}"

        if isinstance(value, Interval):
            return f"{one(value.mean)} [{one(value.low)}, {one(value.high)}]"
        if isinstance(value, Spread):
            if value.low is None or value.high is None:
                return one(value.median)
            return f"{one(value.median)} [{one(value.low)}, {one(value.high)}]"
        return one(value)

    return write


def _rounded(value: float) -> str:
    """Write a mean of counts: whole where it is, else with one decimal."""
    return f"{value:,.0f}" if float(value).is_integer() or value >= 100 else f"{value:,.1f}"  # noqa: PLR2004 - digits that nobody reads


def _expected(value: Expected) -> str:
    evaluations = NONE if value.evaluations is None else f"{value.evaluations:.0f}"
    return f"{evaluations} ({value.reached}/{value.of})"


def _p(value: float) -> str:
    return f"< {_LEAST_P}" if value < _LEAST_P else f"{value:.3f}"


_percent = number(2, times=100)
ARM = Column(name="arm", heading="arm")
FOUND = (
    ARM,
    Column(name="seeds", heading="seeds"),
    Column(name="best_validation", heading="best val. acc. %", write=_percent),
    Column(name="pick_in_search", heading="pick: val. acc. %, in search", write=_percent),
    Column(name="pick_retrained", heading="pick: val. acc. %, re-trained", write=_percent),
    Column(name="test_score", heading="pick: test acc. % [95 % CI]", write=_percent),
    Column(name="parameters", heading="pick: parameters", write="{:,.0f}".format),
    Column(name="hypervolume", heading="hypervolume [quartiles]", write=number(3)),
    Column(name="anytime", heading="anytime hypervolume", write=number(3)),
    Column(name="to_target", heading="evaluations to half size", write=_expected),
)
TOOK = (
    ARM,
    Column(name="llm", heading="LLM"),
    Column(name="proposals", heading="proposals", write=_rounded),
    Column(name="valid", heading="valid %", write=number(0, times=100)),
    Column(name="refused", heading="the rest: %, gate"),
    Column(name="evaluations", heading="evaluations", write=_rounded),
    Column(name="calls", heading="LLM calls", write=_rounded),
    Column(name="prompt_tokens", heading="tokens in", write=_rounded),
    Column(name="completion_tokens", heading="tokens out", write=_rounded),
    Column(name="cost", heading="cost", write="{:.4g}".format),
    Column(name="train_s", heading="training s", write="{:,.0f}".format),
)
TIME_COLUMNS = ("train_s",)
"""What differs between two runs of the same."""
_DIFFERENCES: Mapping[str, Callable[[Any], str]] = {
    "hypervolume": number(3, sign="+"),
    "anytime": number(3, sign="+"),
    "test_score": number(2, times=100, sign="+"),
}
MEASURED = {
    "hypervolume": "hypervolume",
    "anytime": "anytime hypervolume",
    "test_score": "test accuracy of the pick, in points",
}
"""What each measure that arms are compared by is called."""


def compared_by(measure: str) -> tuple[Column, ...]:
    """Return the columns of a comparison with one arm, by one measure."""
    return (
        ARM,
        Column(name="pairs", heading="seeds in common"),
        Column(name="difference", heading="difference [95 % CI]", write=_DIFFERENCES[measure]),
        Column(name="superiority", heading="ahead at % of seeds", write=number(0, times=100)),
        Column(name="p", heading="p (Holm)", write=_p),
    )


_LATEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "±": r"$\pm$", "–": "--", "<": r"\textless{}", ">": r"\textgreater{}",
    **{character: f"\\{character}" for character in "%_&#${}"},
}  # fmt: skip


def latex(text: str) -> str:
    """Return text that LaTeX prints as it stands; a sign before a number becomes a minus."""
    escaped = "".join(_LATEX.get(character, character) for character in text)
    return re.sub(r"(?<![\w.])([-+])(?=\d)", r"$\1$", escaped)


def rows_of(columns: Sequence[Column], rows: Sequence[Values]) -> list[list[str]]:
    """Return a header and the rows, written for readers."""
    return [[c.heading for c in columns], *([c.text(row) for c in columns] for row in rows)]
