"""The table of arms over several tasks, with footnotes."""

from collections.abc import Iterator, Sequence

from harness.analysis.across_tasks import Aggregate, aggregates, tasks_of
from harness.analysis.comparison import Comparison
from harness.analysis.metric import Metric
from harness.analysis.metrics import comparable_metric
from harness.reporting.formatting import ARM, Column, NumberFormat, Values, fill, format_of
from harness.reporting.tables import Document, Table


def describe_tasks(found: Sequence[Comparison], *, measure: str | None = None) -> Document | None:
    """Return the arms over several tasks, None where there is one task or no arm is in all.

    Args:
        found: Comparisons; those with the same data count once, the first.
        measure: Name of the metric; by default the primary measure of the first.
    """
    tasks = tasks_of(found)
    if not tasks:
        return None
    metric = comparable_metric(measure or tasks[0].primary, tasks[0].wording)
    rows = aggregates(tasks, metric)
    if not rows:
        return None
    reference = rows[0].arm
    names = ", ".join(task.runs[0].manifest.data.name for task in tasks)
    return Document(
        title=f"{len(tasks)} tasks: {names}",
        headings=(),
        tables=(
            Table(
                name="across",
                title=f"Over {len(tasks)} tasks: {fill(metric.phrase, tasks[0].wording)}",
                columns=_columns_of_tasks(metric, tasks[0], reference),
                rows=tuple(map(_row_of_tasks, rows)),
                notes=tuple(_notes_of_tasks(tasks, metric)),
            ),
        ),
        headline=f"All arms with two completed runs or more in each of {len(tasks)} tasks.",
        notes=(),
        reference=reference,
    )


def _columns_of_tasks(metric: Metric, task: Comparison, reference: str) -> tuple[Column, ...]:
    notation = format_of(metric, task.wording)
    share = NumberFormat(spec=".0f", times=100)
    return (
        ARM,
        Column(
            name="iqm",
            heading=f"interquartile mean{f', {notation.unit}' if notation.unit else ''} [95 % CI]",
            write=notation.text,
        ),
        Column(
            name="improvement", heading=f"beats {reference}: % of runs [95 % CI]", write=share.text
        ),
        Column(name="worse", heading="worse: probability %", write=share.text),
        Column(name="equal", heading="no relevant difference: probability %", write=share.text),
        Column(name="better", heading="better: probability %", write=share.text),
    )


def _row_of_tasks(one: Aggregate) -> Values:
    posterior = one.posterior
    return {
        "arm": one.arm,
        "iqm": one.iqm,
        "improvement": one.improvement,
        "worse": posterior.worse if posterior else None,
        "equal": posterior.equal if posterior else None,
        "better": posterior.better if posterior else None,
    }


def _notes_of_tasks(tasks: Sequence[Comparison], metric: Metric) -> Iterator[str]:
    yield (
        "Interquartile mean: of all runs of all tasks, a quarter cut off at either end. Beats: "
        "chance that a run of the arm is better than one of the reference on the same task, ties "
        "half, averaged over tasks (Agarwal 2021). Intervals resample runs within tasks; they are "
        "for these tasks, and too narrow with few runs. A run without a value counts as the worst."
    )
    notation, margin = format_of(metric, tasks[0].wording), tasks[0].relevant(metric)
    within = f"± {notation.text(margin)} {notation.points}".strip() if margin else "± 0"
    yield (
        f"Probabilities: Bayesian signed-rank test of one difference for each task, that of its "
        f"own table, with {within} as the region of practical equivalence (Benavoli 2017). These "
        f"are no error rates: with three tasks and no region, 23 % of comparisons of equal arms "
        f"give 95 % or more to one of them."
    )
