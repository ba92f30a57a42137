"""Training one network inside a worker. A door to torch."""

import io
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from harness.config.schema import Recipe
from harness.sandbox.shared_data import SharedData
from harness.tasks.kind import Kind
from harness.typing import Array

_CHECK_EVERY = 32
"""Steps between two checks of the loss."""


class DivergedError(Exception):
    """The training loss is no longer finite."""


class Steps:
    """Optimizer steps of one network by a recipe: loss, gradients, update, learning rate.

    Args:
        network: The network, in training mode.
        optimizer: Its optimizer.
        kind: The task's kind.
        recipe: The recipe.
        n_batches: Steps of one epoch.
        device: ``cpu`` or ``cuda``.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        kind: Kind,
        recipe: Recipe,
        n_batches: int,
        device: str,
    ) -> None:
        self._network, self._optimizer = network, optimizer
        self._kind, self._recipe, self._device = kind, recipe, device
        self.schedule = _SCHEDULES[recipe.schedule](recipe, n_batches)
        self._rates = torch.optim.lr_scheduler.LambdaLR(optimizer, self.schedule.factor)
        bfloat16 = device == "cpu" or torch.cuda.is_bf16_supported()
        self._half = torch.bfloat16 if bfloat16 else torch.float16
        # Where the loss has to be scaled, every step waits to see whether gradients overflowed.
        scales = recipe.mixed_precision and not bfloat16
        self._scaler = torch.amp.GradScaler(device, enabled=scales)

    def __call__(self, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Take one step on a batch of prepared inputs, (n, ...), and return its loss."""
        with torch.autocast(self._device, self._half, enabled=self._recipe.mixed_precision):
            loss = self._kind.loss(self._network(inputs), labels)
        self._optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._rates.step()
        return loss.detach()

    def parts(self) -> dict[str, Any]:
        """Return everything with a ``state_dict``, by name."""
        return {
            "network": self._network,
            "optimizer": self._optimizer,
            "rates": self._rates,
            "scaler": self._scaler,
        }


