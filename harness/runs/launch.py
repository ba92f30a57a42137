"""Run one configuration or a sweep from the command line. A door to Hydra."""

import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from harness.analysis.run_result import RunResult
from harness.config.compose import compose, expanded, profile_first, typed
from harness.config.paths import CONF
from harness.config.plugins import third_party_arms
from harness.config.schema import Config
from harness.errors import HarnessError, InputError
from harness.files import check_writable, make_own_folder
from harness.reporting.summary import print_comparison
from harness.terminal import escape_unencodable, exit_on_interrupt, fail, say

_HYDRA = ".hydra"
"""Folder of Hydra's files, as ``conf/config.yaml`` names it."""


def launch(job: Callable[[Config, list[str]], list[RunResult]]) -> NoReturn:
    """Run a job for one configuration, or for each of a multirun, and exit with its status.

    All configurations are composed before the first job, so that mistakes are reported before any
    work. In a multirun, a failed job does not stop the others, and one table of all jobs is printed
    at the end.

    Args:
        job: Takes a configuration and its overrides; returns the results of its runs.
    """
    escape_unencodable()
    sys.argv[1:] = profile_first(sys.argv[1:])
    flags = get_args_parser().parse_args(sys.argv[1:])
    try:
        list(third_party_arms())
        configs = [compose(overrides) for overrides in expanded(sys.argv[1:])]
        for config in [] if flags.cfg else configs:
            check_writable(Path(config.runs_dir))
            make_own_folder(Path(config.runs_dir) / _HYDRA)
    except InputError as error:
        fail(error)
    results: list[list[RunResult]] = []
    failures: list[str] = []

    @hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
    def entry(node: DictConfig) -> None:
        overrides = [str(o) for o in HydraConfig.get().overrides.task]
        try:
            results.append(job(typed(node), overrides))
        except HarnessError as error:
            if not flags.multirun:
                fail(error)
            failures.append(f"{' '.join(overrides)}: {error}")
        except Exception as error:
            if not flags.multirun:
                raise
            traceback.print_exc()  # a defect of this package; the other jobs continue
            failures.append(f"{' '.join(overrides)}: {error!r}")
        else:
            return
        say(f"job {failures[-1]}", error=True)

    exit_on_interrupt()
    entry()
    if flags.multirun and not flags.cfg:
        _end_multirun(configs, results, failures)
    raise SystemExit(1 if failures else 0)


def _end_multirun(
    configs: Sequence[Config], results: Sequence[list[RunResult]], failures: list[str]
) -> None:
    """Print one table of all jobs, and the jobs that failed or ran in another process."""
    by_folder = {run.folder: run for runs in results for run in runs}
    if by_folder:
        print_comparison(list(by_folder.values()), Path(configs[0].runs_dir), configs[0].tracking)
    if lost := len(configs) - len(results) - len(failures):
        failures.append(
            f"{lost} of {len(configs)} jobs returned no result to this process. Expected Hydra's "
            f"basic launcher; harness.table prints the table of what other launchers ran."
        )
    for failure in failures:
        say(f"failed: {failure}", error=True)
