"""How large is the noise of a study, and how many seeds does it need? ``python -m bench.noise RUNS``.

Reads the runs of a pilot: ``seed_only``, which trains the seed network again and again, and arms at
the same seeds. Prints how much scores of one network differ between trainings, how the margin
compares with that, and how many seeds would find a difference of the measure ``saved``. ``--figure
FILE`` draws both.
"""

import argparse
import math
import statistics
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt
from scipy.stats import chi2

import harness
from harness.analysis.metrics import METRICS
from harness.analysis.statistics.power import POWER, seeds_to_find
from harness.reporting.figures.looks import look

LUCK = "seed_only"
RELEVANT = 0.15
"""Least difference of ``saved`` that matters, in decades."""

Values = Mapping[str, Mapping[int, float]]


def repeated(runs: Sequence[harness.RunResult]) -> list[float]:
    """Return the validation scores of the seed network, one for each training of ``seed_only``."""
    return [
        candidate.objectives.score
        for run in runs
        if run.arm == LUCK
        for candidate in run.candidates
        if candidate.objectives
    ]


def tested(runs: Sequence[harness.RunResult]) -> list[tuple[float, ...]]:
    """Return the test scores of the seed network's re-trainings, once for each seed."""
    by_seed = {run.seed: run.finals["seed"] for run in runs if run.arm != LUCK}
    return [by_seed[seed] for seed in sorted(by_seed)]


def within(groups: Sequence[Sequence[float]]) -> tuple[float, int]:
    """Return the standard deviation within groups, pooled, and its degrees of freedom."""
    freedom = sum(len(group) - 1 for group in groups)
    squares = sum(statistics.variance(group) * (len(group) - 1) for group in groups)
    return math.sqrt(squares / freedom), freedom


def deviation(sd: float, freedom: int, digits: int = 2) -> str:
    """Return a standard deviation with its 95 % interval, which takes values to be normal."""
    low, high = (sd * math.sqrt(freedom / chi2.ppf(p, freedom)) for p in (0.975, 0.025))
    return f"{sd:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def saved(runs: Sequence[harness.RunResult]) -> Values:
    """Return what each arm saves, in decades, by seed."""
    found: dict[str, dict[int, float]] = {}
    for run in runs:
        if run.arm != LUCK and (value := METRICS["saved"].value(run)) is not None:
            found.setdefault(run.arm, {})[run.seed] = value
    return found


def told(runs: Sequence[harness.RunResult]) -> list[str]:
    """Return what the pilot shows, a sentence for each figure."""
    scores, groups, values = repeated(runs), tested(runs), saved(runs)
    sd, freedom = within(groups)
    k, margin = len(groups[0]), 100 * runs[0].manifest.settings["final"]["margin"]
    error = 100 * sd * math.sqrt(2 / k)
    lines = [
        f"Validation accuracy of the seed network in {len(scores)} trainings: mean "
        f"{statistics.fmean(scores):.2%}, standard deviation "
        f"{deviation(100 * statistics.stdev(scores), len(scores) - 1)} points, {min(scores):.2%} to {max(scores):.2%}.",
        f"Test accuracy of the seed network, {k} re-trainings at each of {len(groups)} seeds: "
        f"standard deviation within a seed {deviation(100 * sd, freedom)} points.",
        f"Standard error of a difference between two means of {k} re-trainings: {error:.2f} points; "
        f"the margin of {margin:g} points is {margin / error:.1f} times that.",
    ]
    for arm, by_seed in values.items():
        picked = [run.finals[run.selected.step] for run in runs if run.arm == arm and run.selected]
        sd, freedom = within(picked)
        lines.append(
            f"Test accuracy of the network that {arm} selects: standard deviation within a seed "
            f"{deviation(100 * sd, freedom)} points."
        )
        quartiles = statistics.quantiles(by_seed.values(), n=4, method="inclusive")
        zero = sum(value == 0 for value in by_seed.values())
        lines.append(
            f"{arm} saves {quartiles[1]:.2f} [{quartiles[0]:.2f}, {quartiles[2]:.2f}] decades, "
            f"nothing at {zero} of {len(by_seed)} seeds."
        )
    lines += [_compared(one, other, values) for one, other in combinations(sorted(values), 2)]
    return lines


def _compared(one: str, other: str, values: Values) -> str:
    seeds = sorted(values[one].keys() & values[other].keys())
    pairs = [values[one][seed] - values[other][seed] for seed in seeds]
    sd = statistics.stdev(pairs)
    needed = seeds_to_find(RELEVANT / sd, comparisons=1, power=POWER) if sd else None
    return (
        f"{one} less {other} at {len(pairs)} seeds: mean {statistics.fmean(pairs):+.3f} decades, "
        f"standard deviation {deviation(sd, len(pairs) - 1, 3)}. {needed or 'More than 200'} seeds find a mean difference of "
        f"{RELEVANT} with {POWER:.0%} probability, if differences are normal."
    )


def draw(runs: Sequence[harness.RunResult], file: Path) -> None:
    """Draw the noise of one network, and what the arms save at each seed."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
    left.hist([100 * score for score in repeated(runs)], bins=10, color="#888888")
    left.set(xlabel="validation accuracy of the seed network, %", ylabel="trainings")
    for arm, by_seed in sorted(saved(runs).items()):
        seeds = sorted(by_seed)
        right.plot(seeds, [by_seed[seed] for seed in seeds], label=arm, **look(arm).mark)
    right.set(xlabel="seed", ylabel="parameters saved, decades")
    right.legend(frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1))
    figure.savefig(file, dpi=200)


def main() -> None:
    """Print what a pilot shows; draw it where a file is named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path)
    parser.add_argument("--figure", type=Path)
    arguments = parser.parse_args()
    runs = [run for run in harness.load(arguments.runs) if run.complete]
    print("\n".join(told(runs)))
    if arguments.figure:
        draw(runs, arguments.figure)


if __name__ == "__main__":
    main()
