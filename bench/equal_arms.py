"""How often does a test find a difference where there is none? ``python -m bench.equal_arms FOLDER``.

Splits the completed runs of each arm into two halves by seed, 1,000 times at random, and compares the
halves by every measure: two samples of one arm (A/A). The same split serves all arms, since runs of
one seed share the trainings of the seed network. Prints the share of comparisons with p of at most
5 % for each measure, and the number of such comparisons in the split by the order of the seeds.
"""

import math
import random
import sys
from collections import Counter
from collections.abc import Mapping, Sequence

import harness
from harness.analysis.metrics import METRICS, comparable_metrics
from harness.analysis.statistics.paired import differences, signed_rank

SPLITS = 1000

Values = Mapping[tuple[str, str], Mapping[int, float | None]]


def values_of(runs: Sequence[harness.RunResult]) -> Values:
    """Values by arm and measure, then by seed; those that hardly vary compare nothing."""
    values = {
        (arm, name): {run.seed: METRICS[name].value_if_whole(run) for run in runs if run.arm == arm}
        for arm in sorted({run.arm for run in runs})
        for name in comparable_metrics()
    }
    return {key: by_seed for key, by_seed in values.items() if len(set(by_seed.values())) > 2}


def found(values: Values, seeds: Sequence[int]) -> list[str]:
    """Measures of the comparisons of the first half of the seeds with the second, with p <= 5 %."""
    half = len(seeds) // 2
    one, other = seeds[:half], seeds[half : 2 * half]
    return [
        measure
        for (_, measure), by_seed in values.items()
        if signed_rank(
            differences(
                {k: by_seed[seed] for k, seed in enumerate(one)},
                {k: by_seed[seed] for k, seed in enumerate(other)},
                missing=-math.inf,
            )
        )
        <= 0.05
    ]


def main() -> None:
    """Print the shares."""
    values = values_of([run for run in harness.load(sys.argv[1]) if run.complete])
    seeds = sorted(set.intersection(*(set(by_seed) for by_seed in values.values())))
    ordered, rng = len(found(values, seeds)), random.Random(0)
    splits = [found(values, rng.sample(seeds, len(seeds))) for _ in range(SPLITS)]
    n = Counter(measure for _, measure in values)
    for measure, count in Counter(name for split in splits for name in split).items():
        print(f"{measure}: {count / (SPLITS * n[measure]):.1%} of {n[measure]} arms")
    as_many = sum(len(split) >= ordered for split in splits) / SPLITS
    print(f"seeds in order: {ordered} of {len(values)}, as many as in {as_many:.1%} of the splits")


if __name__ == "__main__":
    main()