class Training:
    """Training of one network by a recipe, epoch by epoch, so that it can be interrupted.

    The data lie on the device as they are stored, and are prepared and augmented there. No step
    waits for the device, unless the recipe asks for mixed precision on one without bfloat16.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        data: SharedData,
        *,
        kind: Kind,
        recipe: Recipe,
        seed: int,
        device: str,
    ) -> None:
        self._network, self._kind = network, kind
        self._recipe, self._device = recipe, device
        self._inputs = torch.from_numpy(data.inputs).to(device)
        self._labels = torch.from_numpy(data.labels).to(device)
        self._rng = torch.Generator(device).manual_seed(seed)
        n_batches = -(-len(self._labels) // recipe.batch_size)
        self._step = Steps(
            network, optimizer, kind=kind, recipe=recipe, n_batches=n_batches, device=device
        )
        self._schedule = self._step.schedule
        self.epoch = 0
        """Number of finished epochs."""
        self._ended = False

    def epochs(self) -> Iterator[int]:
        """Train to the recipe's end, yielding the number of finished epochs after each.

        Raises:
            DivergedError: The loss is not finite; raised soon after.
        """
        while self.epoch < self._recipe.epochs and not self._ended:
            loss = self._one_epoch()
            self.epoch += 1
            self._ended = not self._schedule.continues(loss)
            yield self.epoch

    def _one_epoch(self) -> float:
        """Return the sum of the batches' losses."""
        self._network.train()
        monitor = _LossMonitor(self._device, self.epoch + 1)
        total = torch.zeros((), device=self._device)
        for step, batch in enumerate(self._batches()):
            inputs = self._kind.prepare(self._inputs[batch], self._recipe)
            inputs = self._kind.augment(inputs, self._recipe, self._rng)
            total += self._step(inputs, self._labels[batch])
            if step % _CHECK_EVERY == _CHECK_EVERY - 1:
                monitor.check(total)
        return monitor.finish(total)

    def _batches(self) -> tuple[torch.Tensor, ...]:
        """Shuffle and cut into batches of nearly equal size: none is too small to normalise."""
        n = len(self._labels)
        order = torch.randperm(n, generator=self._rng, device=self._device)
        return order.tensor_split(-(-n // self._recipe.batch_size))

    def state(self) -> Array:
        """Return all that the rest of the training depends on, (n_bytes,) uint8.

        It leaves out what a network or an optimizer keeps outside its ``state_dict``.
        """
        content = {part: thing.state_dict() for part, thing in self._step.parts().items()} | {
            "schedule": dict(self._schedule.state),
            "epoch": self.epoch,
            "ended": self._ended,
            "augmentation": self._rng.get_state(),
            "random": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state() if self._device == "cuda" else None,
        }
        file = io.BytesIO()
        torch.save(content, file)
        return np.frombuffer(file.getbuffer(), "u1")

    def restore(self, state: Array) -> None:
        """Continue from where ``state`` was taken."""
        content: dict[str, Any] = torch.load(io.BytesIO(state.data), weights_only=True)
        for part, thing in self._step.parts().items():
            thing.load_state_dict(content[part])
        self._schedule.state.update(content["schedule"])
        self.epoch, self._ended = content["epoch"], content["ended"]
        self._rng.set_state(content["augmentation"])
        torch.set_rng_state(content["random"])
        if content["cuda"] is not None:
            torch.cuda.set_rng_state(content["cuda"])


class _LossMonitor:
    """Checks the loss as it was at the last check: computed by now, so that nothing waits."""

    def __init__(self, device: str, epoch: int) -> None:
        self._cuda, self._epoch = device == "cuda", epoch
        self._seen: torch.Tensor | None = None
        self._copied: torch.cuda.Event | None = None

    def check(self, total: torch.Tensor) -> None:
        """Check the copy made last time, and make a new one."""
        if self._seen is not None:
            if self._copied is not None:
                self._copied.synchronize()
            self._require_finite(float(self._seen))
        self._seen = torch.empty((), pin_memory=self._cuda).copy_(total, non_blocking=True)
        if self._cuda:
            self._copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._copied.record()

    def finish(self, total: torch.Tensor) -> float:
        """Check and return the loss at the end of the epoch."""
        loss = float(total)
        self._require_finite(loss)
        return loss

    def _require_finite(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise DivergedError(f"the training loss is not finite in epoch {self._epoch}")


@torch.no_grad()
def predict(network: nn.Module, inputs: torch.Tensor, *, batch_size: int) -> Array:
    """Return a network's answers to prepared inputs, (n, ...) float32."""
    network.eval()
    pieces = [network(batch).float().cpu().numpy() for batch in torch.split(inputs, batch_size)]
    return np.concatenate(pieces).astype("<f4")


class Decay:
    """A linear warm-up over a share of all steps, then a linear decay to zero."""

    def __init__(self, recipe: Recipe, n_batches: int) -> None:
        self.state: dict[str, float] = {}
        self._n_steps = n_batches * recipe.epochs
        self._warmup = max(1, round(self._n_steps * recipe.warmup_share))

    def factor(self, step: int) -> float:
        """Return the factor on each parameter group's own rate."""
        left = (self._n_steps - step) / max(1, self._n_steps - self._warmup + 1)
        return min((step + 1) / self._warmup, left, 1.0)

    def continues(self, loss: float) -> bool:
        """Return whether another epoch follows one with this loss."""
        del loss
        return True


class Plateau:
    """A linear warm-up from a thousandth, then less when the loss stops falling (Morris 2024)."""

    def __init__(self, recipe: Recipe, n_batches: int) -> None:
        del n_batches
        self._recipe = recipe
        self.state: dict[str, float] = {"scale": 1.0, "best": math.inf, "waited": 0}

    def factor(self, step: int) -> float:
        """Return the factor on each parameter group's own rate."""
        rise = step / self._recipe.warmup_steps if step < self._recipe.warmup_steps else 1.0
        return self.state["scale"] * (_FROM + (1 - _FROM) * rise)

    def continues(self, loss: float) -> bool:
        """Lower the rate where the loss has not fallen for long; stop below the least rate."""
        state = self.state
        state["waited"] = 0 if loss < state["best"] else state["waited"] + 1
        state["best"] = min(loss, state["best"])
        if state["waited"] == self._recipe.plateau_epochs:
            state["scale"] *= self._recipe.plateau_factor
            state["waited"] = 0
        return self._recipe.lr * state["scale"] >= self._recipe.min_lr


_FROM = 1 / 1000
_SCHEDULES: dict[str, type[Decay] | type[Plateau]] = {"decay": Decay, "plateau": Plateau}
