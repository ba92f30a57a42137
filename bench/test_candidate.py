"""What one candidate costs: gates without training, and training beside a bare loop.

Run with ``nox -s bench``; not part of the test suite.
"""

import contextlib
import os
import statistics
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from harness.arms import laboratory
from harness.config import LEVELS
from harness.images import Images
from harness.validation import STATIC_GATES, build_job

NOBODY = {"folder": "/", "pid": 1, "tcp": 1, "udp": 1, "abstract": "nobody"}

BARE_LOOP = """
import sys, time
import torch
from torch import nn
namespace = {}
exec(open(sys.argv[1]).read(), namespace)
torch.set_num_threads(int(sys.argv[2]))
network = namespace["ExquisiteNetV2"](10, 3).to(memory_format=torch.channels_last)
optimizer = namespace["get_optimizer"](network, 0.1, 1e-4, True)
images = torch.rand(1078, 3, 32, 32).contiguous(memory_format=torch.channels_last)
labels = torch.randint(0, 10, (1078,))
for epoch in range(4):
    if epoch == 1:
        start = time.monotonic()
    for batch in torch.randperm(1078).split(64):
        loss = nn.functional.cross_entropy(network(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print(3 * 1078 / (time.monotonic() - start))
"""
THREADS = min(2, os.cpu_count() or 1)


def test_all_gates_without_training(benchmark, lab, network):
    benchmark.pedantic(lab.validate, args=(network,), rounds=40, warmup_rounds=5)


@pytest.mark.parametrize("gate", STATIC_GATES, ids=lambda g: g.__name__)
def test_one_static_gate(benchmark, gate, network):
    """A source is parsed anew in the confined process only once; here it is another each time."""
    fresh = (network.replace("DW", f"{network['DW']}\n\n\nN = {n}\n") for n in range(10**6))
    benchmark.pedantic(gate, setup=lambda: ((next(fresh),), {}), rounds=40, warmup_rounds=5)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("task", ["nothing", "build"])
def test_one_confined_process(benchmark, config, network, digits, level, task):
    """Fork, confine, do nothing or build, end: what each level of the sandbox costs."""
    sandbox = replace(config.sandbox, level="limits")
    with laboratory(replace(config, sandbox=sandbox), digits, network, most=level) as lab:
        box = lab.evaluate._sandbox
        job = build_job("build", network, lab.evaluate._interface, config.recipe, seed=0)
        if task == "nothing":
            job = {"task": "attack", "attacks": [], "target": NOBODY}

        def once():
            with box.run(job, time_limit_s=30) as session:
                session.receive()

        benchmark.pedantic(once, rounds=40, warmup_rounds=5)


def test_first_training_step_confined_and_not(config, network, digits):
    """One step on one batch, from fork to the offered network, in turns; prints the ratio."""
    times = {}
    boxes = {}
    few = Images(images=digits.train.images[:64], labels=digits.train.labels[:64])
    with contextlib.ExitStack() as stack:
        for level in ("limits", "isolated"):
            sandbox = replace(config.sandbox, level="limits")
            chosen = replace(config, sandbox=sandbox)
            lab = stack.enter_context(laboratory(chosen, digits, network, most=level))
            boxes[level] = lab.evaluate._sandbox
            boxes[level].hold(few)
            times[level] = []
        job = build_job("train", network, lab.evaluate._interface, config.recipe, seed=0)
        for _ in range(45):
            for level, box in boxes.items():
                start = time.perf_counter()
                with box.run(job | {"batch_sizes": [8, 6]}, time_limit_s=60) as session:
                    session.receive(), session.receive(), session.receive()
                times[level].append(time.perf_counter() - start)
    medians = {level: statistics.median(taken[5:]) for level, taken in times.items()}
    ratios = [b / a for a, b in zip(*(t[5:] for t in times.values()), strict=True)]
    print({k: f"{1e3 * v:.1f} ms" for k, v in medians.items()},
          f"median of paired ratios {statistics.median(ratios):.3f}")  # fmt: skip


@pytest.fixture
def trained(config, digits, network):
    recipe, limits = replace(config.recipe, epochs=3), replace(config.limits, threads=THREADS)
    with laboratory(replace(config, recipe=recipe, limits=limits), digits, network) as lab:
        yield lambda seed: lab.evaluate.search(network, seed=seed)


def test_three_epochs_in_the_worker(benchmark, trained, digits, network_path):
    """Compare ``images_per_s`` with ``bare_loop_images_per_s``, measured in the same run."""
    seeds = iter(range(100))
    benchmark.pedantic(lambda: trained(next(seeds)), rounds=5, warmup_rounds=1)
    command = [sys.executable, "-c", BARE_LOOP, str(network_path), str(THREADS)]
    bare = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    images = 3 * len(digits.train)
    benchmark.extra_info["images_per_s"] = round(images / benchmark.stats.stats.median)
    benchmark.extra_info["bare_loop_images_per_s"] = round(float(bare))
    print(benchmark.extra_info)
