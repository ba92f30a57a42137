"""Footnotes of the tables: definitions, notable events of runs, provenance."""

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence

from harness.analysis.arm import Arm
from harness.analysis.comparison import Comparison, seeds_text
from harness.analysis.curves.trajectory import TARGET_SIZE
from harness.analysis.effort.budgets import limit_text, limits_of
from harness.analysis.measures import margin_of, retraining_noise, selection_noise, useful_of
from harness.analysis.metric import RESULTS, SEARCH, Metric
from harness.analysis.metrics import metrics_of
from harness.analysis.run_result import HALVED, SAW_TEST_DATA, RunResult
from harness.config.identity import digest_of
from harness.evaluation.gates import REPAIRABLE
from harness.evolution.pareto import REFERENCE_SIZE
from harness.reporting.formatting import Column, fill
from harness.reporting.notes.limits import on_margin, on_tolerance, points

ONE_SEED = "one seed, a demonstration that supports no conclusion"
"""Part of the title, so that the caption of every table in LaTeX has it."""
_BY_MACHINE = ("train_s", "seconds", "cost")
"""Limits that the speed of the machine decides."""


def on_results(runs: Sequence[RunResult], columns: Collection[Column]) -> Iterator[str]:
    """Yield the definitions of these columns of results."""
    yield (
        "seeds: completed runs out of all seeds in this table. Only completed runs count; a failed "
        "training counts as a failure, never as a score."
    )
    yield from _notes_of(metrics_of(RESULTS), runs, columns)
    if (measured := retraining_noise(runs)) is not None:
        yield on_margin(runs[0], measured)


def on_search(runs: Sequence[RunResult], columns: Collection[Column]) -> Iterator[str]:
    """Yield the definitions of these columns of the search."""
    yield "Scores of the search are of one training each; the best of several is lucky."
    yield from _notes_of(metrics_of(SEARCH), runs, columns)
    if (measured := selection_noise(runs)) is not None:
        yield on_tolerance(runs[0], measured)


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


