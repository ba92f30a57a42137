"""Training in the worker, scoring outside it."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from harness.config.compose import compose
from harness.config.strategies import build
from harness.evolution.candidate import Evaluation, Rejection
from harness.sandbox.shared_data import SharedData
from harness.tasks.image_classification.augmentation import augment
from harness.tasks.image_classification.kind import KIND
from harness.tasks.image_classification.preprocess import as_input
from harness.tasks.image_classification.recipe import ImageRecipe
from harness.worker.training import Plateau, Training, predict
from tests.support.backends import open_backend
from tests.support.jobs import finish_training, train_job

RECIPE = ImageRecipe(
    epochs=4, batch_size=16, lr=0.1, weight_decay=0.0, warmup_share=0.25, flip=True, shift_px=2
)


def test_the_seed_network_learns(untrained, config, digits, network):
    longer = replace(config, recipe=replace(config.recipe, epochs=4))
    outcome = untrained(longer, digits, network).evaluate.search(network, seed=1)
    assert isinstance(outcome, Evaluation)
    assert outcome.score > 0.9
    assert outcome.n_params == 518_230


def test_same_seed_same_bits_in_another_worker_other_seed_other_network(
    config, digits, network, backend, untrained
):
    other = untrained(config, digits, network)
    assert other.evaluate._sandbox is not backend.evaluate._sandbox
    first, again = backend.evaluate.search(network, seed=5), other.evaluate.search(network, seed=5)
    third = other.evaluate.search(network, seed=6)
    assert isinstance(first, Evaluation)
    assert replace(first, train_s=0) == replace(again, train_s=0)
    assert replace(first, train_s=0) != replace(third, train_s=0)


def test_score_is_the_share_of_right_labels_computed_outside(backend, network, digits):
    """A network that always answers class 3 scores the share of threes, whatever it claims."""
    body = """class ExquisiteNetV2(nn.Module):
    accuracy = 1.0

    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, class_num, 1)

    def forward(self, x):
        logits = self.mix(x).mean(dim=(2, 3))
        return logits if self.training else logits * 0 + F.one_hot(torch.tensor(3), 10)
"""
    outcome = backend.evaluate.search(network.replace("ExquisiteNetV2", body), seed=0)
    assert isinstance(outcome, Evaluation)
    assert outcome.score == pytest.approx(np.mean(digits.validation.labels == 3))
    final = backend.evaluate.final(network.replace("ExquisiteNetV2", body), seed=0)
    assert isinstance(final, Evaluation)
    assert final.score == pytest.approx(np.mean(digits.test.labels == 3))


@pytest.mark.slow
def test_the_best_epoch_is_kept_by_validation_and_never_told(untrained, config, digits, network):
    """An optimizer that sets all to zero in the last epoch: the network before is what counts."""
    forgets = """class Forgetful(torch.optim.SGD):
    steps = 0

    def step(self, closure=None):
        Forgetful.steps += 1
        super().step(closure)
        if Forgetful.steps > 40:  # 17 steps an epoch, so in the third
            with torch.no_grad():
                for group in self.param_groups:
                    for parameter in group["params"]:
                        parameter.zero_()


def get_optimizer(model, lr, weight_decay, nesterov):
    return Forgetful(model.parameters(), lr=lr, momentum=0.9)
"""
    genome = network.replace("get_optimizer", forgets)
    best = replace(config, recipe=replace(config.recipe, epochs=3, keep_best=True))
    evaluate = untrained(best, digits, network).evaluate
    assert evaluate.search(genome, seed=1).score > 0.3
    assert evaluate.final(genome, seed=1).score > 0.3


def test_the_time_of_a_training_that_fails_is_known(backend, network):
    """An optimizer that fails at its last step, after a second."""
    fails = """class Failing(torch.optim.SGD):
    steps = 0

    def step(self, closure=None):
        Failing.steps += 1
        super().step(closure)
        if Failing.steps > 10:
            import time

            time.sleep(1)
            raise ValueError("no more")


def get_optimizer(model, lr, weight_decay, nesterov):
    return Failing(model.parameters(), lr=lr)
