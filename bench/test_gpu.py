"""The same on a GPU: context, the published recipe at 224 pixels, candidates side by side, same bits.

``--dry-run`` tries all of it on the CPU at tiny sizes. ``nox -s gpu -- --images FOLDER`` runs these,
the tests that need a GPU, and a long training in pieces (``bench.gpu``).
"""

import contextlib
import hashlib
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
import torch
from torch import nn

from bench.conftest import CORES
from bench.gpu.sizes import DRY, GPU, thinned
from bench.loops import begun
from bench.test_throughput import in_the_worker, loop, written_as_files
from harness.evaluation.device_slots import fitting
from harness.sandbox.messages import Build, Built, Epoch

MOST_FILLED = 0.9
"""Share of a GPU's memory up to which candidates are trained side by side."""


@pytest.fixture
def sizes(request):
    if request.config.getoption("--dry-run"):
        return DRY
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU, this machine has none")
    return GPU


@pytest.fixture
def images(sizes, datasets):
    """So many of the images that an epoch takes seconds."""
    if "images" not in datasets:
        pytest.skip("needs --images FOLDER: no image folder is named")
    return thinned(datasets["images"], sizes.n_timed)


class Trained(NamedTuple):
    """What a training showed."""

    rate: float
    """Images a second from the second epoch on."""
    gpu_mib: float
    """Peak of GPU memory that its torch reserved."""
    weights: str
    """Digest of the weights at its end."""


def trained(box, job, n_images, on_epoch=lambda: None):
    """Train, and hear it out to the network at the end."""
    ends = []
    with box.run(job, time_limit_s=3600) as session:
        while isinstance(message := session.receive(), Epoch):
            ends.append(time.perf_counter())
            on_epoch()
            session.send(False)
        _, payload, _ = (session.receive_array(dtype) for dtype in ("u1", "u1", "f4"))
    assert len(ends) == job.candidate.recipe.epochs
    rate = (len(ends) - 1) * n_images / (ends[-1] - ends[0])
    return Trained(rate, message.gpu_mib, hashlib.sha256(payload.tobytes()).hexdigest())


