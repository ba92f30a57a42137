"""The table of arms over several tasks, with footnotes."""

from collections.abc import Iterator, Sequence

from harness.analysis.across_tasks import Aggregate, aggregates, left_out, region_of, tasks_of
from harness.analysis.comparison import Comparison
from harness.analysis.measures import learnt_nothing
from harness.analysis.metric import Metric
from harness.analysis.metrics import comparison_metric
from harness.reporting.difference_tables import data_of, standing_of
from harness.reporting.footnotes import on_left_out, on_score_only
from harness.reporting.formatting import (
    ARM,
    Column,
    NumberFormat,
    Values,
    fill,
    format_of,
    known_columns,
)
from harness.reporting.notes.note import Note
from harness.reporting.tables import Document, Table


def describe_tasks(found: Sequence[Comparison], *, measure: str | None = None) -> Document | None:
    """Return the arms over several tasks, None where there is one task.

    Args:
        found: Comparisons; those with the same data count once, the first.
        measure: Name of the metric; by default the primary measure of the first. Labelled
            exploratory unless it is the primary measure of every task.
    """
    every = tasks_of(found)
    if not every:
        return None
    able = [task for task in every if not _learnt_nothing(task)]
    tasks = able if len(able) > 1 else every
    runs = [run for task in tasks for arm in task.arms for run in arm.finished]
    metric = comparison_metric(measure, tasks[0].primary, runs, tasks[0].wording)
    rows = aggregates(tasks, metric) if tasks is able else []
    assert tasks[0].reference is not None
    reference = tasks[0].reference.name
    notes = [*_on_chance(every), *_on_selection(tasks, found), *on_score_only(tasks[0], metric)]
    return Document(
        title=f"{len(tasks)} tasks: {', '.join(map(data_of, tasks))}",
        headings=(),
        tables=(_table(rows, tasks, metric, reference),) if rows else (),
        headline=f"All arms with two completed runs or more in each of {len(tasks)} tasks."
        if rows
        else "No table over these tasks, for the reasons below.",
        notes=tuple(map(Note, notes)),
        reference=reference,
        measure=metric.name,
        standing=standing_of(tasks, metric)[0],
    )


def _table(
    found: Sequence[Aggregate], tasks: Sequence[Comparison], metric: Metric, reference: str
) -> Table:
    columns = _columns_of_tasks(metric, tasks[0], reference)
    rows = tuple(map(_row_of_tasks, found))
    shown = known_columns(columns, rows)
    standing, why = standing_of(tasks, metric)
    return Table(
        name="across",
        shows=f"Over {len(tasks)} tasks, {standing}: {fill(metric.phrase, tasks[0].wording)}",
        columns=shown,
        rows=rows,
        notes=(
            why,
            *_notes_of_tasks(tasks, metric),
            *on_left_out(columns, shown, why=_why_no_posterior(tasks, metric)),
        ),
    )


def _learnt_nothing(task: Comparison) -> bool:
    """Whether the seed network of a task is at chance in every run that ended."""
    return all(learnt_nothing(run) for arm in task.arms for run in arm.finished)


def _on_chance(tasks: Sequence[Comparison]) -> Iterator[str]:
    """Yield which tasks say nothing of any arm."""
    if names := [data_of(task) for task in tasks if _learnt_nothing(task)]:
        yield (
            f"Tasks left out, since the seed network is at chance in each of their runs: "
            f"{', '.join(names)}."
        )


def _on_selection(tasks: Sequence[Comparison], found: Sequence[Comparison]) -> Iterator[str]:
    """Yield which arms and which comparisons the table leaves out."""
    if reasons := "; ".join(left_out(tasks)):
        yield f"Arms left out: {reasons}."
    data = {task.runs[0].manifest.data.digest: data_of(task) for task in tasks}
    for digest, name in data.items():
        n = sum(one.runs[0].manifest.data.digest == digest for one in found)
        if n > 1:
            yield f"{name}: the first of {n} comparisons that are not comparable with each other."


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
        Column(name="failures", heading="failed runs"),
        Column(
            name="improvement", heading=f"beats {reference}: % of runs [95 % CI]", write=share.text
        ),
        Column(name="worse", heading="worse: probability %", write=share.text),
        Column(name="equal", heading="no relevant difference: probability %", write=share.text),
        Column(name="better", heading="better: probability %", write=share.text),
    )


def _row_of_tasks(one: Aggregate) -> Values:
    against = one.against
    posterior = against.posterior if against else None
    return {
        "arm": one.arm,
        "iqm": one.iqm,
        "failures": f"{one.failed}/{one.runs}",
        "failed": one.failed,
        "failed_of": one.runs,
        "improvement": against.improvement if against else None,
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
    yield (
        f"Failed runs: without a value, or with a failed re-training behind it"
        f"{', or with 0' if metric.neither else ''}. The interquartile mean cuts off failures that "
        f"are rarer than one run in four, and a median of differences, of which the probabilities "
        f"are, does not see rare ones either. An arm that is as good but fails more often may thus "
        f"appear equal; compare the counts."
    )
    region = region_of(tasks, metric)
    if region is not None:
        yield (
            f"Probabilities: Bayesian signed-rank test of one difference for each task, that of "
            f"its own table, with {_within(region, metric, tasks[0])} as the region of practical "
            f"equivalence (Benavoli 2017). These are no error rates: with three tasks and no "
            f"region, 23 % of comparisons of equal arms give 95 % or more to one of them."
        )


def _why_no_posterior(tasks: Sequence[Comparison], metric: Metric) -> str:
    if region_of(tasks, metric) is not None:
        return (
            "no arm has on every task a seed in common with the reference at which one of the two "
            "has a value"
        )
    regions = ", ".join(
        f"{_within(task.relevant(metric) or 0.0, metric, task)} on {data_of(task)}"
        for task in tasks
    )
    return (
        f"the least difference that matters (final.relevant) is not the same on every task "
        f"({regions})"
    )


def _within(region: float, metric: Metric, task: Comparison) -> str:
    notation = format_of(metric, task.wording)
    return f"± {notation.text(region)} {notation.points}".strip() if region else "± 0"
