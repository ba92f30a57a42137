"""The tables of a comparison: results, differences from the reference arm, cost."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial

from harness.analysis.arm import Arm
from harness.analysis.comparison import Comparison, seeds_text
from harness.analysis.effort.budgets import limits_of
from harness.analysis.effort.spent import EFFORTS
from harness.analysis.measures import size_changes
from harness.analysis.metric import COST, RESULTS, SEARCH, Metric
from harness.analysis.metrics import METRICS, comparison_metric, metrics_of
from harness.analysis.run_result import RunResult
from harness.analysis.search_metrics import EFFORT_METRICS
from harness.reporting import footnotes
from harness.reporting.difference_tables import differences_table, standing_of
from harness.reporting.formatting import (
    ARM,
    Column,
    Values,
    column_of,
    known_columns,
    partly,
    restricted,
)
from harness.reporting.notes.declarations import on_declarations
from harness.reporting.notes.digests import on_digests
from harness.reporting.notes.headline import has_one_seed, parameters_saved
from harness.reporting.notes.note import Note, notes_on
from harness.reporting.notes.partly_known import on_partly_known
from harness.reporting.notes.provenance import on_answers, on_code, on_machines, provenance
from harness.reporting.tables import Document, Table

SEED_NETWORK = "seed network"
_SEEDS = Column(name="seeds", heading="seeds")
_LLM = Column(name="llm", heading="LLM")
_REFUSED = Column(name="refused", heading="the rest: %, gate")
_NO_VALUE = "no completed run has a value"
_SIZES = Column(name=footnotes.SIZE_CHANGES, heading="smaller / same / larger %")


def describe_comparison(
    comparison: Comparison,
    *,
    measure: str | None = None,
    columns: Collection[str] = (),
    arms: Collection[str] = (),
) -> Document:
    """Return the tables of a comparison, with footnotes.

    Args:
        comparison: Runs that may be compared.
        measure: Name of the metric by which arms are compared with the reference; by default the
            primary measure. Any other is labelled exploratory.
        columns: Names of the columns to which tables and notes are restricted, by default all.
        arms: Names of the arms to which the headline is restricted, by default all.
    """
    chosen = measure_of(comparison, measure)
    apart = [f"not comparable with the first table: {setting}" for setting in comparison.apart]
    reference = comparison.reference
    return Document(
        title=comparison.title + (f": {footnotes.ONE_SEED}" if has_one_seed(comparison) else ""),
        headings=tuple(
            dict.fromkeys(
                [*map(Note, [*apart, *_effort(comparison)]), *map(on_answers, comparison.arms)]
            )
        ),
        tables=(
            _results(comparison, columns),
            _search(comparison, columns),
            differences_table(comparison, chosen, only=columns),
            _cost(comparison, columns),
        ),
        headline=parameters_saved(comparison, arms),
        notes=(
            *_missing_runs(comparison),
            *_left_out(comparison),
            *_repeated(comparison.arms),
            *map(Note, on_declarations(comparison)),
            *on_digests(comparison.arms),
            *map(Note, footnotes.on_score_only(comparison, chosen)),
            *footnotes.on_cut(comparison),
            *footnotes.on_events(comparison.arms),
            *on_machines(comparison.arms),
            *map(Note, on_code(comparison.arms)),
            Note(provenance({arm.name: arm.runs for arm in comparison.arms})),
        ),
        reference=reference.name if reference else None,
        measure=chosen.name,
        standing=standing_of([comparison], chosen)[0],
    )


def measure_of(comparison: Comparison, name: str | None) -> Metric:
    """Return the metric by which arms are compared, see ``comparison_metric``."""
    compared = (comparison.reference, *comparison.others)
    runs = [run for arm in compared if arm is not None for run in arm.finished]
    return comparison_metric(name, comparison.primary, runs, comparison.wording)


def _effort(comparison: Comparison) -> Iterator[str]:
    """Yield in which effort arms differ, or at which they are compared."""
    cut = comparison.cut
    if (differing := comparison.differing_budgets) is not None:
        yield differing
        if cut is None:
            yield (
                "Runs are compared as they ended; --equal evaluations, seconds or cost compares "
                "them at equal effort."
            )
    if cut is None:
        return
    names = ", ".join(arm.name for arm in comparison.shortened) or "none"
    yield (
        f"At equal {EFFORTS[cut.by]}: each run is cut at {cut.amount:,.6g}; all reached that, or "
        f"had nothing left to propose before. Cut: {names}."
    )
    price = comparison.runs[0].training_price
    if cut.by == "cost" and price is not None:
        yield f"Price of an hour of training: {price:g}."


def _results(comparison: Comparison, only: Collection[str]) -> Table:
    rows = [
        {
            "arm": row["arm"],
            "seeds": f"{complete}/{planned}",
            "runs_complete": complete,
            "runs_planned": planned,
            **row,
        }
        for (complete, planned), row in zip(
            _seeds(comparison), _rows(RESULTS, comparison), strict=True
        )
    ]
    columns = [ARM, _SEEDS, *_columns(RESULTS, comparison)]
    title = "Results, re-trained on fresh seeds"
    notes = partial(footnotes.on_results, comparison.runs)
    why = "no arm has a value in each of its cut runs" if comparison.shortened else _NO_VALUE
    return _table(RESULTS, title, restricted(columns, only), rows, notes, why=why)


def _search(comparison: Comparison, only: Collection[str]) -> Table:
    columns = [ARM, *_columns(SEARCH, comparison)]
    rows, notes = list(_rows(SEARCH, comparison)), partial(footnotes.on_search, comparison.runs)
    return _table(SEARCH, "Search, luck included", restricted(columns, only), rows, notes)


def _table(
    name: str,
    title: str,
    columns: Sequence[Column],
    rows: Sequence[Values],
    notes: Callable[[Collection[Column]], Iterator[str]],
    *,
    why: str = _NO_VALUE,
) -> Table:
    """Return a table without the columns that have no value, named in a note.

    Args:
        name: Its key in JSON.
        title: Its title.
        columns: All of its columns.
        rows: Its rows.
        notes: From the columns that it shows to their footnotes.
        why: Why it leaves out the others.
    """
    shown = known_columns(columns, rows)
    return Table(
        name=name,
        shows=title,
        columns=shown,
        rows=tuple(rows),
        notes=(
            *notes(shown),
            *on_partly_known(shown, rows),
            *footnotes.on_left_out(columns, shown, why=why),
        ),
    )


def _columns(table: str, comparison: Comparison) -> Iterator[Column]:
    for one in metrics_of(table):
        yield column_of(one, comparison.wording)


def _rows(table: str, comparison: Comparison) -> Iterator[Values]:
    """Yield the values of the seed network, then of each arm."""
    metrics = metrics_of(table)
    by_seed = _runs_by_seed(comparison.runs)
    label = {"arm": SEED_NETWORK, "row": SEED_NETWORK}
    yield {**label, **{one.name: one.over_seed_networks(by_seed) for one in metrics}}
    for arm in comparison.arms:
        yield {"arm": arm.name, **_over(arm.finished, metrics)}


def _seeds(comparison: Comparison) -> Iterator[tuple[int, int]]:
    by_seed = _runs_by_seed(comparison.runs)
    yield sum(run.complete for run in by_seed), len(by_seed)
    for arm in comparison.arms:
        yield len(arm.finished), arm.planned


def _runs_by_seed(runs: Sequence[RunResult]) -> list[RunResult]:
    """Return one run for each seed, whose seed networks differ by the noise of training alone."""
    blind = [run for run in runs if not run.saw_test_data] or runs
    return list({run.seed: run for run in sorted(blind, key=lambda run: run.complete)}.values())


def _cost_metrics(comparison: Comparison) -> list[Metric]:
    """Return the metrics of cost, and those of effort unless all budgets are equal evaluations."""
    cut, runs = comparison.cut, comparison.runs
    # The seconds of all trainings are those of the whole run.
    shown = [one for one in metrics_of(COST) if cut is None or one is not METRICS["train_s"]]
    limited = any({"seconds", "cost"} & limits_of(run).keys() for run in runs)
    if cut is None and not limited and comparison.differing_budgets is None:
        return shown
    shown.append(METRICS["search_s"])
    if any(run.training_price is not None for run in runs):
        shown.append(METRICS["search_cost"])
    return shown


def _cost(comparison: Comparison, only: Collection[str]) -> Table:
    metrics = _cost_metrics(comparison)
    columns = [ARM, _LLM, *(column_of(one, comparison.wording) for one in metrics)]
    after_valid = 1 + [column.name for column in columns].index("valid")
    columns[after_valid:after_valid] = [_REFUSED, _SIZES]
    known = [*metrics, *(one for one in EFFORT_METRICS if one not in metrics)]
    rows = [
        row for arm in comparison.arms for row in (_cost_row(arm, known), *_rows_by_llm(arm, known))
    ]
    notes = partial(footnotes.on_cost, comparison.arms, metrics)
    return _table(COST, "Cost per completed run", restricted(columns, only), rows, notes)


def _cost_row(arm: Arm, metrics: Sequence[Metric]) -> Values:
    runs = arm.finished
    return {
        "arm": arm.name,
        "llm": _models(runs),
        "refused": _refusals(runs),
        **_size_changes(runs),
        **_over(runs, metrics),
    }


def _rows_by_llm(arm: Arm, metrics: Sequence[Metric]) -> Iterator[Values]:
    """Yield a row for each LLM of an ensemble; a proposal counts for the LLM asked last."""
    asked = sorted({call.asked for run in arm.finished for call in run.calls.values()})
    for model in asked if len(asked) > 1 else ():
        runs = [_asking(run, model) for run in arm.finished]
        yield {
            "arm": f"{arm.name}, asking {model}",
            "of_arm": arm.name,
            "row": "llm",
            "llm": _models(runs),
            "refused": None,
            "size_changes": None,
            **_over(runs, [one for one in metrics if one.by_llm]),
            **{one.name: None for one in metrics if not one.by_llm},
        }


def _asking(run: RunResult, model: str) -> RunResult:
    """Return a run with the calls of one LLM, and the proposals for which it was asked last."""
    last = [
        candidate
        for candidate in run.candidates
        if (steps := [step for v in candidate.variations for step in v.calls])
        and run.calls[steps[-1]].asked == model
    ]
    calls = {step: call for step, call in run.calls.items() if call.asked == model}
    return replace(run, candidates=tuple(last), calls=calls)


def _over(runs: Sequence[RunResult], metrics: Sequence[Metric]) -> Values:
    found = {one.name: one.over_counted(runs) for one in metrics}
    return {name: value for name, (value, _) in found.items()} | {
        partly(name): f"of {n} of {len(runs)} runs"
        for name, (value, n) in found.items()
        if value is not None and n < len(runs)
    }


def _models(runs: Sequence[RunResult]) -> str | None:
    return ", ".join(sorted({model for run in runs for model in run.models.values()})) or None


def _refusals(runs: Sequence[RunResult]) -> str | None:
    """Return the share of all proposals that each gate refused, the largest first."""
    if not runs:
        return None
    n = sum(len(run.candidates) for run in runs)
    refused = sum((run.gates for run in runs), Counter[str]()) - Counter(
        fidelity=sum(run.outpaced for run in runs)
    )
    shares = {gate: 100 * count / n for gate, count in refused.most_common()}
    texts = (
        f"{share:.0f} {gate}" if share >= 1 else f"< 1 {gate}" for gate, share in shares.items()
    )
    return ", ".join(texts) or "none"


def _size_changes(runs: Sequence[RunResult]) -> Values:
    """Return the shares of evaluated children that shrink, keep and grow their first parent."""
    counts = size_changes(runs)
    if not any(counts):
        return {"size_changes": None}
    shares = [count / sum(counts) for count in counts]
    return {
        "size_changes": " / ".join(f"{100 * share:.0f}" for share in shares),
        **dict(zip(("smaller", "same_size", "larger"), shares, strict=True)),
    }


def _missing_runs(comparison: Comparison) -> Iterator[Note]:
    every = {run.seed for run in comparison.runs}
    for arm in comparison.arms:
        if missing := every - {run.seed for run in arm.runs}:
            yield from notes_on(arm.name, [f"no run at {seeds_text(sorted(missing))}."])


def _repeated(arms: Sequence[Arm]) -> Iterator[Note]:
    """Yield which runs do not count, since their arm ran at the same seed before."""
    for arm in arms:
        for run in arm.repeats:
            text = f"seed {run.seed} ran again; the first complete run counts, not {run.folder}."
            yield from notes_on(arm.name, [text])


def _left_out(comparison: Comparison) -> Iterator[Note]:
    for arm in comparison.incomplete:
        why = "; ".join(dict.fromkeys(footnotes.how_it_goes_on(run) for run in arm.runs))
        text = f"not in the tables, since none of its runs is complete; {why}."
        yield from notes_on(arm.name, [text])
