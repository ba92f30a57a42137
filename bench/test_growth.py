"""What a run of many candidates holds and costs as it grows, and how busy it keeps many workers."""

import hashlib
import math
import os
import tempfile
import threading
import time
from contextlib import closing
from random import Random

import numpy as np
import pytest
from PIL import Image

from bench.scheduling import generations_s, steady_state_s
from harness.config.compose import compose
from harness.evaluation.backend import Backend
from harness.evaluation.executor import LocalThreads
from harness.evolution.candidate import Evaluation, Gated
from harness.record import database
from harness.record.events import read_event
from harness.record.journal import Journal, find_runs, is_complete, read_entries
from harness.runs.runner import complete_runs
from tests.support.backends import ImaginedTrainings
from tests.support.growth import Watched, numbered, table_of

SCHEDULES = ["generational", "steady_state"]
MANY, TRAINED, WORKERS, MEAN_S = 10_000, 200, 256, 12.0


@pytest.fixture
def no_wait(monkeypatch):
    """A journal that does not wait for the disk: what is left grows with the run, or does not."""
    monkeypatch.setattr(database, "SYNCHRONOUS", "OFF")


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Return the folder of temporary files, of this process alone."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def told_of(looks):
    """Compare what was held and taken early in a run with its end, candidate by candidate."""
    start, early, before, late = looks[1], looks[2], looks[-2], looks[-1]

    def a_candidate(one, other, name):
        return (
            1e3 * (getattr(other, name) - getattr(one, name)) / (other.candidates - one.candidates)
        )

    def halves(name):
        """The most of each half: jobs in flight hold some of it for a moment."""
        found = [getattr(look, name) for look in looks[1:]]
        return f"{max(found[: len(found) // 2])} and {max(found[len(found) // 2 :])}"

    n = late.candidates - early.candidates
    return {
        f"processor time a candidate, {start.candidates:,} to {early.candidates:,}": (
            f"{a_candidate(start, early, 'cpu_s'):.1f} ms"
        ),
        f"the same, {before.candidates:,} to {late.candidates:,}": (
            f"{a_candidate(before, late, 'cpu_s'):.1f} ms"
        ),
        "wall time a candidate, first and last": (
            f"{a_candidate(start, early, 'wall_s'):.0f} and {a_candidate(before, late, 'wall_s'):.0f} ms"
        ),
        "memory of the driver, a candidate more": f"{1024 * (late.mib - early.mib) / n:.1f} KiB",
        "memory of the driver at the end": f"{late.mib:.0f} MiB",
        "descriptors, early and late": halves("descriptors"),
        "threads, early and late": halves("threads"),
        "processes below, early and late": halves("processes"),
        "temporary files, early and late": halves("temporary"),
        "load of the machine": f"{os.getloadavg()[0]:.1f}",
    }


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_ten_thousand_candidates(benchmark, tmp_path, temporary, no_wait, schedule):
    """The loop, the journal and the gates' parser; trainings are imagined."""
    watched = Watched(ImaginedTrainings(), every=MANY // 10, temporary=temporary)
    config = compose(numbered(tmp_path, MANY, f"schedule={schedule}"))
    benchmark.pedantic(lambda: complete_runs([config], watched), rounds=1)
    benchmark.extra_info |= told_of(watched.looks)
    (folder,) = find_runs(tmp_path)
    assert is_complete(folder)
    assert watched.looks[-1].candidates == MANY
    began = time.process_time()
    n = len(read_entries(folder))
    took = time.process_time() - began
    benchmark.extra_info |= {
        f"reading its journal of {n:,} events": f"{took:.1f} s, {1e6 * took / n:.0f} µs an event"
    }


def test_hundreds_trained(benchmark, tmp_path, temporary):
    """The sandbox with all its processes: a few hundred parameters, sixty images, one epoch."""
    draw = np.random.default_rng(0)
    for part, label, k in np.ndindex(2, 4, 15):
        where = tmp_path / "images" / ("train", "test")[part] / str(label)
        where.mkdir(parents=True, exist_ok=True)
        image = draw.integers(0, 60, (8, 8)) + 60 * label
        Image.fromarray(image.astype("u1")).save(where / f"{k}.png")
    config = compose(
        numbered(
            tmp_path, TRAINED, "task=image_folder", "task.size=16",
            f"task.path={tmp_path / 'images'}", "recipe.epochs=1", "search.retrain=true",
        )
    )  # fmt: skip
    with closing(LocalThreads(cache=False)) as executor:
        watched = Watched(executor, every=TRAINED // 10, temporary=temporary)
        benchmark.pedantic(lambda: complete_runs([config], watched), rounds=1)
    early, late = watched.looks[2], watched.looks[-1]
    assert late.candidates == TRAINED
    slope = 1024 * (late.worker_mib - early.worker_mib) / (late.candidates - early.candidates)
    benchmark.extra_info |= told_of(watched.looks) | {
        "memory of the worker's server, a candidate more": f"{slope:.1f} KiB",
        "memory of the worker's server at the end": f"{late.worker_mib:.0f} MiB",
    }


def test_the_table_of_three_hundred_runs(benchmark, tmp_path):
    """Six arms at fifty seeds, with two hundred proposals each, beside a tenth of them."""
    few = table_of(tmp_path, 5)
    many = benchmark.pedantic(lambda: table_of(tmp_path, 50), rounds=1)
    assert many < 12 * few
    benchmark.extra_info |= {
        "processor time of the table of 30 runs": f"{few:.1f} s",
        "of 300 runs": f"{many:.1f} s",
        "load of the machine": f"{os.getloadavg()[0]:.1f}",
    }


class Sleeps:
    """An executor whose trainings sleep for lengths that a seed decides, by the child's step."""

    def open(self, config, dataset, network, *, on_epoch=None):
        self._network, self._mutex = network, threading.Lock()
        self.began = self.first = self.ended = None
        machine = {"device": "cpu", "torch": "0", "sandbox": "none"}
        return Backend(validate=self._gates, evaluate=self, workers=WORKERS, machine=machine)

    def search(self, genome, *, seed, split="validation", epochs=None):
        draw, seconds = Random(genome["notes"]), 0.0
        if genome != self._network:
            self.first = self.first or time.perf_counter()
            seconds = length_s(step_of(genome))
            time.sleep(seconds)
            with self._mutex:
                self.ended = time.perf_counter()
        score, size = draw.uniform(0.9, 1), draw.randrange(1, 10**6)
        return Evaluation(score=score, n_params=size, train_s=seconds)

    def final(self, genome, *, seed):
        return Evaluation(score=0.9, validation=0.9, n_params=1, train_s=0.0)

    def _gates(self, genome, *, seed):
        behaviour = hashlib.md5(genome["notes"].encode()).hexdigest()
        if genome == self._network:
            return Gated(behaviour=behaviour, flops=10**6)
        self.began = self.began or time.perf_counter()
        guess = predicted_s(step_of(genome)) / MEAN_S
        return Gated(behaviour=behaviour, flops=round(10**6 * guess))


def step_of(genome):
    return genome["notes"].split('"')[1]


def length_s(step):
    """Seconds of a training: log-normal, a third more or less."""
    return MEAN_S * math.exp(Random(f"length of {step}").gauss(-0.045, 0.3))


def predicted_s(step):
    """What the clock of a search takes them for, a third more or less than they take."""
    return length_s(step) * math.exp(Random(f"guess of {step}").gauss(0, 0.3))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_many_workers(benchmark, tmp_path, no_wait, schedule):
    """Wall time of a search on 256 places against that of the same lengths with nothing else."""
    n = 8 * WORKERS
    size = n if schedule == "generational" else 4
    more = [f"schedule={schedule}", f"sizes.founders={size}", f"sizes.offspring={size}"]
    if schedule == "steady_state":
        more += [f"schedule.under_way={2 * WORKERS}", f"schedule.workers={WORKERS}"]
    sleeps = Sleeps()
    config = compose(numbered(tmp_path, n, *more))
    benchmark.pedantic(lambda: complete_runs([config], sleeps), rounds=1)
    (folder,) = find_runs(tmp_path)
    assert is_complete(folder)
    steps = [f"g{k // size}.c{k % size}" for k in range(n)]
    lengths, guesses = [*map(length_s, steps)], [*map(predicted_s, steps)]
    allowed = (
        generations_s(lengths, size=size, workers=WORKERS)
        if schedule == "generational"
        else steady_state_s(lengths, guesses, under_way=2 * WORKERS, workers=WORKERS)
    )
    took, trained = sleeps.ended - sleeps.began, sleeps.ended - sleeps.first
    assert sum(lengths) / WORKERS < trained
    benchmark.extra_info |= {
        "workers, trainings, mean seconds of one": f"{WORKERS}, {n:,}, {MEAN_S:g}",
        "scheduling alone": f"{allowed:.1f} s",
        "from the first training to the last": f"{trained:.1f} s, ratio {allowed / trained:.3f}",
        "from the first gate to the last training": f"{took:.1f} s, ratio {allowed / took:.3f}",
        "busy, as scheduling allows and as measured": (
            f"{sum(lengths) / WORKERS / allowed:.0%} and {sum(lengths) / WORKERS / trained:.0%}"
        ),
        "load of the machine": f"{os.getloadavg()[0]:.1f}",
    }


def test_waiting_for_the_disk(benchmark, tmp_path):
    """Durable events a second bound how many workers can be kept busy: a candidate has three."""

    outcome = {"score": 0.5, "n_params": 3, "train_s": 1.0}
    events = iter([read_event(f"training/search/{k:064x}/1", outcome) for k in range(200)])
    with Journal(tmp_path / "run", wait_s=0) as journal:
        benchmark.pedantic(lambda: journal.record(next(events)), rounds=200)
    assert len(read_entries(tmp_path / "run")) == 200
    level = database.SYNCHRONOUS
    benchmark.extra_info |= {
        f"an event, synchronous={level}, median": f"{1e3 * benchmark.stats.stats.median:.1f} ms",
        "load of the machine": f"{os.getloadavg()[0]:.1f}",
    }
