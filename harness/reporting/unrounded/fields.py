"""The fields that each table of a comparison has in CSV and JSON, whatever the runs hold."""

from collections.abc import Iterator, Mapping

from harness.analysis.aggregation import parts_of
from harness.analysis.metric import COST, RESULTS, SEARCH, SHARE, Metric
from harness.analysis.metrics import METRICS, metrics_of
from harness.reporting.formatting import fill
from harness.reporting.unrounded.column import Field
from harness.tasks.base import wording_of

SCHEMA = 2
"""Version of the fields; one that is renamed, dropped or of another type makes a new one."""
COMPARED, ACROSS = "compared", "across"
_WORDS = wording_of("image_classification")
_PARTS = {
    "low": "lower end of the interval or lower quartile",
    "high": "upper end or quartile",
    "reached": "runs that got there",
    "of": "all complete runs",
}


def _of_metric(metric: Metric) -> Iterator[Field]:
    unit, name = metric.unit, metric.name
    yield Field(name=name, type=float, meaning=fill(metric.phrase, _WORDS), unit=unit)
    for part in parts_of(metric.aggregate):
        counts = part in {"reached", "of"}
        yield Field(
            name=f"{name}_{part}", type=int if counts else float, meaning=_PARTS[part],
            unit="" if counts else unit,
        )  # fmt: skip


def _of_table(table: str) -> list[Field]:
    return [field for metric in metrics_of(table) for field in _of_metric(metric)]


def _ranged(name: str, meaning: str, unit: str = "") -> list[Field]:
    ends = [
        Field(name=f"{name}_{part}", type=float, meaning=_PARTS[part], unit=unit)
        for part in ("low", "high")
    ]
    return [Field(name=name, type=float, meaning=meaning, unit=unit), *ends]


ROW = (
    Field(name="arm", type=str, meaning="what the row is about"),
    Field(
        name="row", type=str,
        meaning="`arm`, `seed network`, `llm` (one LLM of an arm that asks several) or "
        "`known pairs` (a difference without missing values)",
    ),
)  # fmt: skip
"""Fields that begin every row."""
REASONS = Field(
    name="reasons", type=str,
    meaning="why numbers are missing, as `cost: unknown`, infinite, or of some runs alone, as "
    "`saved: of 1 of 2 runs`; separated by `; `",
)  # fmt: skip
"""Field that ends every row."""
_UNIT = "unit of the measure"
FIELDS: Mapping[str, tuple[Field, ...]] = {
    RESULTS: (
        Field(name="runs_complete", type=int, meaning="complete runs, which alone count"),
        Field(name="runs_planned", type=int, meaning="seeds of the comparison"),
        *_of_table(RESULTS),
    ),
    SEARCH: tuple(_of_table(SEARCH)),
    COMPARED: (
        Field(name="pairs", type=int, meaning="seeds that the arm and the reference completed"),
        *_ranged("difference", "Hodges-Lehmann estimate of arm less reference", _UNIT),
        *_ranged("mean_difference", "mean difference", _UNIT),
        *_ranged("superiority", "seeds at which the arm is ahead, ties half", SHARE),
        Field(name="p_alone", type=float, meaning="p of this comparison alone"),
        Field(name="p", type=float, meaning="p adjusted for all arms (Holm)"),
        Field(
            name="detectable_sd", type=float, meaning="difference found with 80 % probability",
            unit="standard deviations",
        ),
        Field(name="detectable", type=float, meaning="the same", unit=_UNIT),
        Field(name="verdict", type=str, meaning="the verdict"),
    ),
    COST: (
        Field(name="llm", type=str, meaning="LLMs that answered"),
        *_of_table(COST),
        *_of_metric(METRICS["search_s"]),
        *_of_metric(METRICS["search_cost"]),
        Field(name="refused", type=str, meaning="% of all proposals that each gate refused"),
        *(
            Field(
                name=name, type=float, meaning=f"evaluated children {what} their first parent",
                unit=SHARE,
            )
            for name, what in (
                ("smaller", "smaller than"), ("same_size", "as large as"),
                ("larger", "larger than"),
            )
        ),
    ),
    ACROSS: (
        *_ranged("iqm", "interquartile mean of all runs of all tasks", _UNIT),
        Field(name="failed", type=int, meaning="runs that fail by the measure"),
        Field(name="failed_of", type=int, meaning="runs of all tasks"),
        *_ranged("improvement", "runs that beat the reference", SHARE),
        *(
            Field(
                name=name, type=float, meaning=f"probability of {what}", unit=SHARE
            )
            for name, what in (
                ("worse", "being worse"), ("equal", "no relevant difference"),
                ("better", "being better"),
            )
        ),
    ),
}  # fmt: skip
"""Fields of each table between those of ``ROW`` and ``REASONS``, by its name."""
DOCUMENT = (
    Field(name="schema", type=int, meaning="version of these columns"),
    Field(name="comparison", type=str, meaning="data, evaluations and seeds"),
    Field(name="reference", type=str, meaning="arm that the others are compared with"),
    Field(name="measure", type=str, meaning="metric by which they are compared"),
    Field(
        name="standing", type=str,
        meaning="`primary`: the runs are configured with this comparison, or `exploratory`",
    ),
)  # fmt: skip
"""Columns of CSV before those of the row; JSON has them once, `comparison` as `title`."""
CSV_FIELDS = (*DOCUMENT, *ROW, *(field for fields in FIELDS.values() for field in fields), REASONS)
"""Columns of CSV, a row for each arm with the values of all tables."""
