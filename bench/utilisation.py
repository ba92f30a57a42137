"""How busy eight places are: measured with trainings of scripted lengths, and simulated.

``python -m bench.utilisation`` runs the real loop, journals and runs at once. A training only waits:
for a time that its network's text draws from a lognormal distribution (median 1 s, sigma 0.7). Gates
predict it with errors of sigma 0.3. Prints JSON.
"""

import json
import statistics
import tempfile
import threading
import time
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from random import Random

from harness.config.compose import compose, compose_jobs
from harness.evaluation.backend import Backend
from harness.evolution.candidate import Evaluation, Gated
from harness.runs.estimates.simulation import Simulation, Steady, Work
from harness.runs.sweeps.plan import complete_all

PLACES, RUNS, EVALUATIONS = 8, 4, 64
MEDIAN_S, SIGMA, ERROR = 1.0, 0.7, 0.3
HOW = {
    "generations of 8, one run at a time": ("runs_at_once=1",),
    "generations of 8, runs_at_once=4": ("runs_at_once=4",),
    "steady state, one run at a time": (
        "schedule=steady_state", f"schedule.under_way={2 * PLACES}", f"schedule.workers={PLACES}",
    ),
}  # fmt: skip


class Waits:
    """An executor whose trainings wait."""

    def __init__(self, pace: float = 1.0) -> None:
        self.busy_s, self._pace, self._mutex = 0.0, pace, threading.Lock()

    def open(self, config, dataset, network, *, on_epoch=None):
        del config, dataset, network, on_epoch
        machine = {"device": "cpu", "torch": "0", "sandbox": "none"}
        return Backend(validate=self._gates, evaluate=self, workers=PLACES, machine=machine)

    def search(self, genome, *, seed, split="validation", epochs=None):
        del seed, split, epochs
        seconds = self._pace * lengths(genome.digest)[0]
        time.sleep(seconds)
        with self._mutex:
            self.busy_s += seconds
        draw = Random(genome.digest)
        return Evaluation(score=draw.random(), n_params=draw.randrange(1, 10**6), train_s=seconds)

    def final(self, genome, *, seed):
        outcome = self.search(genome, seed=seed)
        return replace(outcome, validation=outcome.score)

    def _gates(self, genome, *, seed):
        del seed
        return Gated(flops=round(1e6 * lengths(genome.digest)[1]))


def lengths(name):
    """Return how long a training takes, and what its FLOPs predict."""
    draw = Random(f"length of {name}")
    seconds = draw.lognormvariate(0, SIGMA) * MEDIAN_S
    return seconds, seconds * draw.lognormvariate(0, ERROR)


def measured(how, folder, *, pace=1.0, runs=RUNS, evaluations=EVALUATIONS):
    """Return the wall time and the busy share of runs that only wait."""
    jobs = compose_jobs([
        ["ablation=random_mutation", "compare=[]", f"seed={seed}", f"runs_dir={folder}",
         f"budget.evaluations={evaluations}", "sizes.founders=8", "sizes.offspring=8",
         "final.seeds=1", "final.hall_of_fame=1", "display=plain", "preflight=false", *HOW[how]]
        for seed in range(runs)
    ])  # fmt: skip
    executor, began = Waits(pace), time.monotonic()
    complete_all(jobs, executor)
    wall_s = time.monotonic() - began
    return wall_s, executor.busy_s / (PLACES * wall_s)


def simulated(how, *, runs=RUNS, evaluations=EVALUATIONS, times=20):
    """Return the median busy share of simulations of the same."""
    config = compose(["ablation=random_mutation", *HOW[how]])
    shares = []
    for number in range(times):
        draw = Random(number)
        steady = Steady(
            under_way=2 * PLACES, workers=PLACES, answer=0.0,
            error=lambda draw=draw: draw.lognormvariate(0, ERROR),
        )  # fmt: skip
        work = Work(
            generations=[8] * (evaluations // 8), finals=(1, 1),
            train_s=lambda draw=draw: draw.lognormvariate(0, SIGMA) * MEDIAN_S,
            answer_s=lambda: 0.0, answers=8,
            steady=steady if "steady" in how else None,
        )  # fmt: skip
        simulation = Simulation(workers=PLACES, at_once=config.runs_at_once)
        shares.append(simulation.run([work] * runs).busy)
    return statistics.median(shares)


def main() -> None:
    """Measure, simulate, print."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, how in enumerate(HOW):
            with Path(folder, "output").open("a") as output, redirect_stdout(output):
                wall_s, busy = measured(how, Path(folder, str(number)))
            found[how] = {
                "wall_s": round(wall_s, 1),
                "busy": round(busy, 3),
                "simulated": round(simulated(how), 3),
            }
    print(
        json.dumps({"places": PLACES, "runs": RUNS, "evaluations": EVALUATIONS} | found, indent=2)
    )


if __name__ == "__main__":
    main()
