"""A claim with some of its fields changed, and an arm with known runs."""

from harness.analysis.arm import Arm
from harness.analysis.loading import read_run
from harness.claims.claim import Claim
from tests.support.records import LINT, evaluated, record_run


def arm_of(folder, name, *scores, size=900, seeds=None):
    """An arm whose runs found one network each, so accurate."""
    runs = []
    for seed, score in zip(seeds or range(len(scores)), scores, strict=True):
        child = ("g0.c0", LINT if score is None else evaluated(score, size))
        record_run(folder / f"{name}-s{seed}", arm=name, seed=seed, children=[child])
        runs.append(read_run(folder / f"{name}-s{seed}"))
    return Arm(name=name, runs=tuple(runs), planned=len(runs))


def claim(**changed):
    settings = {
        "name": "best", "says": "best accuracy", "series": "best accuracy", "source": "a paper", "comparison": "c",
        "arm": "full", "measure": "best_score", "published": 0.93, "tolerance": 0.01,
    }  # fmt: skip
    return Claim(**settings | changed)
