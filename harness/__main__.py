"""``python -m harness``: run the composed arm and those in ``compare``, then compare them."""

from contextlib import closing
from functools import partial
from pathlib import Path

from harness.analysis.run_result import RunResult
from harness.config.compose import compose_comparison
from harness.config.schema import Config
from harness.evaluation.executor import Executors
from harness.reporting.summary import print_comparison
from harness.runs.launch import launch
from harness.runs.runner import complete_runs


def job(executors: Executors, config: Config, overrides: list[str]) -> list[RunResult]:
    """Run every arm that is not complete yet, and print their comparison."""
    results = complete_runs(compose_comparison(config, overrides), executors)
    print_comparison(results, Path(config.runs_dir), config.tracking)
    return results


if __name__ == "__main__":
    with closing(Executors()) as executors:
        launch(partial(job, executors))
