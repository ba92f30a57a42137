"""Footnotes of the tables: definitions, notable events of runs, provenance."""

from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Sequence
from itertools import pairwise

from harness.analysis.arm import Arm
from harness.analysis.comparison import Comparison, seeds_text
from harness.analysis.effort.budgets import limit_text, limits_of
from harness.analysis.measures import (
    learnt_nothing,
    retraining_noise,
    selection_noise,
)
from harness.analysis.metric import RESULTS, SEARCH, Metric
from harness.analysis.metrics import metrics_of
from harness.analysis.run_result import RunResult
from harness.evolution.schedule import is_steady
from harness.record.code.digests import differing_files, some_of
from harness.reporting.formatting import Column, fill
from harness.reporting.notes.answers import on_answers_of
from harness.reporting.notes.facts import facts_of
from harness.reporting.notes.limits import on_margin, on_tolerance
from harness.reporting.notes.note import Note, notes_on
from harness.reporting.notes.refused_calls import on_refused_calls
from harness.text import counted

ONE_SEED = "one seed, a demonstration that supports no conclusion"
"""Part of the title, so that the caption of every table in LaTeX has it."""
SIZE_CHANGES = "size_changes"
"""Name of the column of cost whose definition is no metric's."""
_BY_MACHINE = ("train_s", "seconds", "cost")
"""Limits that the speed of the machine decides."""


def on_results(runs: Sequence[RunResult], columns: Collection[Column]) -> Iterator[str]:
    """Yield the definitions of these columns of results."""
    yield (
        "seeds: completed runs out of all seeds in this table. Only completed runs count; a failed "
        "training counts as a failure, never as a score."
    )
    yield from _notes_of(metrics_of(RESULTS), runs, columns)
    if not all(map(learnt_nothing, runs)) and (measured := retraining_noise(runs)) is not None:
        yield on_margin(runs[0], measured, retraining_noise(runs, seed_alone=True))


def on_search(runs: Sequence[RunResult], columns: Collection[Column]) -> Iterator[str]:
    """Yield the definitions of these columns of the search."""
    yield "Scores of the search are of one training each; the best of several is lucky."
    yield from _notes_of(metrics_of(SEARCH), runs, columns)
    if not all(map(learnt_nothing, runs)) and (measured := selection_noise(runs)) is not None:
        yield on_tolerance(runs[0], measured, selection_noise(runs, seed_alone=True))


def on_cost(
    arms: Sequence[Arm], metrics: Sequence[Metric], columns: Collection[Column]
) -> Iterator[str]:
    """Yield the definitions of these columns of cost, and the budgets.

    Args:
        arms: The arms of the table.
        metrics: Its metrics.
        columns: The columns that it shows.
    """
    runs = [run for arm in arms for run in arm.runs]
    yield "Means over completed runs."
    if any(column.name == SIZE_CHANGES for column in columns):
        yield (
            "smaller / same / larger %: evaluated children by their number of parameters, compared "
            "with their first parent."
        )
    yield from _notes_of(metrics, runs, columns)
    budgets: dict[str, list[str]] = {}
    for arm in arms:
        budgets.setdefault(_limits(arm.runs[0]), []).append(arm.name)
    for limits, names in budgets.items():
        of = f" of {', '.join(names)}" if len(budgets) > 1 else ""
        yield f"Budget of each run{of}: {limits}."


def _limits(run: RunResult) -> str:
    return ", ".join(f"at most {limit_text(*limit)}" for limit in limits_of(run).items())


def on_cut(comparison: Comparison) -> Iterator[Note]:
    """Yield what runs cut to equal effort show, and what they cannot."""
    yield from map(Note, _on_cut_runs(comparison))
    for arm in comparison.shortened:
        yield from notes_on(arm.name, _on_cut_arm(arm))


def _on_cut_runs(comparison: Comparison) -> Iterator[str]:
    cut = comparison.cut
    if cut is None:
        return
    yield (
        "Cut: a run consists of the proposals that fit into the amount. Numbers of its search and "
        "cost are of these alone. Neither the training of the seed network nor what came after the "
        "search is counted."
    )
    if cut.by != "evaluations":
        yield (
            "Durations are of the machines and models on record, added up as if one training or "
            "answer followed the other. Requests whose process died have none, and count as 0."
        )
    if comparison.shortened:
        yield (
            "Only networks that stood at the end of a whole run were re-trained. An arm has a "
            "number of re-trained networks only where each of its runs has one at the cut; a "
            "network that was not selected at the end was re-trained once."
        )


