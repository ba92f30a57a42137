"""A training resumed from a saved state ends like an uninterrupted one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from harness.sandbox.shared_data import SharedData
from harness.tasks.image_classification.kind import KIND
from harness.tasks.image_classification.recipe import ImageRecipe
from harness.worker.training import DivergedError, Training

RECIPE = ImageRecipe(
    epochs=5, batch_size=8, lr=0.1, weight_decay=0.0, flip=True, jitter=0.2, shift_px=1,
    schedule="plateau", plateau_epochs=1, plateau_factor=0.5, min_lr=1e-9,
)  # fmt: skip


class Dropping(nn.Module):
    """Draws at random in training, and has running statistics."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.3))
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))


def begun(recipe=RECIPE, rate=0.1):
    rng = np.random.default_rng(0)
    data = SharedData(
        inputs=rng.integers(0, 255, (40, 3, 8, 8), "u1"), labels=rng.integers(0, 2, 40).astype("i8")
    )
    torch.manual_seed(0)
    network = Dropping()
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    training = Training(network, optimizer, data, kind=KIND, recipe=recipe, seed=3, device="cpu")
    return network, training


@pytest.mark.parametrize("cut", [1, 2, 4])
@pytest.mark.parametrize("schedule", ["plateau", "decay"])
def test_a_training_goes_on_as_if_never_interrupted(cut, schedule):
    recipe = replace(RECIPE, schedule=schedule)
    whole, training = begun(recipe)
    assert list(training.epochs()) == [1, 2, 3, 4, 5]
    _, first = begun(recipe)
    epochs = first.epochs()
    for _ in range(cut):
        next(epochs)
    state = first.state()
    torch.manual_seed(99)  # what another process would have drawn meanwhile
    pieces, second = begun(recipe)
    second.restore(state)
    assert list(second.epochs()) == [1, 2, 3, 4, 5][cut:]
    for name, value in whole.state_dict().items():
        assert torch.equal(value, pieces.state_dict()[name]), name


def test_a_loss_that_is_not_finite_ends_training_within_the_epoch():
    steps = []

    class Exploding(torch.optim.SGD):
        def step(self, closure=None):
            steps.append(1)
            super().step(closure)

    rng = np.random.default_rng(0)
    inputs = rng.integers(0, 255, (1000, 3, 8, 8), "u1")
    data = SharedData(inputs=inputs, labels=np.zeros(1000, "i8"))
    network = Dropping()
    optimizer = Exploding(network.parameters(), lr=float("nan"))
    recipe = replace(RECIPE, batch_size=2)
    training = Training(network, optimizer, data, kind=KIND, recipe=recipe, seed=0, device="cpu")
    with pytest.raises(DivergedError, match="not finite in epoch 1"):
        list(training.epochs())
    assert len(steps) <= 64  # of 500
