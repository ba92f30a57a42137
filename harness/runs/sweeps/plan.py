"""The runs of every job of a command, known before the first one starts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.analysis.run_result import RunResult
from harness.config.identity import hash_of
from harness.config.schema import Config
from harness.config.strategies import build
from harness.errors import HarnessError
from harness.evaluation.executor import Executor
from harness.evolution.genome import read_network
from harness.reporting.console import tracked
from harness.runs.preflight import preflight
from harness.runs.runner import complete_jobs, complete_runs, specify_all
from harness.runs.spec import RunSpec, by_folder, specify
from harness.runs.sweeps.progress import Progress
from harness.tasks.base import Dataset
from harness.terminal import say


def complete_all(jobs: Sequence[Sequence[Config]], executor: Executor) -> list[RunResult]:
    """Complete the runs of several jobs; return each job's results, in order.

    First all on which no other process works, then what is left, see ``complete_runs``.

    Args:
        jobs: The arms of each job.
        executor: Opens the backends.
    """
    plan = planned(jobs)
    overall = progress_of(plan)
    preflight(runs_of(plan).values())
    if overall.at_start:
        say(f"complete already: {len(overall.at_start)} runs")
    for failure in filter(None, complete_planned(jobs, plan, executor, overall)):
        raise failure
    return [one for arms in jobs for one in complete_runs(arms, executor, overall=overall)]


def complete_planned(
    jobs: Sequence[Sequence[Config]],
    plan: Sequence[Sequence[RunSpec]],
    executor: Executor,
    overall: Progress,
) -> list[Exception | None]:
    """Complete the runs of all jobs that no other process works on; see ``complete_jobs``.

    Args:
        jobs: The arms of each job.
        plan: Their runs, as ``planned`` returns them.
        executor: Opens the backends.
        overall: Progress of all runs.

    Returns:
        What ended each job, or keeps it from beginning; None where nothing does.
    """
    obstacles: list[Exception | None] = []
    checked: list[list[RunSpec]] = []
    for arms, specs in zip(jobs, plan, strict=True):
        try:
            checked.append(specify_all(arms, specs[0].dataset if specs else None))
            obstacles.append(None)
        except HarnessError as error:
            checked.append([])
            obstacles.append(error)
    ended = complete_jobs(checked, executor, overall=overall)
    return [obstacle or failure for obstacle, failure in zip(obstacles, ended, strict=True)]


def planned(jobs: Sequence[Sequence[Config]]) -> list[list[RunSpec]]:
    """Return the specifications of each job's runs.

    Args:
        jobs: The arms of each job.

    Returns:
        One list a job, empty where there is an obstacle, which the job itself reports.
    """
    datasets: dict[str, Dataset] = {}
    return [_specified(arms, datasets) for arms in jobs]


def runs_of(plan: Sequence[Sequence[RunSpec]]) -> dict[Path, RunSpec]:
    """Return every run once, by folder, in the order of the jobs."""
    return by_folder(spec for specs in plan for spec in specs)


def progress_of(plan: Sequence[Sequence[RunSpec]]) -> Progress:
    """Return the progress of all runs."""
    return Progress({folder: spec.expected for folder, spec in runs_of(plan).items()})


def _specified(arms: Sequence[Config], datasets: dict[str, Dataset]) -> list[RunSpec]:
    try:
        dataset = _loaded(arms[0].task, datasets)
        network = read_network(Path(arms[0].network.path))
        return [specify(config, dataset, network) for config in arms]
    except HarnessError:
        return []


def _loaded(task: Any, datasets: dict[str, Dataset]) -> Dataset:
    """Return the data of a task, loaded once; its notes are printed by the job."""
    key = hash_of(task)
    if key not in datasets:
        datasets[key] = build(task).load(tracked)
    return datasets[key]