def on_cut(comparison: Comparison) -> Iterator[str]:
    """Yield what runs cut to equal effort show, and what they cannot."""
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
    if not comparison.shortened:
        return
    yield (
        "Only networks that stood at the end of a whole run were re-trained. An arm has a number "
        "of re-trained networks only where each of its runs has one at the cut; a network that was "
        "not selected at the end was re-trained once."
    )
    for arm in comparison.shortened:
        runs = [run for run in arm.finished if run.shortened]
        lacking = [
            run for run in runs
            if run.selected is None or not run.plans_retrainings(run.selected)
        ]  # fmt: skip
        if lacking:
            yield (
                f"{arm.name}: {len(lacking)} of {len(runs)} cut runs selected a network that was "
                f"not re-trained."
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


def facts_of(runs: Sequence[RunResult]) -> dict[str, str]:
    """Return the values that notes of metrics may name, for runs of one comparison."""
    run, wording = runs[0], runs[0].wording
    chance = wording.times * run.manifest.data.chance
    marked = any(run.saw_test_data for run in runs)
    return {
        "tolerance": points(run, run.manifest.settings["final"]["tolerance"]),
        "threshold": f"mean {wording.validation_score} of the seed network's re-trainings"
        if run.retrainings_select
        else f"seed network's {wording.validation_score}",
        "margin": points(run, margin_of(run)),
        "useful": points(run, useful_of(run)),
        "final_seeds": str(run.manifest.settings["final"]["seeds"]),
        "test_split": "The search never saw the test split"
        + (f", except where marked{SAW_TEST_DATA}." if marked else "."),
        "chance": f"{chance:g} {wording.unit} {wording.score}",
        "most_params": f"{REFERENCE_SIZE * run.seed_objectives.n_params:,}",
        "target_size": f"{TARGET_SIZE:g}",
    }


def on_events(runs: Sequence[RunResult]) -> list[str]:
    """Return the notable events of runs; runs of an arm that share a note share a line."""
    seeds: dict[tuple[str, str], list[int]] = {}
    for run in runs:
        for note in _events(run):
            arm = f"{run.arm}{HALVED if run.halved else ''}"
            seeds.setdefault((arm, note), []).append(run.seed)
    notes = [f"{arm}, {seeds_text(its_seeds)}: {note}" for (arm, note), its_seeds in seeds.items()]
    notes += _equal_searches(runs)
    notes += [
        f"budget.{limit} was set: the end of an arm depends on the machine."
        for limit in _BY_MACHINE
        if any(limit in limits_of(run) for run in runs)
    ]
    if any("~" in run.arm for run in runs):
        notes.append("An arm with ~ in its name got answers to other prompts: no evidence of GE.")
    notes += _on_models(runs)
    if len({run.seed for run in runs}) == 1:
        notes.append("One seed: a demonstration, supports no conclusion.")
    notes += [f"Data: {note}" for note in dict.fromkeys(n for run in runs for n in _of_data(run))]
    return [*notes, *dict.fromkeys(map(measured_on, runs))]


def _equal_searches(runs: Sequence[RunResult]) -> list[str]:
    """Return the arms that proposed and measured the same networks, so that nothing differs."""
    searches: dict[tuple[int, Hashable], list[str]] = {}
    for run in runs:
        proposed = tuple((c.step, c.source, c.objectives) for c in run.candidates)
        if run.complete and proposed:
            searches.setdefault((run.seed, proposed), []).append(run.arm)
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


def provenance(arms: Mapping[str, Sequence[RunResult]]) -> str:
    """Return the digests of all that these numbers depend on: equal digests, equal experiment."""
    runs = [run for its_runs in arms.values() for run in its_runs]
    manifest = runs[0].manifest
    settings = dict.fromkeys(run.manifest.comparison for run in runs)
    answers = {
        name: digest_of(sorted(run.answers for run in its_runs if run.answers))
        for name, its_runs in arms.items()
        if any(run.answers for run in its_runs)
    }
    packages = {digest_of(run.manifest.packages) for run in runs}
    return (
        f"Provenance: settings {', '.join(settings)}, data {manifest.data.digest}, seed "
        f"network {manifest.settings['network']}, packages {', '.join(sorted(packages))}, "
        f"answers {', '.join(f'{name} {digest}' for name, digest in answers.items()) or 'none'}."
    )


def measured_on(run: RunResult) -> str:
    """Return the machine and the versions that a run was measured with, as recorded."""
    machine, packages = run.manifest.machine, run.manifest.packages
    versions = "".join(
        f", {name} {packages[name]}" for name in ("torchvision", "numpy") if name in packages
    )
    return (
        f"Measured on {machine['device']} with torch {machine['torch']}{versions}, Python "
        f"{machine['python']}, sandbox {machine['sandbox']}, by guided-evolution "
        f"{packages['guided-evolution']}, commit {run.manifest.commit or 'unknown'}."
    )


def _events(run: RunResult) -> Iterator[str]:
    yield from _budget_events(run)
    yield from _answer_events(run)
    yield from _training_events(run)
    yield from _confirmation_events(run)
    steps = ["seed", *([run.selected.step] if run.selected else [])]
    planned = len(steps) * run.manifest.settings["final"]["seeds"] if run.complete else 0
    if (missing := planned - sum(len(run.finals.get(step, ())) for step in steps)) > 0:
        yield f"re-trainings that failed: {missing}."
    if run.complete and not run.retrained:
        yield "recorded before re-trainings were scored on the validation split."
    if not run.complete:
        yield "not complete; the same command resumes it."


def _budget_events(run: RunResult) -> Iterator[str]:
    if run.unfinished:
        limits = ", ".join(sorted({f"budget.{limit}" for limit in run.unfinished.values()}))
        yield f"ended by {limits}; calls not sent: {len(run.unfinished)}."
    if run.lost.calls:
        cost = "" if run.lost.cost is None else f" and {run.lost.cost:.4g}"
        yield (
            f"requests without an answer that may have been billed: {run.lost.calls}, with "
            f"at most {run.lost.tokens:,} tokens{cost}; not in the table."
        )


def _answer_events(run: RunResult) -> Iterator[str]:
    if longer := sum(call.longer for call in run.calls.values()):
        yield f"answers longer than requested, which no limit foresees: {longer}."
    variations = [variation for c in run.candidates for variation in c.variations]
    if asked := sum(int(variation.detail.get("repairs", 0)) for variation in variations):
        last = [c for c in run.candidates if c.variations and "repairs" in c.variations[-1].detail]
        good = sum(c.gate not in REPAIRABLE for c in last)
        yield (
            f"asked {asked} times to repair what a gate refused; {good} of {len(last)} "
            f"children whose last answer was repaired passed the gates."
        )
    if helped := sum("extraction" in variation.detail for variation in variations):
        yield f"answers with more than requested, or under another name: {helped}."


def _training_events(run: RunResult) -> Iterator[str]:
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
        f"networks confirmed by re-training on {seeds} fresh seeds each, beyond the budget, before "
        f"they served as examples or one was selected by these scores: {len(run.confirmed)}."
    )
    if failed := sum(not scores for scores in run.confirmed.values()):
        yield f"of these, left out since one of their re-trainings failed: {failed}."
