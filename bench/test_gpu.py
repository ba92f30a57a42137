"""The same on a GPU: context, the published recipe at 224 pixels, what determinism costs.

Accuracy at stated times, and whether a training survives being cut into pieces:
``python -m harness.evaluate baselines/networks/exquisitenet_v2.py recipe=ge2024 device=cuda
task=image_folder task.path=FOLDER limits.train_s=36000 limits.memory_mib=65536`` tells of every epoch
with its time and validation accuracy; interrupted, the same command goes on.
"""

import statistics
import time

import pytest
import torch
from torch import nn

from bench.loops import begun
from bench.test_throughput import in_the_worker
from harness.sandbox.messages import Build

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a CUDA GPU, this machine has none"
)


def bare_on_random_tensors(n_images, *, batch_size, size_px, epochs):
    """Mixed precision, channels last, tensors of the right shape on the device, nothing else."""
    network, optimizer = begun(True, 10)
    network.cuda()
    images = torch.rand(batch_size, 3, size_px, size_px, device="cuda")
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (batch_size,), device="cuda")
    scaler = torch.amp.GradScaler("cuda")
    torch.backends.cudnn.benchmark = True
    for epoch in range(epochs):
        if epoch == 1:
            torch.cuda.synchronize()
            start = time.perf_counter()
        for _ in range(n_images // batch_size):
            with torch.autocast("cuda", torch.float16):
                loss = nn.functional.cross_entropy(network(images), labels)
            optimizer.zero_grad(set_to_none=True)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
    torch.cuda.synchronize()
    return (epochs - 1) * (n_images // batch_size) * batch_size / (time.perf_counter() - start)


def test_context(benchmark, trains, digits):
    """What a process pays before a GPU computes anything, in the sandbox."""
    with trains(digits, device="cuda") as (box, job):

        def once():
            with box.run(Build(candidate=job.candidate), time_limit_s=60) as session:
                session.receive()

        benchmark.pedantic(once, rounds=10, warmup_rounds=1)


def test_the_published_recipe(benchmark, trains, datasets):
    if "images" not in datasets:
        pytest.skip("needs --images FOLDER: no image folder is named")
    data = datasets["images"]
    recipe = {
        "epochs": 3, "batch_size": 216, "size_px": 224, "flip": True, "jitter": 0.05,
        "shift_px": 11.2, "shift_p": 0.5, "mixed_precision": True,
    }  # fmt: skip
    ours, same_bits = [], []
    with (
        trains(data, device="cuda", **recipe) as (box, job),
        trains(data, device="cuda", deterministic=True, **recipe) as (exact, _),
    ):

        def both():
            ours.append(in_the_worker(box, job, len(data.train)))
            same_bits.append(in_the_worker(exact, job, len(data.train)))

        benchmark.pedantic(both, rounds=2)
    bare = bare_on_random_tensors(len(data.train), batch_size=216, size_px=224, epochs=2)
    benchmark.extra_info |= {
        "GPU": torch.cuda.get_device_name(),
        "in the worker, images/s": round(statistics.median(ours)),
        "seconds per epoch": round(len(data.train) / statistics.median(ours), 1),
        "bare loop on random tensors, images/s": round(bare),
        "worker / bare loop": f"{statistics.median(ours) / bare:.2f}",
        "with deterministic=true, images/s": round(statistics.median(same_bits)),
    }
