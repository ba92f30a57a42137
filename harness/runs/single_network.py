"""What ``python -m harness.validate FILE`` and ``python -m harness.evaluate FILE`` share.

Exit status 0: accepted; 1: rejected; 2: could not run.
"""

import argparse
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from harness.config.compose import compose
from harness.config.strategies import build
from harness.errors import HarnessError
from harness.evaluation.assessor import Backend
from harness.evaluation.backend import open_backend
from harness.evaluation.cache import FOLDER, Trainings
from harness.evolution.candidate import Evaluation, Outcome, Rejection, content_of
from harness.evolution.genome import Genome
from harness.reporting.console import tracked
from harness.runs.runner import read_network

COULD_NOT_RUN = 2


def judge_file(
    judge: Callable[[Backend, Genome, int], Outcome | None], *, prog: str, description: str | None
) -> NoReturn:
    """Parse the command line, judge its file, print the verdict, exit with its status.

    The judge gets the laboratory, the file's genome and the seed; None means accepted.
    """
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("file", type=Path, metavar="FILE", help="a network with marked segments")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("overrides", nargs="*", help="settings, such as task=cifar10 device=cuda")
    arguments = parser.parse_intermixed_args()
    if isinstance(sys.stdout, io.TextIOWrapper):  # a reason may hold what a terminal cannot show
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        outcome = _judged(judge, arguments.file, arguments.overrides)
    except HarnessError as error:
        parser.exit(COULD_NOT_RUN, f"error: {error}\n")
    content = content_of(outcome) if outcome else {}
    accepted = not isinstance(outcome, Rejection)
    if arguments.json:
        print(json.dumps({"accepted": accepted} | content))
    elif isinstance(outcome, Rejection):
        print(f"rejected by {outcome.gate}: {outcome.reason}")
    elif isinstance(outcome, Evaluation):
        for name, value in content.items():
            print(f"{name}: {value:,}" if isinstance(value, int) else f"{name}: {value:.4g}")
    else:
        print("accepted")
    raise SystemExit(0 if accepted else 1)


def _judged(
    judge: Callable[[Backend, Genome, int], Outcome | None], file: Path, overrides: list[str]
) -> Outcome | None:
    config = compose(overrides)
    config.network.path = str(file)
    network = read_network(file)
    dataset = build(config.task).load(tracked)
    trainings = Trainings(Path(config.runs_dir) / FOLDER)
    with open_backend(config, dataset, network, trainings=trainings, hear=_tell) as lab:
        return judge(lab, network, config.seed)


def _tell(epoch: int, spent_s: float, score: float | None) -> None:
    """Say how far a training is, on the stream that no program reads."""
    told = "" if score is None else f", validation accuracy {score:.2%}"
    print(f"epoch {epoch}: {spent_s:.1f} s{told}", file=sys.stderr, flush=True)
