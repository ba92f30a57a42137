"""What we are compared with, each in a process of its own: ``python -m bench.loops HOW ...``.

``bare``: a training loop on float tensors in memory, and nothing else. ``published``: images read
from files by PIL, changed one by one by torchvision on the CPU, collated by a DataLoader, as the
published recipe feeds them (Morris 2024, code; written anew). Prints images per second from the
second epoch on.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from bench.conftest import SEED_NETWORK


def begun(channels_last, n_classes):
    namespace = {}
    exec(compile(SEED_NETWORK.read_text(), "seed", "exec"), namespace)
    network = namespace["ExquisiteNetV2"](n_classes, 3)
    if channels_last:
        network.to(memory_format=torch.channels_last)
    return network, namespace["get_optimizer"](network, 0.1, 1e-4, True)


def bare(arrays, *, epochs, batch_size):
    with np.load(arrays) as held:
        images = torch.from_numpy(held["images"]).float().div_(255)
        labels = torch.from_numpy(held["labels"])
    images = images.contiguous(memory_format=torch.channels_last)
    network, optimizer = begun(True, int(labels.max()) + 1)
    for epoch in range(epochs):
        if epoch == 1:
            start = time.perf_counter()
        for batch in torch.randperm(len(labels)).split(batch_size):
            loss = nn.functional.cross_entropy(network(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return (epochs - 1) * len(labels) / (time.perf_counter() - start)


def published(folder, *, epochs, batch_size, device="cpu", size_px=None):
    changes = v2.Compose([
        *([v2.Resize((size_px, size_px))] if size_px else []),
        v2.RandomHorizontalFlip(0.5),
        v2.RandomApply([v2.ColorJitter(0.05, 0.05, 0.05)], 0.5),
        v2.RandomApply([v2.RandomAffine(0, translate=(0.05, 0.05))], 0.5),
        v2.ToImage(),
        v2.ToDtype(torch.float32, scale=True),
    ])  # fmt: skip
    data = ImageFolder(folder, changes)
    loader = DataLoader(
        data, batch_size, shuffle=True, num_workers=torch.get_num_threads(),
        pin_memory=device == "cuda",
    )  # fmt: skip
    network, optimizer = begun(False, len(data.classes))
    network.to(device)
    scaler = torch.amp.GradScaler(device, enabled=device == "cuda")
    for epoch in range(epochs):
        if epoch == 1:
            start = time.perf_counter()
        total = 0.0
        for images, labels in loader:
            with torch.autocast(device, torch.float16, enabled=device == "cuda"):
                answers = network(images.to(device))
                loss = nn.functional.cross_entropy(answers, labels.to(device))
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            total += loss.item()
    return (epochs - 1) * len(data) / (time.perf_counter() - start)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("how", choices=("bare", "published"))
    parser.add_argument("data", type=Path, help="arrays (npz), or a folder of one folder per class")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="for the published way")
    parser.add_argument("--size-px", type=int, help="for the published way: resize images to this")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    settings = {"epochs": arguments.epochs, "batch_size": arguments.batch_size}
    if arguments.how == "bare":
        print(bare(arguments.data, **settings))
    else:
        settings |= {"device": arguments.device, "size_px": arguments.size_px}
        print(published(arguments.data, **settings))
