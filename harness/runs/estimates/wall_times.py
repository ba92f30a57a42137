"""How long a command would take on its workers, by the number of runs that go on at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from harness.analysis.loading import all_below
from harness.config.identity import settings_of
from harness.config.schema import Config
from harness.evolution.schedule import is_steady
from harness.reporting.console import show_table
from harness.runs.estimates.dry_run import DryRun
from harness.runs.estimates.simulation import Draw, Simulation, Steady, Work
from harness.runs.sweeps.progress import duration
from harness.seeding import stream

_ERROR = 0.3
"""Deviation of the logarithm of predicted durations in a steady state; an assumption."""


@dataclass(frozen=True, kw_only=True)
class Seconds:
    """What trainings and answers took in runs on record with the same task and recipe.

    Attributes:
        mean_s: Mean of a training, None where there is none.
        trainings: How many.
        train_s: Of each training in a search.
        answer_s: Of each answer of an LLM.
    """

    mean_s: float | None
    trainings: int
    train_s: tuple[float, ...]
    answer_s: tuple[float, ...]


def seconds_on_record(config: Config) -> Seconds:
    """Return the durations on record in ``runs_dir``, of any arm and so of other networks."""
    settings = settings_of(config)
    alike = [
        run
        for run in all_below(Path(config.runs_dir)).runs
        if all(run.manifest.settings.get(key) == settings[key] for key in ("recipe", "task"))
    ]
    n = sum(run.trainings.total() for run in alike)
    return Seconds(
        mean_s=sum(run.train_s for run in alike) / n if n else None,
        trainings=n,
        train_s=tuple(c.train_s for run in alike for c in run.candidates if c.train_s),
        answer_s=tuple(c.seconds for run in alike for c in run.calls.values() if c.seconds),
    )


def work_of(arm: Config, played: DryRun, known: Seconds) -> Work:
    """Return what a run asks of its workers, with durations drawn from those on record.

    Args:
        arm: Its settings.
        played: Its dry run.
        known: Durations on record; without any, a training takes its limit and an answer no time.
    """
    draw = stream(arm.seed, "durations", arm.arm)
    after = played.trainings - 1 - sum(played.generations)
    asks = "model" in arm.proposer
    return Work(
        generations=played.generations,
        finals=[arm.final.seeds, max(0, after - arm.final.seeds)],
        train_s=_drawn(draw, known.train_s or (known.mean_s or played.limit_s,)),
        answer_s=_drawn(draw, (asks and known.answer_s) or (0.0,)),
        answers=arm.llm_workers,
        steady=_steady(arm, draw, known.mean_s or played.limit_s, asks=asks),
    )


def _drawn(draw: Random, known: Sequence[float]) -> Draw:
    return lambda: draw.choice(known)


def _steady(arm: Config, draw: Random, mean_s: float, *, asks: bool) -> Steady | None:
    schedule = arm.schedule
    if not is_steady(schedule):
        return None
    return Steady(
        under_way=schedule["under_way"],
        workers=schedule["workers"],
        answer=schedule["answer"] * mean_s if asks else 0.0,
        error=lambda: draw.lognormvariate(0, _ERROR),
    )


def show_wall_times(works: Sequence[Work], *, workers: int, measured: int) -> None:
    """Print the wall time of all runs for several numbers of runs at once."""
    numbers = [n for n in (1, 2, 4, 8, 16) if n < len(works)] + [len(works)]
    about = "about" if measured else "up to"
    rows = []
    for n in numbers:
        found = Simulation(workers=workers, at_once=n).run(works)
        rows.append([str(n), f"{about} {duration(found.seconds)}", f"{found.busy:.0%}"])
    show_table(
        [["runs_at_once", "wall time", "workers busy"], *rows],
        title=f"How long it would take, workers={workers}",
        notes=[
            "Simulated: trainings and answers as long as those on record, drawn at random."
            if measured
            else "Simulated: each training takes limits.train_s, an answer of an LLM no time.",
            "Gates and the start of workers take no time here. A GPU trains one candidate at a "
            "time, whatever workers is, except at sandbox.level=limits.",
        ],
    )
