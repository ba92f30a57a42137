"""Run one configuration or a sweep from the command line. A door to Hydra."""

import json
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, cast

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from harness.analysis.loading import read_runs
from harness.config.compose import compose, expanded, profile_first, typed
from harness.config.paths import CONF
from harness.config.plugins import third_party_arms
from harness.config.schema import Config
from harness.errors import HarnessError, InputError
from harness.files import check_writable
from harness.reporting.summary import print_comparison
from harness.terminal import exit_on_interrupt, fail, say

_RESULT = "result.json"


def launch(job: Callable[[Config, list[str]], list[Path]]) -> NoReturn:
    """Run a job for one configuration, or for each of a multirun, and exit with its status.

    Every configuration is composed once before the first job, so that a mistake costs nothing.

    Args:
        job: Gets the configuration and its overrides, and returns its run folders.
    """
    sys.argv[1:] = profile_first(sys.argv[1:])
    try:
        list(third_party_arms())
        for config in [compose(overrides) for overrides in expanded(sys.argv[1:])]:
            if not get_args_parser().parse_args(sys.argv[1:]).cfg:
                check_writable(Path(config.runs_dir))
    except InputError as error:
        fail(error)

    @hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
    def entry(node: DictConfig) -> None:
        overrides = [str(o) for o in HydraConfig.get().overrides.task]
        multirun = HydraConfig.get().mode == RunMode.MULTIRUN
        folder = Path(HydraConfig.get().runtime.output_dir)
        result: dict[str, Any] = {"overrides": overrides, "runs": [], "failed": None}
        try:
            result["runs"] = [str(path) for path in job(typed(node), overrides)]
        except Exception as error:
            result["failed"] = str(error) if isinstance(error, HarnessError) else repr(error)
            if not multirun:
                if isinstance(error, HarnessError):
                    fail(error)
                raise
            if not isinstance(error, HarnessError):
                traceback.print_exc()  # a defect of this package; the other jobs continue
            say(f"job {' '.join(overrides)}: {error}", error=True)
        finally:
            (folder / _RESULT).write_text(json.dumps(result))

    exit_on_interrupt()
    entry()
    raise SystemExit(0)


class Summary(Callback):
    """Ends a multirun with one table of all jobs, and an exit status that counts failures."""

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Print the table of all jobs' runs; exit with status 1 if a job failed."""
        folder = Path(config.hydra.sweep.dir)
        results = [json.loads(p.read_text()) for p in sorted(folder.glob(f"*/{_RESULT}"))]
        runs = {Path(path): None for result in results for path in result["runs"]}
        if runs:
            tracking = OmegaConf.to_container(config.tracking, resolve=True)
            print_comparison(
                read_runs(list(runs)), Path(config.runs_dir), cast("dict[str, Any]", tracking)
            )
        failed = [r for r in results if r["failed"]]
        for result in failed:
            say(f"failed: {' '.join(result['overrides'])}: {result['failed']}", error=True)
        if failed:
            raise SystemExit(1)