def bare_on_random_tensors(n_images, sizes, *, epochs):
    """Mixed precision, channels last, tensors of the right shape on the device, nothing else."""
    device, on_gpu = sizes.device, sizes.device == "cuda"
    network, optimizer = begun(True, 10)
    network.to(device)
    images = torch.rand(sizes.batch_size, 3, sizes.size_px, sizes.size_px, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (sizes.batch_size,), device=device)
    scaler = torch.amp.GradScaler(device, enabled=on_gpu)
    n_batches = max(1, n_images // sizes.batch_size)
    with torch.backends.cudnn.flags(enabled=True, benchmark=True):
        for epoch in range(epochs):
            if epoch == 1:
                waited_for(device)
                start = time.perf_counter()
            for _ in range(n_batches):
                with torch.autocast(device, torch.float16 if on_gpu else torch.bfloat16):
                    loss = nn.functional.cross_entropy(network(images), labels)
                optimizer.zero_grad(set_to_none=True)
                scaler.scale(loss).backward()
                scaler.step(optimizer)
                scaler.update()
        waited_for(device)
    return (epochs - 1) * n_batches * sizes.batch_size / (time.perf_counter() - start)


def waited_for(device):
    if device == "cuda":
        torch.cuda.synchronize()


def test_context(benchmark, trains, digits, sizes):
    """What a process pays before a GPU computes anything: the build gate there and on the CPU."""
    with (
        trains(digits, device=sizes.device) as (box, job),
        trains(digits) as (cpu_box, _),
    ):
        build = Build(candidate=job.candidate)
        spent = {"on the device": [], "on the CPU": []}

        def both():
            for name, one in zip(spent, (box, cpu_box), strict=True):
                start = time.perf_counter()
                with one.run(build, time_limit_s=120) as session:
                    assert isinstance(session.receive(), Built)
                spent[name].append(1000 * (time.perf_counter() - start))

        benchmark.pedantic(both, rounds=sizes.build_rounds, warmup_rounds=1)
    benchmark.extra_info |= {
        f"build gate {name}, median, ms": round(statistics.median(found[1:]), 1)
        for name, found in spent.items()
    }


def test_the_published_recipe(benchmark, trains, images, sizes):
    """Training in the worker, beside a bare loop on random tensors."""
    n, ours, bare = len(images.train), [], []
    with trains(images, device=sizes.device, **sizes.recipe) as (box, job):

        def both():
            ours.append(in_the_worker(box, job, n))
            bare.append(bare_on_random_tensors(n, sizes, epochs=2))

        benchmark.pedantic(both, rounds=2)
    rate = statistics.median(ours)
    benchmark.extra_info |= {
        "in the worker, images/s": round(rate),
        "worker / bare loop on random tensors": f"{rate / statistics.median(bare):.2f}",
        "seconds per epoch of 40,000 images": round(40_000 / rate, 1),
        "images per epoch": n,
    }


def test_against_the_published_way(benchmark, trains, images, sizes, tmp_path):
    """One candidate here; files, PIL, torchvision and a DataLoader on all cores there."""
    ours, theirs = [], []
    n = written_as_files(images.train, tmp_path)
    more = ("--device", sizes.device, "--size-px", str(sizes.size_px))
    with trains(images, device=sizes.device, **sizes.recipe) as (box, job):

        def both():
            theirs.append(
                loop("published", tmp_path, epochs=2, batch_size=sizes.batch_size, threads=CORES, more=more)
            )  # fmt: skip
            ours.append(in_the_worker(box, job, len(images.train)))

        benchmark.pedantic(both, rounds=2)
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    benchmark.extra_info |= {
        "in the worker, images/s": round(statistics.median(ours)),
        "ours / published way, median of pairs": f"{statistics.median(ratios):.2f}",
        f"files, PIL, torchvision, DataLoader, {CORES} cores, images/s": round(
            statistics.median(theirs)
        ),
        "images per epoch": f"{len(images.train)} and {n}",
    }


class Memory:
    """GPU memory that all processes take beyond what they took at first, in MiB; 0 on a CPU."""

    def __init__(self, device):
        self._on_gpu = device == "cuda"
        self.total_mib, self.taken_mib = 0.0, 0.0
        if self._on_gpu:
            self._free, total = torch.cuda.mem_get_info()
            self.total_mib = total / 2**20

    def look(self):
        if self._on_gpu:
            free, _ = torch.cuda.mem_get_info()
            self.taken_mib = max(self.taken_mib, (self._free - free) / 2**20)


def test_candidates_side_by_side(benchmark, trains, images, sizes):
    """Images a second of all together, and the memory that ``device_slots`` has to know."""
    found, memories = {}, {}
    with trains(images, device=sizes.device, **sizes.recipe) as (box, job):

        def all_of_them():
            for n in sizes.at_once:
                memory = memories[n] = Memory(sizes.device)
                one_mib = memories[1].taken_mib
                if n > 1 and n * one_mib > MOST_FILLED * memory.total_mib > 0:
                    break
                with ThreadPoolExecutor(n) as pool:
                    found[n] = list(
                        pool.map(lambda _: trained(box, job, len(images.train), memory.look), range(n))  # noqa: B023
                    )  # fmt: skip

        benchmark.pedantic(all_of_them, rounds=1)
    for n, results in found.items():
        assert len(results) == n
        rate = sum(one.rate for one in results)
        benchmark.extra_info[f"{n} at once, images/s together"] = round(rate)
    peak_mib, one = found[1][0].gpu_mib, memories[1]
    benchmark.extra_info |= {
        "GPU memory of one, MiB": round(one.taken_mib),
        "of which torch reserved, MiB": round(peak_mib),
        "GPU memory of as many as were tried, MiB": {
            n: round(memories[n].taken_mib) for n in found
        },
        "candidates that device_slots would let share it": fitting(one.total_mib, peak_mib),
    }


def test_determinism(benchmark, trains, images, sizes):
    """What ``deterministic=true`` costs, and whether the same training gives the same weights."""
    n, found = len(images.train), {False: [], True: []}
    with contextlib.ExitStack() as stack:
        boxes = {
            same_bits: stack.enter_context(
                trains(images, device=sizes.device, deterministic=same_bits, **sizes.recipe)
            )
            for same_bits in found
        }

        def both():
            for same_bits, (box, job) in boxes.items():
                found[same_bits].append(trained(box, job, n))

        benchmark.pedantic(both, rounds=2)
    rates = {flag: statistics.median(one.rate for one in pair) for flag, pair in found.items()}
    same = {flag: len({one.weights for one in pair}) == 1 for flag, pair in found.items()}
    benchmark.extra_info |= {
        "same weights twice with deterministic=true": "yes" if same[True] else "no",
        "its images/s relative to deterministic=false": f"{rates[True] / rates[False]:.2f}",
        "same weights twice with deterministic=false": "yes" if same[False] else "no",
        "with deterministic=true, images/s": round(rates[True]),
    }
    assert same[True]
