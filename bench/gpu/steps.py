"""The steps: each a command that a person could type, and how its figures are read."""

import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

from bench.gpu.pieces import DONE, FAILED, UNDER_WAY, Finished, Outcome, Step

PUBLISHED = 0.9252
"""Test accuracy of the seed network on CIFAR-10 (Morris 2024, paper)."""
_TESTS = (
    "tests/evaluation/test_gpu.py",
    "tests/sandbox/test_confinement.py::test_a_gpu_works_from_inside_the_sandbox",
)
_LAST_LINES = 3


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the person asked for."""

    images: Path
    folder: Path
    dry_run: bool
    confinement: str
    train_minutes: float


def steps_of(plan: Plan) -> list[Step]:
    """Return all steps; those that take whatever time there is come last."""
    guess = (lambda _: 20.0) if plan.dry_run else (lambda minutes: 60.0 * minutes)
    device = "cpu" if plan.dry_run else "cuda"
    bench = partial(_bench_step, plan)
    return [
        Step(
            name="doctor",
            guess_s=guess(1),
            command=lambda *_: [*_PYTHON, "harness.doctor", f"device={device}"],
            read=read_doctor,
            environment={"COLUMNS": "200", "PYTHONUTF8": "1"},
        ),
        Step(
            name="GPU tests",
            guess_s=guess(4),
            command=lambda file, _: [*_PYTEST, "-rs", f"--junitxml={file}", *_TESTS],
            read=partial(read_tests, may_skip=plan.dry_run),
            environment={"GPU_TESTS_ON": device},
        ),
        bench("CUDA context", "test_context", guess(1)),
        bench("published recipe", "test_the_published_recipe", guess(2)),
        bench("published way", "test_against_the_published_way", guess(3)),
        bench("side by side", "test_candidates_side_by_side", guess(3)),
        bench("determinism", "test_determinism", guess(2)),
        Step(
            name="seed network",
            guess_s=guess(plan.train_minutes + 2),
            command=partial(_training, plan),
            read=read_training,
            least_s=guess(2),
        ),
    ]


_PYTHON = (sys.executable, "-m")
_PYTEST = (*_PYTHON, "pytest", "-n0", "-q", "-p", "no:cacheprovider")


def _bench_step(plan: Plan, name: str, test: str, guess_s: float) -> Step:
    def command(file: Path, _: float) -> list[str]:
        options = [f"--images={plan.images}", f"--confinement={plan.confinement}"]
        options += ["--dry-run"] if plan.dry_run else []
        measured = ["-rs", "--timeout=3600", f"--benchmark-json={file}"]
        quiet = ["-W", "ignore:Not saving anything"]  # its warning would hide a traceback
        return [*_PYTEST, *measured, *quiet, f"bench/test_gpu.py::{test}", *options]

    return Step(name=name, guess_s=guess_s, command=command, read=read_bench)


def _training(plan: Plan, file: Path, left_s: float) -> list[str]:
    options = [
        f"--images={plan.images}", f"--seconds={left_s}", f"--train-minutes={plan.train_minutes}",
        f"--confinement={plan.confinement}", f"--figures={file}",
    ]  # fmt: skip
    options += ["--dry-run"] if plan.dry_run else []
    return [*_PYTHON, "bench.gpu.training", str(plan.folder), *options]


def _or_failed(read: Callable[[Finished], Outcome]) -> Callable[[Finished], Outcome]:
    """Let a reader tell what a command printed last, where it left no figures."""

    def reads(finished: Finished) -> Outcome:
        try:
            return read(finished)
        except (OSError, ValueError, LookupError, ET.ParseError):
            said = [line for line in finished.output.splitlines() if line.strip()]
            last = " / ".join(said[-_LAST_LINES:]) or "without a word"
            return Outcome(status=FAILED, told=f"ended with status {finished.status}: {last}")

    return reads


@_or_failed
def read_doctor(finished: Finished) -> Outcome:
    """Read the level that was reached, and which attacks succeeded."""
    found = re.search(r"^level: (\w+)", finished.output, re.MULTILINE)
    device = re.search(r"jobs run on (\w+)", finished.output)
    if found is None or device is None:
        raise ValueError("no level")
    cells = [[cell.strip() for cell in line.split("│")] for line in finished.output.splitlines()]
    succeeded = [cell[1] for cell in cells if "SUCCEEDED" in cell]
    figures = {
        "level": found[1],
        "device": device[1],
        "attacks": sum(len(cell) > _LAST_LINES for cell in cells),
        "succeeded": succeeded,
        "missing": re.findall(r"^missing: (.*)", finished.output, re.MULTILINE),
    }
    told = f"level {found[1]}, jobs run on {device[1]}, {len(succeeded)} attacks succeeded"
    return Outcome(status=DONE, told=told, figures=figures)


@_or_failed
def _tests_of(finished: Finished) -> Outcome:
    """Read the result of each test; all must have run."""
    results = {}
    for case in ET.fromstring(finished.file.read_text(encoding="utf-8")).iter("testcase"):
        problem = next((one for one in case if one.tag in {"failure", "error", "skipped"}), None)
        results[case.attrib["name"]] = "passed" if problem is None else problem.tag
    counts = {tag: list(results.values()).count(tag) for tag in sorted(set(results.values()))}
    told = ", ".join(f"{n} {tag}" for tag, n in counts.items()) or "no test was found"
    passed = finished.status == 0 and "passed" in counts
    return Outcome(status=DONE if passed else FAILED, told=told, figures=results)


def read_tests(finished: Finished, *, may_skip: bool) -> Outcome:
    """Read the result of each test; all must have run, unless some may be skipped."""
    outcome = _tests_of(finished)
    if "skipped" in outcome.figures.values() and not may_skip:
        return Outcome(status=FAILED, told=outcome.told, figures=outcome.figures)
    return outcome


@_or_failed
def read_bench(finished: Finished) -> Outcome:
    """Read what a benchmark measured."""
    content = json.loads(finished.file.read_text(encoding="utf-8"))
    (one,) = content["benchmarks"]
    if finished.status or not one["extra_info"]:
        raise ValueError("a failed benchmark")
    told = "; ".join(f"{what}: {value}" for what, value in list(one["extra_info"].items())[:2])
    return Outcome(status=DONE, told=told, figures=one["extra_info"])


@_or_failed
def read_training(finished: Finished) -> Outcome:
    """Read how far the training is, and the accuracy after each piece."""
    content = json.loads(finished.file.read_text(encoding="utf-8"))
    if finished.status:
        raise ValueError("a failed training")
    return Outcome(
        status=UNDER_WAY if content["left_s"] else DONE,
        told=told_of(content["pieces"]),
        figures=content,
        needs_s=content["left_s"],
    )


def reopened(training: Outcome, train_minutes: float) -> Outcome:
    """Let a training that had all its time go on, where it is given more."""
    figures = training.figures
    if training.status != DONE or figures["recipe ended"]:
        return training
    left_s = 60 * train_minutes - figures["pieces"][-1]["train_s"]
    return replace(training, status=UNDER_WAY, needs_s=left_s) if left_s > 0 else training


def told_of(pieces: Sequence[dict]) -> str:
    """Return the accuracy after each piece."""
    accuracies = [
        f"{piece['test']:.2%} after epoch {piece['epoch']}" for piece in pieces if "test" in piece
    ]
    return f"test accuracy {', '.join(accuracies) or 'unknown'} (published {PUBLISHED:.2%})"
