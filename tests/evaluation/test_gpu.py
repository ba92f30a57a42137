"""What only a GPU can show; elsewhere each of these is skipped and says so.

``GPU_TESTS_ON=cpu`` tries them without one.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch

from harness.config.compose import compose
from harness.config.strategies import build
from harness.evaluation.checkpoint import CheckpointFile
from harness.evolution.candidate import Evaluation
from tests.support.backends import open_backend

DEVICE = os.environ.get("GPU_TESTS_ON", "cuda")
pytestmark = pytest.mark.skipif(
    DEVICE == "cuda" and not torch.cuda.is_available(),
    reason="needs a CUDA GPU, this machine has none",
)
SIZE = ["recipe.size_px=224"] if DEVICE == "cuda" else ["recipe.size_px=32", "recipe.shift_px=1.6"]


@pytest.fixture
def on_gpu(config, digits, network):
    def opened(**settings):
        chosen = replace(config, device=DEVICE, limits=replace(config.limits, memory_mib=32768))
        return open_backend(replace(chosen, **settings), digits, network)

    return opened


def test_deterministic_gives_the_same_score_and_the_bits_of_the_weights_twice(on_gpu, network):
    outcomes = []
    for _ in range(2):
        with on_gpu(deterministic=True) as backend:
            outcomes.append(replace(backend.evaluate.search(network, seed=1), train_s=0))
    assert isinstance(outcomes[0], Evaluation)
    assert outcomes[0] == outcomes[1]


@pytest.mark.skipif(DEVICE != "cuda", reason="candidates share a CPU without limit")
def test_candidates_share_a_gpu_only_at_the_level_that_allows_it(on_gpu, network, config):
    with on_gpu() as backend:
        backend.evaluate.search(network, seed=1)
        assert backend.evaluate._device.slots.n == 1
    with on_gpu(sandbox=replace(config.sandbox, level="limits"), workers=3) as backend:
        backend.evaluate.search(network, seed=1)
        assert backend.evaluate._device.slots.n > 1
        with ThreadPoolExecutor(3) as pool:
            outcomes = list(pool.map(lambda s: backend.evaluate.search(network, seed=s), range(3)))
        assert all(isinstance(outcome, Evaluation) for outcome in outcomes)


def test_the_published_recipe_goes_on_after_an_interruption_as_if_there_was_none(
    tiny, network, tmp_path, monkeypatch
):
    config = compose([
        *tiny, "recipe=ge2024", "recipe.epochs=4", f"device={DEVICE}", "limits.memory_mib=32768",
        "save_every_s=0", "deterministic=true", *SIZE,
    ])  # fmt: skip
    dataset = build(config.task).load()
    outcomes = []
    for name in ("whole", "pieces"):
        kept = replace(config, runs_dir=str(tmp_path / name))
        with open_backend(kept, dataset, network, cache=True) as backend:
            if name == "pieces":
                with monkeypatch.context() as patch:
                    patch.setattr(CheckpointFile, "save", interrupted(CheckpointFile.save))
                    with pytest.raises(KeyboardInterrupt):
                        backend.evaluate.search(network, seed=1)
            outcomes.append(replace(backend.evaluate.search(network, seed=1), train_s=0))
    assert isinstance(outcomes[0], Evaluation)
    assert outcomes[0] == outcomes[1]


def interrupted(save):
    """Save, and then end as if the command was stopped."""

    def saves(place, checkpoint):
        save(place, checkpoint)
        raise KeyboardInterrupt

    return saves
