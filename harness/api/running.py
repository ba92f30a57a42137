"""Run arms from Python, and load what ran."""

import warnings
from collections.abc import Iterable, Sequence
from contextlib import closing
from os import PathLike
from pathlib import Path
from typing import Any

from harness.analysis.loading import result_of, runs_below
from harness.analysis.run_result import RunResult
from harness.api.settings import overrides_of
from harness.api.study import Runs
from harness.config.compose import compose_jobs, expanded
from harness.config.schema import Config
from harness.errors import InputError
from harness.evaluation.executor import Executors
from harness.files import check_writable
from harness.record.archive import read_archive
from harness.runs.sweeps.plan import complete_all


def run(
    *overrides: str,
    ablation: str | Sequence[str] | None = None,
    seed: int | Iterable[int] | None = None,
    compare: Sequence[str] | None = None,
    runs_dir: str | PathLike[str] | None = None,
    **settings: Any,
) -> Runs:
    """Run arms and those that they are compared with, as ``python -m harness`` does.

    A complete run is loaded, not run again; one that was interrupted goes on. Progress is printed
    as lines, or as a panel on a terminal. Nothing else is printed, and no tables are written.

    Args:
        *overrides: Settings in Hydra's syntax, as on the command line: ``"recipe.epochs=1"``.
            Several values, ``"seed=0,1"``, are a sweep.
        ablation: Name of the arm, by default ``full``; several are a sweep.
        seed: The seed; several are a sweep.
        compare: Arms to run and compare with, by default those of the command line.
        runs_dir: Folder of the runs, by default ``runs``.
        **settings: Any other setting by name; a mapping has settings within:
            ``budget={"evaluations": 4}``, ``model="openai"``.

    Returns:
        The runs of the arms and of those in ``compare``, each once.

    Raises:
        InputError: A setting does not fit, before any work; or data, a key or a price is missing.
        MachineError: A worker, a device or a server failed. What is recorded stays; call again to
            go on.
    """
    named = {"ablation": ablation, "seed": seed, "compare": compare, "runs_dir": runs_dir}
    jobs = _jobs(overrides_of(overrides, named | settings))
    with closing(Executors()) as executors:
        results = {result.folder: result for result in complete_all(jobs, executors)}
    return Runs(results.values())


def _jobs(overrides: Sequence[str]) -> list[list[Config]]:
    """Return the configurations of each job of a sweep, all composed before the first runs."""
    jobs = compose_jobs(list(expanded(["--multirun", *overrides])))
    for arms in jobs:
        check_writable(Path(arms[0].runs_dir))
    return jobs


def load(*paths: str | PathLike[str]) -> Runs:
    """Load runs from folders and from archives of ``python -m harness.export``.

    Args:
        *paths: Folders, each with runs at any depth, or archives; by default the folder ``runs``.

    Returns:
        The runs, those that are not complete too. A run that cannot be read is left out, with a
        warning; ``damaged`` has the same sentences.

    Raises:
        InputError: There is no run in one of the paths.
        RecordError: An archive, or every run of a folder, cannot be read.
    """
    found: dict[Path, RunResult] = {}
    damaged: list[str] = []
    for given in paths or ("runs",):
        if not isinstance(given, str | PathLike):
            raise InputError(f"load: expected paths, load(one, another), got {given!r}.")
        path = Path(given)
        if path.is_file():
            loaded: Iterable[RunResult] = [_archived(path)]
        else:
            below = runs_below(path)
            loaded = below.runs
            damaged += below.damaged
        found |= {run.folder: run for run in loaded}
    for sentence in damaged:
        warnings.warn(f"left out: {sentence}", stacklevel=2)
    return Runs(found.values(), damaged=damaged)


def _archived(path: Path) -> RunResult:
    name, entries = read_archive(path)
    run = result_of(path.with_name(name), entries)
    if run is None:
        raise InputError(f"{path}: expected a run that has evaluated its seed network.")
    return run
