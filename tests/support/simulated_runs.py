"""Runs whose search is drawn at random: candidates, scores, sizes, and failed re-trainings."""

from dataclasses import replace
from pathlib import Path

from harness.analysis.arm import Arm
from harness.analysis.loading import read_run
from harness.evolution.pareto import Objectives
from tests.support.records import evaluated, record_run

SEED_SIZE = 500_000
EVALUATIONS = 24
NOISE = 0.006
"""Standard deviation of a score of one training."""


def drawn_runs(folder, n, rng):
    """Return n runs of one arm, which differ by chance alone.

    Half of the networks are about as good as the seed network and no larger, one re-training in
    twenty fails.
    """
    record_run(folder / "run", arm="full", seed=0, children=[("g0.c0", evaluated(0.98, 500))])
    template = read_run(folder / "run")
    (child,) = template.candidates
    settings = template.manifest.settings | {"budget": {"evaluations": EVALUATIONS}}
    manifest = replace(template.manifest, settings=settings)

    def retrained(true, times):
        scores = true + rng.normal(0, NOISE, times)
        return tuple(float(s) for s in scores if rng.random() > 1 / 20)

    def one(k):
        saved, true = rng.exponential(0.4, EVALUATIONS), 0.98 - rng.exponential(0.02, EVALUATIONS)
        saved -= 0.2
        true -= 0.01 * saved
        search = true + rng.normal(0, NOISE, EVALUATIONS)
        candidates = tuple(
            replace(
                child, step=f"g{i // 4}.c{i % 4}", source=str(i),
                objectives=Objectives(float(search[i]), round(SEED_SIZE / 10 ** saved[i])),
            )
            for i in range(EVALUATIONS)
        )  # fmt: skip
        seed = 0.98 + rng.normal(0, NOISE)
        run = replace(
            template, folder=Path(str(k)), manifest=manifest, candidates=candidates, finals={},
            seed_objectives=Objectives(float(seed), SEED_SIZE), retrained={},
        )  # fmt: skip
        by_step = dict(zip([c.step for c in candidates], true, strict=True))
        finals = {"seed": tuple(float(s) for s in 0.98 + rng.normal(0, NOISE, 3))}
        for network in run.hall_of_fame:
            finals[network.step] = retrained(by_step[network.step], run.plans_retrainings(network))
        return replace(run, finals=finals)

    return [one(k) for k in range(n)]


def arm_of(runs, name="full"):
    """Return an arm of runs, numbered as its seeds."""
    numbered = [
        replace(run, manifest=replace(run.manifest, seed=seed)) for seed, run in enumerate(runs)
    ]
    return Arm(name=name, runs=tuple(numbered), planned=len(numbered))
