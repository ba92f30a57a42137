"""One network from a file, for ``python -m harness.validate`` and ``python -m harness.evaluate``.

Exit status 0: accepted; 1: rejected; 2: could not run.
"""

import argparse
import json
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from harness.analysis.measures import is_chance
from harness.config.compose import compose
from harness.config.strategies import build
from harness.evaluation.backend import Backend
from harness.evaluation.executor import Executors
from harness.evaluation.gates import advice
from harness.evolution.candidate import Evaluation, Outcome, Rejection, content_of
from harness.evolution.genome import Genome, read_unjudged
from harness.record.events import Data
from harness.reporting.console import loaded
from harness.runs.manifest import data_of
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
    parser = argparse.ArgumentParser(prog=prog, description=description, allow_abbrev=False)
    parser.add_argument("file", type=Path, metavar="FILE", help="a network with marked segments")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "overrides", nargs="*", default=[], help="settings, such as task=cifar10 device=cuda"
    )
    arguments = parser.parse_intermixed_args()
    with exit_on_error(COULD_NOT_RUN):
        outcome, data = _judge(judge, arguments.file, arguments.overrides)
    tell(outcome, data, as_json=arguments.json)
    raise SystemExit(1 if isinstance(outcome, Rejection) else 0)


def tell(outcome: Outcome | None, data: Data, *, as_json: bool) -> None:
    """Print the verdict on a network, and whether it may be guessing.

    Args:
        outcome: The verdict, None for accepted.
        data: What it was trained on.
        as_json: Whether to print one JSON object.
    """
    content = content_of(outcome) if outcome else {}
    if isinstance(outcome, Evaluation):
        content["at_chance"] = is_chance(outcome.score, data, "validation")
    if as_json:
        print(json.dumps({"accepted": not isinstance(outcome, Rejection)} | content))
    elif isinstance(outcome, Rejection):
        say(f"rejected by {outcome.gate}: {outcome.reason}.{advice(outcome)}")
    elif isinstance(outcome, Evaluation):
        _tell_measured(outcome.score, content, wording_of(data.kind))
    else:
        say("accepted")


def _tell_measured(score: float, content: dict[str, Any], wording: Wording) -> None:
    say(f"{wording.validation_score}: {wording.text(score)}")
    at_chance = content.pop("at_chance")
    for name, value in content.items():
        if name != "score":
            say(f"{name}: {value:,}" if isinstance(value, int) else f"{name}: {value:.4g}")
    if at_chance:
        say(
            "The score may be that of guessing: it is not shown to be above chance. Train longer "
            "(recipe.epochs), or correct the network."
        )


def _judge(
    judge: Callable[[Backend, Genome, int], Outcome | None], file: Path, overrides: list[str]
) -> tuple[Outcome | None, Data]:
    config = compose(overrides)
    config.network.path = str(file)
    network = read_unjudged(file)
    dataset = loaded(build(config.task))
    with closing(Executors()) as executors:
        on_epoch = partial(_print_epoch, wording_of(dataset.kind))
        backend = executors.open(config, dataset, network, on_epoch=on_epoch)
        outcome = judge(backend, network, config.seed)
        if isinstance(outcome, Rejection):
            text = file.read_text(encoding="utf-8", errors="replace")
            outcome = replace(outcome, reason=in_lines_of(text, network.source, outcome.reason))
        return outcome, data_of(dataset)


def in_lines_of(text: str, source: str, reason: str) -> str:
    """Return a reason with the lines of a file in place of those of its genome's source.

    The two differ in the number of empty lines before a segment.
    """
    ours, theirs = (
        [n for n, line in enumerate(one.splitlines(), start=1) if line.strip()]
        for one in (source, text)
    )
    places = dict(zip(ours, theirs, strict=False))

    def there(found: re.Match[str]) -> str:
        return f"line {places.get(int(found[1]), found[1])}"

    return re.sub(r"\bline (\d{1,5})\b", there, reason)


def _print_epoch(wording: Wording, epoch: int, spent_s: float, score: float | None) -> None:
    """Print progress on stderr, which no program reads."""
    scored = "" if score is None else f", {wording.validation_score} {wording.text(score)}"
    say(f"epoch {epoch}: {spent_s:.1f} s{scored}", error=True)
