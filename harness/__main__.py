"""``python -m harness``: run the composed arm beside those in ``compare``, then compare them."""

from functools import partial
from pathlib import Path

from harness.config.compose import compose
from harness.config.schema import Config
from harness.evaluation.backend import Backends
from harness.reporting.summary import print_comparison
from harness.runs.launch import launch
from harness.runs.runner import complete_runs


def job(backends: Backends, config: Config, overrides: list[str]) -> list[Path]:
    """Run every arm that is not complete yet, and print their comparison."""
    others = [o for o in overrides if not o.lstrip("+").startswith("ablation=")]
    beside = [compose([*others, f"+ablation={arm}"]) for arm in config.compare]
    arms = {c.arm: c for c in [config, *beside]}
    folders = complete_runs(list(arms.values()), backends)
    print_comparison(folders, Path(config.runs_dir), config.tracking)
    return folders


if __name__ == "__main__":
    with Backends() as opened:
        launch(partial(job, opened))
