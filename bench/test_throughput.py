"""Images a second in the worker, beside a bare loop and the published way, in turns."""

import re
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from bench.conftest import CORES, THREADS
from harness.sandbox.child_process import ChildProcess
from harness.sandbox.job import JobFailed
from harness.sandbox.messages import Epoch

MOST_FILES = 10_000
LEAST_OF_BARE = 0.5
"""Least share of a bare loop's images a second; 0.962 and 0.995 are on record."""


def loop(how, data, *, epochs, batch_size=64, threads=THREADS, more=()):
    command = [
        sys.executable, "-m", "bench.loops", how, str(data), "--epochs", str(epochs),
        "--batch-size", str(batch_size), "--threads", str(threads), *more,
    ]  # fmt: skip
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def in_the_worker(box, job, n_images):
    """Images a second from the second epoch on, everything included, timed from outside."""
    ends = []
    with box.run(job, time_limit_s=3600) as session:
        while isinstance(session.receive(), Epoch):
            ends.append(time.perf_counter())
            session.send(False)
    assert len(ends) == job.candidate.recipe.epochs
    return (len(ends) - 1) * n_images / (ends[-1] - ends[0])


def together(n, box, job, n_images):
    """Images a second of n candidates that are trained at once."""
    with ThreadPoolExecutor(n) as pool:
        return sum(pool.map(lambda _: in_the_worker(box, job, n_images), range(n)))


@pytest.mark.parametrize(("task", "epochs", "rounds"), [("digits", 16, 6), ("images", 2, 2)])
def test_against_a_bare_loop(benchmark, trains, datasets, tmp_path, task, epochs, rounds):
    if task not in datasets:
        pytest.skip("needs --images FOLDER: no image folder is named")
    data = datasets[task]
    arrays = tmp_path / "train.npz"
    np.savez(arrays, images=data.train.inputs, labels=data.train.labels)
    ours, bare = [], []
    with trains(data, epochs=epochs) as (box, job):

        def both():
            turns = [
                lambda: bare.append(loop("bare", arrays, epochs=epochs)),
                lambda: ours.append(in_the_worker(box, job, len(data.train))),
            ]
            for turn in turns if len(ours) % 2 else reversed(turns):
                turn()

        benchmark.pedantic(both, rounds=rounds)
    ratios = [a / b for a, b in zip(ours, bare, strict=True)]
    assert statistics.median(ratios) > LEAST_OF_BARE
    benchmark.extra_info |= {
        "in the worker, images/s": round(statistics.median(ours)),
        "bare loop, images/s": round(statistics.median(bare)),
        "worker / bare loop, median of pairs": f"{statistics.median(ratios):.3f}",
        "lowest and highest pair": f"{min(ratios):.3f} to {max(ratios):.3f}",
        "images per epoch": len(data.train),
        "threads": THREADS,
    }


TIMED = """

class Timed(ExquisiteNetV2):
    def forward(self, x):
        import time
        if self.training and x.any():
            began, self.began = getattr(self, "began", None), time.perf_counter()
            if began is not None:
                raise ValueError(f"first step: {self.began - began}")
        return super().forward(x)
"""


def first_step_s(box, job):
    """Seconds from the first batch to the second, told by a network that then gives up."""
    signature = replace(job.candidate.signature, class_name="Timed")
    timed = replace(job.candidate, source=job.candidate.source + TIMED, signature=signature)
    job = replace(job, candidate=timed)
    with pytest.raises(JobFailed) as told, box.run(job, time_limit_s=60) as session:
        session.receive()
    return float(re.search(r"first step: ([\d.]+)", told.value.reason)[1])


def test_the_first_training_step(benchmark, trains, digits):
    """Confined as far as the host allows, beside limits alone."""
    confined, free = [], []
    with (
        trains(digits, epochs=1) as (box, job),
        trains(digits, epochs=1, most="limits") as (open_box, _),
    ):

        def both():
            turns = [
                lambda: confined.append(first_step_s(box, job)),
                lambda: free.append(first_step_s(open_box, job)),
            ]
            for turn in turns if len(free) % 2 else reversed(turns):
                turn()

        benchmark.pedantic(both, rounds=60)
    ratios = sorted(a / b for a, b in zip(confined, free, strict=True))
    low, _, high = statistics.quantiles(ratios, n=4)
    benchmark.extra_info |= {
        "confined, ms": round(1000 * statistics.median(confined)),
        "with limits alone, ms": round(1000 * statistics.median(free)),
        "confined / limits alone, median of pairs": f"{statistics.median(ratios):.3f}",
        "quartiles of pairs": f"{low:.3f} to {high:.3f}",
    }


