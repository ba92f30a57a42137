"""What a command would cost in all, from a dry run of each arm of each job."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.analysis.comparison import seeds_text
from harness.config.compose import compose, compose_comparison
from harness.evolution.budget import Usage
from harness.evolution.genome import read_network
from harness.reporting.console import show_table
from harness.runs.estimates.dry_run import BYTES_PER_TOKEN, DryRun, dry_run
from harness.runs.estimates.simulation import Work
from harness.runs.estimates.wall_times import seconds_on_record, show_wall_times, work_of
from harness.runs.sweeps.progress import duration

HEADER = [
    "arm", "valid answers", "evaluations", "trainings", "training time", "LLM calls",
    "prompt tokens", "completion tokens", "cost",
]  # fmt: skip
FREE = "–"
UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What one arm, or all, would cost."""

    played: DryRun
    seconds: float
    """Of all trainings, one at a time."""
    measured: int
    """Trainings on record from which the seconds are known; 0 where they are the limit."""
    work: Work | None = None
    """What it asks of the workers; None for the sum of several."""


def estimate(overrides: Sequence[str]) -> list[Estimate]:
    """Dry-run every arm that ``python -m harness`` would run with these overrides."""
    config = compose(overrides)
    network = read_network(Path(config.network.path))
    # The share of valid answers at which the limit on proposals is reached costs the most.
    few = config.budget.evaluations / max(config.budget.proposals, config.budget.evaluations)
    known = seconds_on_record(config)
    return [
        Estimate(
            played=one,
            seconds=one.trainings * (known.mean_s or one.limit_s),
            measured=known.trainings,
            work=work_of(arm, one, known),
        )
        for arm in compose_comparison(config, overrides)
        for share in ((1.0, few) if "model" in arm.proposer else (1.0,))
        for one in (dry_run(arm, network, share=share),)
    ]


def totals(estimates: Sequence[Estimate]) -> list[Estimate]:
    """Return the sum over all runs, at the most and at the least share of valid answers."""
    shares = sorted({one.played.share for one in estimates}, reverse=True)
    return [_sum(estimates, share) for share in dict.fromkeys((shares[0], shares[-1]))]


def show_estimates(jobs: Sequence[Sequence[Estimate]], *, sweep: bool, workers: int) -> None:
    """Print a table of all jobs with their total, and their wall time by runs at once.

    Args:
        jobs: The estimates of each job; a run that several share counts once.
        sweep: Whether names have the seed.
        workers: Candidates that are trained at once.
    """
    known = {(one.played.run, one.played.share): one for job in jobs for one in job}
    estimates = list(known.values())
    rows = [_row(one, _name(one.played, sweep=sweep)) for one in estimates]
    if (n := len({one.played.run for one in estimates})) > 1:
        rows += [_row(one, f"all {n} runs") for one in totals(estimates)]
    notes = [*_notes([one.played for one in estimates]), _note_on_time(estimates)]
    show_table([HEADER, *rows], title="What this would cost", notes=notes)
    show_wall_times(
        [one.work for one in estimates if one.work and one.played.share == 1],
        workers=workers,
        measured=min(one.measured for one in estimates),
    )


def _sum(estimates: Sequence[Estimate], share: float) -> Estimate:
    """Return the sum of all runs; those that ask no LLM have one share, which counts at any."""
    by_run: dict[str, Estimate] = {}
    for one in estimates:
        if one.played.run not in by_run or one.played.share == share:
            by_run[one.played.run] = one
    chosen = [one.played for one in by_run.values()]
    costs = [one.spent.cost for one in chosen if one.spent.calls and one.paid]
    spent = Usage(
        calls=sum(one.spent.calls for one in chosen),
        prompt_tokens=sum(one.spent.prompt_tokens for one in chosen),
        completion_tokens=sum(one.spent.completion_tokens for one in chosen),
        cost=None if None in costs else sum(cost for cost in costs if cost is not None),
    )
    return Estimate(
        played=replace(
            chosen[0],
            share=share,
            evaluations=sum(one.evaluations for one in chosen),
            trainings=sum(one.trainings for one in chosen),
            spent=spent,
            paid=bool(costs),
        ),
        seconds=sum(one.seconds for one in by_run.values()),
        measured=min(one.measured for one in by_run.values()),
    )


def _name(run: DryRun, *, sweep: bool) -> str:
    seed = f", seed {run.seed}" if sweep else ""
    model = f", {run.model}" if run.model else ""
    return f"{run.arm}{seed}{model}"


def _row(one: Estimate, name: str) -> list[str]:
    run, spent = one.played, one.played.spent
    return [
        name,
        f"{run.share:.0%}" if spent.calls else "–",
        str(run.evaluations),
        f"up to {run.trainings}",
        f"{'about' if one.measured else 'up to'} {duration(one.seconds)}",
        str(spent.calls),
        f"{spent.prompt_tokens:,}",
        f"{spent.completion_tokens:,}",
        _cost(run),
    ]


def _note_on_time(estimates: Sequence[Estimate]) -> str:
    if n := min(one.measured for one in estimates):
        source = f"by {n:,} trainings on record in runs_dir with this task and recipe"
    else:
        source = "if each takes limits.train_s, since none is on record in runs_dir"
    return f"Time: of trainings one at a time, {source}. LLM requests come on top."


def _cost(run: DryRun) -> str:
    if not run.spent.calls:
        return "0"
    if not run.paid:
        return FREE
    return UNKNOWN if run.spent.cost is None else f"{run.spent.cost:.4g}"


def _notes(dry_runs: Sequence[DryRun]) -> Iterator[str]:
    yield (
        f"An estimate by a dry run of the loop: prompts at {BYTES_PER_TOKEN} bytes per token, "
        f"every answer as long as its limit. Nothing was sent. Retries of requests that get no "
        f"answer are not included, but count against the limits of the budget."
    )
    yield (
        "Each run is counted in full: what is complete or begun in runs_dir costs less. "
        "python -m harness.ls RUNS_DIR lists that."
    )
    if any(run.spent.calls and not run.paid for run in dry_runs):
        yield f"{FREE}: calls to this model cost nothing."
    unpriced = {name for run in dry_runs if run.paid for name in run.unpriced}
    for name in sorted(unpriced):
        yield f"unknown: the price of {name}; name a file with it, prices=FILE.yaml."
    if unapplied := dict.fromkeys(limit for run in dry_runs for limit in run.unapplied):
        names = ", ".join(f"budget.{limit}" for limit in unapplied)
        yield (
            f"Not applied: {names}. Durations are not known before a run, which may end earlier "
            f"than estimated here."
        )
    told: dict[tuple[str, str], list[int]] = {}
    for run in dry_runs:
        for text in _notes_on(run):
            told.setdefault((run.arm, text), []).append(run.seed)
    for (arm, text), seeds in told.items():
        every = {run.seed for run in dry_runs if run.arm == arm} <= {*seeds}
        yield f"{arm}{text}" if every else f"{arm}, {seeds_text(sorted(seeds))}{text}"


def _notes_on(run: DryRun) -> Iterator[str]:
    """Yield what is known of a run, to follow the name of its arm."""
    if run.training:
        yield (
            f", {run.share:.0%} valid: the trainings of the search cost at most "
            f"{run.training:.4g} more, if each takes limits.train_s."
        )
    yield from (f": {warning}" for warning in run.warnings if run.share == 1)
    if run.ended_by:
        yield f", {run.share:.0%} valid: ended by budget.{run.ended_by}."