"""
    outcome = backend.evaluate.search(network.replace("get_optimizer", fails), seed=0)
    assert isinstance(outcome, Rejection)
    assert outcome.gate == "train"
    assert 1 < outcome.train_s < 60


def test_the_published_recipe_trains_on_resized_images_and_keeps_the_best_epoch(
    untrained, tiny, network
):
    config = compose([
        *tiny, "recipe=ge2024", "recipe.size_px=48", "recipe.shift_px=2", "recipe.epochs=3",
    ])  # fmt: skip
    dataset = build(config.task).load()
    backend = untrained(config, dataset, network)
    assert backend.validate(network, seed=0).refusal is None
    outcome = backend.evaluate.search(network, seed=1)
    assert isinstance(outcome, Evaluation)
    assert outcome.flops == pytest.approx(3_508_992 * (48 / 32) ** 2, rel=0.3)


def plateau(**settings):
    values = {"schedule": "plateau", "plateau_factor": 0.5, "plateau_epochs": 2, "min_lr": 0.02}
    return Plateau(replace(RECIPE, **(values | settings)), 4)


def test_a_plateau_lowers_the_rate_and_ends_below_the_least():
    schedule = plateau()
    goes_on = [schedule.continues(loss) for loss in (5.0, 4.0, 4.0, 4.5, 3.0, 3.0, 3.0, 2.0)]
    assert goes_on == [True] * 8
    assert schedule.factor(9) == 0.25  # halved after the fourth and the seventh
    assert [schedule.continues(9.0) for _ in range(2)] == [True, False]  # 0.1 / 8 is below 0.02


def test_the_rate_rises_from_a_thousandth():
    schedule = plateau(warmup_steps=40)
    assert schedule.factor(0) == 0.001
    assert schedule.factor(20) == pytest.approx(0.5005)
    assert schedule.factor(40) == schedule.factor(99) == 1


def test_augmentation_is_what_it_says():
    inputs = torch.rand(4000, 3, 8, 8, generator=torch.Generator().manual_seed(0))

    def augmented(**settings):
        recipe = replace(RECIPE, **({"flip": False, "shift_px": 0} | settings))
        return augment(inputs, recipe, torch.Generator().manual_seed(1))

    assert torch.equal(augmented(), inputs)
    same = (augmented(flip=True) == inputs).flatten(1).all(1)
    assert 0.45 < same.float().mean() < 0.55
    moved = augmented(shift_px=2, shift_p=0.5)
    stays = (moved == inputs).flatten(1).all(1)
    assert 0.5 < stays.float().mean() < 0.57  # of those that may move, one in 16 moves by nothing
    jittered = augmented(jitter=0.05)
    changed = (jittered != inputs).flatten(1).any(1)
    assert 0.45 < changed.float().mean() < 0.55
    brightness = jittered.mean((1, 2, 3)) / inputs.mean((1, 2, 3))
    assert 0.9 < brightness.min() < 0.97
    assert 1.03 < brightness.max() < 1.1
    assert 0 <= jittered.min() <= jittered.max() <= 1


def test_more_operations_than_allowed_are_refused(backend, network, monkeypatch):
    sandbox = backend.evaluate._sandbox
    needed = backend.evaluate.search(network, seed=0).flops
    for cap, kind in ((needed - 1, "cap"), (needed, None)):
        monkeypatch.setattr(sandbox, "limits", replace(sandbox.limits, flops=cap))
        assert getattr(backend.evaluate.search(network, seed=0), "kind", None) == kind


def test_the_evolved_optimizer_is_the_one_that_trains(backend, network):
    frozen = """def get_optimizer(model, lr, weight_decay, nesterov):
    return torch.optim.SGD(model.parameters(), lr=0.0)