def written_as_files(split, folder):
    """Write at most 10,000 images of a split as PNG files; return their number."""
    n = 0
    for k, (image, label) in enumerate(zip(split.inputs, split.labels, strict=True)):
        if k % max(1, len(split) // MOST_FILES) == 0:
            where = folder / str(label)
            where.mkdir(exist_ok=True)
            Image.fromarray(image.transpose(1, 2, 0)).save(where / f"{k}.png")
            n += 1
    return n


@pytest.mark.parametrize(("task", "epochs"), [("digits", 4), ("images", 2)])
def test_against_the_published_way(benchmark, trains, datasets, tmp_path, task, epochs):
    """The published augmentation and batches at 32 pixels; theirs from PNG files, at most 10,000.

    Each takes the machine as it would: a candidate for each core here, all cores for one there.
    """
    if task not in datasets:
        pytest.skip("needs --images FOLDER: no image folder is named")
    data, ours, theirs = datasets[task], [], []
    n = written_as_files(data.train, tmp_path)
    recipe = {"flip": True, "jitter": 0.05, "shift_px": 1.6, "shift_p": 0.5, "batch_size": 216}
    with trains(data, epochs=epochs, **recipe) as (box, job):

        def both():
            rate = loop("published", tmp_path, epochs=epochs, batch_size=216, threads=CORES)
            theirs.append(rate)
            ours.append(together(CORES, box, job, len(data.train)))

        benchmark.pedantic(both, rounds=2)
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    benchmark.extra_info |= {
        f"{CORES} candidates at once, same augmentation, images/s together": round(
            statistics.median(ours)
        ),
        f"files, PIL, torchvision, DataLoader, {CORES} threads, images/s": round(
            statistics.median(theirs)
        ),
        "ours / published way, median of pairs": f"{statistics.median(ratios):.2f}",
        "images per epoch": f"{len(data.train)} and {n}",
    }


@pytest.mark.skipif(CORES < 2, reason="needs two cores, this machine has one")
def test_one_candidate_with_two_threads_or_two_with_one(benchmark, trains, digits):
    """What ``limits.threads`` should be, and with it how many candidates are trained at once."""
    rates, n = {1: [], 2: []}, len(digits.train)
    with (
        trains(digits, epochs=16, threads=1) as (one, job),
        trains(digits, epochs=16, threads=2) as (two, _),
    ):

        def both():
            rates[2].append(in_the_worker(two, job, n))
            rates[1].append(together(2, one, job, n))

        benchmark.pedantic(both, rounds=5)
    benchmark.extra_info |= {
        "one candidate, two threads, images/s": round(statistics.median(rates[2])),
        "two candidates, one thread each, images/s together": round(statistics.median(rates[1])),
    }


@pytest.mark.skipif(CORES < 4, reason=f"needs at least four cores, this machine has {CORES}")
def test_scaling_with_workers(benchmark, trains, digits):
    rates, n = {}, len(digits.train)
    with trains(digits, epochs=6) as (box, job):

        def all_of_them():
            for workers in sorted({1, 2, CORES // 2, CORES}):
                rates.setdefault(workers, []).append(together(workers, box, job, n))

        benchmark.pedantic(all_of_them, rounds=3)
    for workers, found in rates.items():
        benchmark.extra_info[f"{workers} workers, images/s together"] = round(
            statistics.median(found)
        )


def test_memory(benchmark, trains, datasets):
    """What one training holds beyond what it shares with the server, at most."""
    task = "images" if "images" in datasets else "digits"
    data, grown = datasets[task], []
    with trains(data, epochs=1 if task == "images" else 3) as (box, job):
        seen = ChildProcess.grown_bytes

        class Watched(ChildProcess):
            @property
            def grown_bytes(self):
                grown.append(seen.fget(self))
                return grown[-1]

        import harness.sandbox.worker_process

        harness.sandbox.worker_process.ChildProcess = Watched
        try:
            benchmark.pedantic(lambda: in_the_worker_once(box, job), rounds=1)
        finally:
            harness.sandbox.worker_process.ChildProcess = ChildProcess
    benchmark.extra_info |= {
        f"one training on {task}, at most": f"{max(grown) / 2**20:.0f} MiB",
        "of which the training images": f"{data.train.inputs.nbytes / 2**20:.0f} MiB",
    }


def in_the_worker_once(box, job):
    with box.run(job, time_limit_s=3600) as session:
        while isinstance(session.receive(), Epoch):
            session.send(False)
        session.receive(), session.receive(), session.receive()