def _on_cut_arm(arm: Arm) -> Iterator[str]:
    """Yield on how many re-trainings the selected networks of an arm's cut runs rest."""
    runs = [run for run in arm.finished if run.shortened]
    times = Counter(run.plans_retrainings(run.selected) if run.selected else 0 for run in runs)
    if lacking := times.pop(0, 0):
        yield (f"{lacking} of {len(runs)} cut runs selected a network that was not re-trained.")
    if runs and (once := times[1]) and (seeds := runs[0].manifest.settings["final"]["seeds"]) > 1:
        yield (
            f"{once} of {len(runs)} cut runs selected a network that was re-trained once, not "
            f"{counted(seeds, 'time')}. What they save rests on that one score, which is noisier "
            f"than the chances given for the margin."
        )


def on_score_only(comparison: Comparison, measure: Metric) -> Iterator[str]:
    """Yield which arms are not compared by a measure since they select by score alone."""
    compared = comparison.compared_by(measure)
    names = [arm.name for arm in comparison.others if arm not in compared]
    if names:
        wording = comparison.wording
        yield (
            f"Not compared by {fill(measure.phrase, wording)}, which counts sizes: "
            f"{', '.join(names)}. An arm that selects by {wording.score} alone is compared by it "
            f"(--measure test_score), and so is any arm with such a reference."
        )


def on_left_out(
    columns: Collection[Column], shown: Collection[Column], *, why: str
) -> Iterator[str]:
    """Yield a note on the columns that a table leaves out, none where it shows all.

    Args:
        columns: All columns.
        shown: Those that it shows.
        why: Why it leaves out the others.
    """
    if left_out := [column.heading for column in columns if column not in shown]:
        yield f"Left out, since {why}: {'; '.join(left_out)}."


def _notes_of(
    metrics: Sequence[Metric], runs: Sequence[RunResult], columns: Collection[Column]
) -> Iterator[str]:
    facts, names = facts_of(runs), {column.name for column in columns}
    for metric in metrics:
        if metric.note and metric.name in names:
            yield fill(metric.note, runs[0].wording, **facts)


def on_events(arms: Sequence[Arm]) -> list[Note]:
    """Return the notable events of whole runs; runs of an arm that share a note share a line."""
    named = [(arm.name, run.whole) for arm in arms for run in arm.runs]
    seeds: dict[tuple[str, str], list[int]] = {}
    for arm, run in named:
        for text in _events(run):
            seeds.setdefault((arm, text), []).append(run.seed)
    of_arms = [
        Note(f"{arm}, {seeds_text(its_seeds)}: {text}", arm)
        for (arm, text), its_seeds in seeds.items()
    ]
    shared = [*_equal_searches(named), *_events_of_all([run for _, run in named])]
    return [*of_arms, *map(Note, shared)]


def _events_of_all(runs: Sequence[RunResult]) -> Iterator[str]:
    for limit in _BY_MACHINE:
        if any(limit in limits_of(run) for run in runs):
            yield f"budget.{limit} was set: the end of an arm depends on the machine."
    if any("~" in run.arm for run in runs):
        yield "An arm with ~ in its name got answers to other prompts: no evidence of GE."
    yield from _on_models(runs)
    if len({run.seed for run in runs}) == 1:
        yield "One seed: a demonstration, supports no conclusion."
    yield from dict.fromkeys(f"Data: {text}" for run in runs for text in _of_data(run))


def _equal_searches(named: Sequence[tuple[str, RunResult]]) -> list[str]:
    """Return the arms that proposed and measured the same networks, so that nothing differs."""
    searches: dict[tuple[int, Hashable], list[str]] = {}
    for arm, run in named:
        proposed = tuple((c.step, c.source, c.objectives) for c in run.candidates)
        if run.complete and proposed:
            searches.setdefault((run.seed, proposed), []).append(arm)
    seeds: dict[tuple[str, ...], list[int]] = {}
    for (seed, _), arms in searches.items():
        if len(arms) > 1:
            seeds.setdefault(tuple(arms), []).append(seed)
    return [
        f"{' and '.join(arms)}, {seeds_text(its_seeds)}: the same proposals, so one search; what "
        f"the arms differ in had no effect."
        for arms, its_seeds in seeds.items()
    ]