"""
    outcome = backend.evaluate.search(network.replace("get_optimizer", frozen), seed=1)
    assert isinstance(outcome, Evaluation)
    assert outcome.score < 0.35


class Linear(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(12, 2)

    def forward(self, x):
        return self.linear(x.flatten(1))


def test_each_group_keeps_its_own_rate_and_momentum_under_warm_up_and_decay():
    rates = []

    class Watched(torch.optim.SGD):
        def step(self, closure=None):
            rates.append(tuple((g["lr"], g["momentum"]) for g in self.param_groups))
            return super().step(closure)

    network = Linear()
    groups = [
        {"params": [network.linear.weight], "lr": 0.5, "momentum": 0.3},
        {"params": [network.linear.bias], "lr": 0.05},
    ]
    rng = np.random.default_rng(0)
    data = SharedData(
        inputs=rng.integers(0, 255, (64, 3, 2, 2), "u1"), labels=rng.integers(0, 2, 64).astype("i8")
    )
    optimizer = Watched(groups, momentum=0.9)
    training = Training(network, optimizer, data, kind=KIND, recipe=RECIPE, seed=0, device="cpu")
    assert list(training.epochs()) == [1, 2, 3, 4]
    assert len(rates) == 16
    peaks = [max(step[g][0] for step in rates) for g in (0, 1)]
    assert peaks == pytest.approx([0.5, 0.05])
    assert rates[0][0][0] == pytest.approx(0.125)
    assert rates[-1][0][0] < 0.06
    assert {step[0][1] for step in rates} == {0.3}
    assert all(step[0][0] == pytest.approx(10 * step[1][0]) for step in rates)


def test_augmentation_mirrors_half_and_shifts_within_reach():
    image = torch.zeros(400, 1, 9, 9, dtype=torch.uint8)
    image[:, 0, 4, 3] = 255
    out = augment(image, RECIPE, torch.Generator().manual_seed(0))
    rows, columns = (out[:, 0] == 255).nonzero()[:, 1], (out[:, 0] == 255).nonzero()[:, 2]
    assert len(rows) == 400
    assert set(rows.tolist()) == {2, 3, 4, 5, 6}
    assert set(columns.tolist()) == {1, 2, 3, 4, 5, 6, 7}  # 3 or mirrored 5, two either way
    plain = replace(RECIPE, flip=False, shift_px=0)
    assert torch.equal(augment(image, plain, torch.Generator()), image)


def test_logits_do_not_depend_on_the_batch():
    network = Linear().eval()
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (50, 3, 2, 2), "u1"))
    whole = predict(network, as_input(images), batch_size=50)
    parts = predict(network, as_input(images), batch_size=7)
    assert np.allclose(whole, parts, atol=1e-6)
    assert whole.dtype == np.float32


def test_no_harness_module_starts_torch_in_the_process_that_keeps_the_labels():
    code = "import sys, harness.runs.runner; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_parameters_of_any_number_of_dimensions_train(backend, network):
    """A network that torch's own ``to(memory_format=...)`` would refuse."""
    body = (
        network["DW"]
        .replace(
            "self.act =", "self.gate = nn.Parameter(torch.ones(1, 1, c, 1, 1))\n        self.act ="
        )
        .replace("self.act(self.dw(x))", "self.act(self.dw(x)) * self.gate[0]")
    )
    genome = network.replace("DW", body)
    assert backend.validate(genome, seed=0).refusal is None
    assert isinstance(backend.evaluate.search(genome, seed=0), Evaluation)


def test_same_seed_same_bits_however_many_train_beside_it(network, tiny):
    """Two threads each, one after the other and then three at once on whatever cores there are."""
    config = compose([*tiny, "limits.threads=2", "recipe.epochs=2"])
    dataset = build(config.task).load()

    def weights_and_logits(seed):
        job = train_job(network, backend.evaluate._signature, config.recipe, seed=seed)
        sandbox = backend.evaluate._sandbox
        with sandbox.run(job, time_limit_s=60) as session:
            finish_training(session)
            return [session.receive().tobytes() for _ in range(3)]

    with open_backend(config, dataset, network) as backend:
        alone = [weights_and_logits(seed) for seed in range(3)]
        with ThreadPoolExecutor(3) as pool:
            together = list(pool.map(weights_and_logits, range(3)))
    assert alone == together
    assert alone[0][1:] != alone[1][1:]
