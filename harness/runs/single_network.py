"""One network from a file, for ``python -m harness.validate`` and ``python -m harness.evaluate``.

Exit status 0: accepted; 1: rejected; 2: could not run.
"""

import argparse
import json
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NoReturn

from harness.config.compose import compose
from harness.config.strategies import build
from harness.evaluation.backend import Backend
from harness.evaluation.executor import Executors
from harness.evolution.candidate import Evaluation, Outcome, Rejection, content_of
from harness.evolution.genome import Genome, read_network
from harness.reporting.console import loaded
from harness.tasks.base import Wording, wording_of
from harness.terminal import exit_on_error, say

COULD_NOT_RUN = 2


def judge_file(
    judge: Callable[[Backend, Genome, int], Outcome | None], *, prog: str, description: str | None
) -> NoReturn:
    """Parse the command line, judge its file, print the verdict, exit with its status.

    Args:
        judge: Gets the backend, the file's genome and the seed; returns the outcome, None for
            accepted.
        prog: Name of the command.
        description: What it does, for ``--help``.
    """
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("file", type=Path, metavar="FILE", help="a network with marked segments")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("overrides", nargs="*", help="settings, such as task=cifar10 device=cuda")
    arguments = parser.parse_intermixed_args()
    with exit_on_error(COULD_NOT_RUN):
        outcome = _judge(judge, arguments.file, arguments.overrides)
    content = content_of(outcome) if outcome else {}
    accepted = not isinstance(outcome, Rejection)
    if arguments.json:
        print(json.dumps({"accepted": accepted} | content))
    elif isinstance(outcome, Rejection):
        say(f"rejected by {outcome.gate}: {outcome.reason}")
    elif isinstance(outcome, Evaluation):
        for name, value in content.items():
            say(f"{name}: {value:,}" if isinstance(value, int) else f"{name}: {value:.4g}")
    else:
        say("accepted")
    raise SystemExit(0 if accepted else 1)


def _judge(
    judge: Callable[[Backend, Genome, int], Outcome | None], file: Path, overrides: list[str]
) -> Outcome | None:
    config = compose(overrides)
    config.network.path = str(file)
    network = read_network(file)
    dataset = loaded(build(config.task))
    with closing(Executors()) as executors:
        on_epoch = partial(_print_epoch, wording_of(dataset.kind))
        backend = executors.open(config, dataset, network, on_epoch=on_epoch)
        return judge(backend, network, config.seed)


def _print_epoch(wording: Wording, epoch: int, spent_s: float, score: float | None) -> None:
    """Print progress on stderr, which no program reads."""
    scored = "" if score is None else f", {wording.validation_score} {wording.text(score)}"
    say(f"epoch {epoch}: {spent_s:.1f} s{scored}", error=True)
