"""What one candidate costs: gates without training, and training beside a bare loop.

Run with ``nox -s bench``; not part of the test suite.
"""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from harness.arms import laboratory

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
    benchmark.pedantic(lab.validate, args=(network,), rounds=20, warmup_rounds=2)


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