def _on_models(runs: Sequence[RunResult]) -> Iterator[str]:
    """Yield what the records lack that would tell which LLM answered, and how."""
    calls = [call for run in runs for call in run.calls.values()]
    unversioned = {call.model for call in calls if not any(map(str.isdigit, call.model))}
    unset = {call.model for call in calls if not call.reports_settings}
    if unversioned:
        yield f"No version is on record of: {', '.join(sorted(unversioned))}."
    if unset:
        yield (
            f"Sampling settings that were applied, such as the temperature, are unknown for "
            f"answers by: {', '.join(sorted(unset))}."
        )


def _of_data(run: RunResult) -> list[str]:
    """Return the recorded notes on a run's data that are printable lines."""
    recorded = run.manifest.data.details.get("notes")
    notes = recorded if isinstance(recorded, list) else []
    return [note for note in notes if isinstance(note, str) and note.isprintable()]


def _events(run: RunResult) -> Iterator[str]:
    if learnt_nothing(run):
        yield (
            "the seed network learnt nothing, its score is at chance: no comparison with it says "
            "anything, and neither do hypervolume and evaluations to half size. Train longer "
            "(recipe.epochs), or choose another seed network."
        )
    yield from _budget_events(run)
    yield from on_answers_of(run)
    yield from _training_events(run)
    yield from _confirmation_events(run)
    yield from _retraining_events(run)
    if run.complete and not run.retrained:
        yield "recorded before re-trainings were scored on the validation split."
    yield from _code_events(run)
    if not run.complete:
        yield f"not complete; {how_it_goes_on(run)}."


def how_it_goes_on(run: RunResult) -> str:
    """Return what to do with a run that is not complete."""
    if run.failure is None:
        return "the same command resumes it"
    return f"the last attempt failed: {run.failure.rstrip('.')}"


def _code_events(run: RunResult) -> Iterator[str]:
    known = [(run.manifest.commit, run.manifest.code)]
    known += [(change.commit, change.code) for change in run.code_changes]
    for (was, before), (commit, code) in pairwise(known):
        files = differing_files(before, code) if before else []
        yield (
            f"begun at commit {was or 'unknown'} and continued with other code "
            f"(accept_other_code), commit {commit or 'unknown'}"
            + (f"; files that differ: {some_of(files)}." if files else ".")
        )


def _budget_events(run: RunResult) -> Iterator[str]:
    yield from on_refused_calls(run)
    if run.lost.calls:
        cost = "" if run.lost.cost is None else f" and {run.lost.cost:.4g}"
        whole = " by the whole run" if run.shortened else ""
        yield (
            f"requests{whole} without an answer that may have been billed: {run.lost.calls}, with "
            f"at most {run.lost.tokens:,} tokens{cost}; not in the table."
        )


def _training_events(run: RunResult) -> Iterator[str]:
    if is_steady(schedule := run.manifest.settings.get("schedule", {})):
        most = schedule.get("under_way")
        yield (
            "no generations: children are decided one by one (schedule=steady_state)"
            + (f", up to {most:,} are under way." if isinstance(most, int) else ".")
        )
    if run.halved:
        yield (
            f"{run.outpaced} of {run.evaluations} networks were stopped early, after fewer epochs "
            f"than the recipe has, and count as evaluations and as valid; all trainings of the "
            f"search together had {run.epochs} epochs."
        )
    if limited := sum(c.machine_dependent for c in run.candidates):
        yield (
            f"ended by a limit of time or memory, which may not happen on another machine: "
            f"{limited}."
        )


def _confirmation_events(run: RunResult) -> Iterator[str]:
    if not run.confirmed:
        return
    seeds = run.manifest.settings["confirm"]["seeds"]
    yield (
        f"networks confirmed by re-training on {counted(seeds, 'fresh seed')} each, beyond the "
        f"budget, before they served as examples or one was selected by these scores: "
        f"{len(run.confirmed)}."
    )
    if failed := sum(not scores for scores in run.confirmed.values()):
        yield f"of these, left out since one of their re-trainings failed: {failed}."


def _retraining_events(run: RunResult) -> Iterator[str]:
    if not run.complete:
        return
    seeds = run.manifest.settings["final"]["seeds"]
    names = {"seed": "the seed network"}
    if run.selected is not None:
        names[run.selected.step] = "the selected network, so saved is 0"
    for step, name in names.items():
        if (missing := seeds - len(run.finals.get(step, ()))) > 0:
            yield f"re-trainings that failed: {missing} of {seeds} of {name}."
