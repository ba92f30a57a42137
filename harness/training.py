"""Training one network inside a worker. A door to torch."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

from harness.config import Recipe
from harness.images import Images
from harness.wire import Array


class DivergedError(Exception):
    """The training loss is not finite any more."""


def as_input(images: torch.Tensor, *, size_px: int | None = None) -> torch.Tensor:
    """Turn uint8 images into float32 in [0, 1], channels last in memory, resized if so asked."""
    inputs = images.float().div_(255)
    if size_px is not None:
        size = (size_px, size_px)
        inputs = nn.functional.interpolate(inputs, size, mode="bilinear", align_corners=False)
    return inputs.contiguous(memory_format=torch.channels_last)


def lay_channels_last(network: nn.Module) -> None:
    """Lay convolution weights out as the images are; other shapes have no such layout.

    ``Module.to(memory_format=...)`` refuses a network with a parameter of five dimensions.
    """
    for parameter in nn.Module.parameters(network):
        if not nn.parameter.is_lazy(parameter) and parameter.dim() == 4:  # noqa: PLR2004 - (out, in, height, width)
            parameter.data = parameter.data.to(memory_format=torch.channels_last)


def train(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    data: Images,
    *,
    recipe: Recipe,
    seed: int,
    device: str,
    after_epoch: Callable[[], None] | None = None,
) -> None:
    """Train in place; DivergedError as soon as an epoch's loss is not finite."""
    rng = torch.Generator().manual_seed(seed)
    images = torch.from_numpy(data.images).to(device)
    labels = torch.from_numpy(data.labels).to(device)
    schedule = _SCHEDULES[recipe.schedule](recipe, -(-len(labels) // recipe.batch_size))
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule.factor)
    half = torch.float16 if device == "cuda" else torch.bfloat16
    scaler = torch.amp.GradScaler(device, enabled=recipe.mixed_precision and device == "cuda")
    for epoch in range(recipe.epochs):
        network.train()
        total = torch.zeros((), device=device)
        for batch in _batches(len(labels), recipe.batch_size, rng):
            inputs = as_input(images[batch.to(device)], size_px=recipe.size_px)
            inputs = augment(inputs, recipe, rng)
            with torch.autocast(device, half, enabled=recipe.mixed_precision):
                loss = nn.functional.cross_entropy(network(inputs), labels[batch.to(device)])
            optimizer.zero_grad(set_to_none=True)
            scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            scaler.step(optimizer)
            scaler.update()
            scheduler.step()
            total += loss.detach()
        if not torch.isfinite(total):  # one synchronisation per epoch, not per step
            raise DivergedError(f"the training loss is not finite in epoch {epoch + 1}")
        if after_epoch is not None:
            after_epoch()
        if not schedule.goes_on(float(total)):
            break


@torch.no_grad()
def predict(network: nn.Module, inputs: torch.Tensor, *, batch_size: int) -> Array:
    """Return the logits of inputs as ``as_input`` gives them, (n, classes) float32."""
    network.eval()
    pieces = [network(batch).float().cpu().numpy() for batch in torch.split(inputs, batch_size)]
    return np.concatenate(pieces).astype("<f4")


class Decay:
    """A linear warm-up over a share of all steps, then a linear decay to zero."""

    def __init__(self, recipe: Recipe, n_batches: int) -> None:
        self._n_steps = n_batches * recipe.epochs
        self._warmup = max(1, round(self._n_steps * recipe.warmup_share))

    def factor(self, step: int) -> float:
        """Return the factor on each parameter group's own rate: it keeps what it chose."""
        left = (self._n_steps - step) / max(1, self._n_steps - self._warmup + 1)
        return min((step + 1) / self._warmup, left, 1.0)

    def goes_on(self, loss: float) -> bool:
        """Say whether another epoch follows one with this loss."""
        del loss
        return True


class Plateau:
    """A linear warm-up from a thousandth, then less when the loss stops falling (Morris 2024)."""

    def __init__(self, recipe: Recipe, n_batches: int) -> None:
        del n_batches
        self._recipe = recipe
        self._scale, self._best, self._waited = 1.0, math.inf, 0

    def factor(self, step: int) -> float:
        """Return the factor on each parameter group's own rate: it keeps what it chose."""
        rise = step / self._recipe.warmup_steps if step < self._recipe.warmup_steps else 1.0
        return self._scale * (_FROM + (1 - _FROM) * rise)

    def goes_on(self, loss: float) -> bool:
        """Lower the rate where the loss has not fallen for long; stop below the least rate."""
        self._waited = 0 if loss < self._best else self._waited + 1
        self._best = min(loss, self._best)
        if self._waited == self._recipe.plateau_epochs:
            self._scale, self._waited = self._scale * self._recipe.plateau_factor, 0
        return self._recipe.lr * self._scale >= self._recipe.min_lr


_FROM = 1 / 1000
_SCHEDULES: dict[str, type[Decay] | type[Plateau]] = {"decay": Decay, "plateau": Plateau}


def _batches(n_images: int, batch_size: int, rng: torch.Generator) -> Iterator[torch.Tensor]:
    """Shuffle and cut into batches of nearly equal size, so that none is too small to normalise."""
    order = torch.randperm(n_images, generator=rng)
    return iter(order.tensor_split(-(-n_images // batch_size)))


def augment(batch: torch.Tensor, recipe: Recipe, rng: torch.Generator) -> torch.Tensor:
    """Mirror, jitter and translate a batch of inputs, (n, channels, height, width) in [0, 1]."""
    if recipe.flip:
        batch = torch.where(_half(batch, rng), batch.flip(3), batch)
    if recipe.jitter:
        batch = torch.where(_half(batch, rng), _jittered(batch, recipe.jitter, rng), batch)
    if recipe.shift_px:
        batch = _shifted(batch, recipe.shift_px, recipe.shift_p, rng)
    return batch.contiguous(memory_format=torch.channels_last)


def _half(batch: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    chosen = torch.rand(len(batch), generator=rng) < 0.5  # noqa: PLR2004 - half of them
    return chosen.to(batch.device)[:, None, None, None]


def _jittered(batch: torch.Tensor, reach: float, rng: torch.Generator) -> torch.Tensor:
    """Brightness, contrast and saturation, each a blend with black, with grey, without colour."""
    for change in torch.randperm(3, generator=rng).tolist():
        factor = 1 + reach * (2 * torch.rand(len(batch), generator=rng) - 1)
        factor = factor.to(batch.device)[:, None, None, None]
        grey = batch.mean(1, keepdim=True)
        if batch.shape[1] == len(_LUMA):
            grey = (batch * torch.tensor(_LUMA, device=batch.device)[:, None, None]).sum(1, True)
        other = (torch.zeros_like(grey), grey.mean((2, 3), keepdim=True), grey)[change]
        batch = (factor * batch + (1 - factor) * other).clamp(0, 1)
    return batch


_LUMA = (0.2989, 0.587, 0.114)
"""Share of red, green and blue in brightness (ITU-R BT.601)."""


def _shifted(batch: torch.Tensor, reach: int, share: float, rng: torch.Generator) -> torch.Tensor:
    n, _, height, width = batch.shape
    offsets = torch.randint(0, 2 * reach + 1, (2, n), generator=rng).to(batch.device)
    if share < 1:
        stays = torch.rand(n, generator=rng).to(batch.device) >= share
        offsets = torch.where(stays, reach, offsets)
    rows = offsets[0][:, None, None] + torch.arange(height, device=batch.device)[None, :, None]
    columns = offsets[1][:, None, None] + torch.arange(width, device=batch.device)[None, None, :]
    padded = nn.functional.pad(batch, (reach,) * 4)
    picked = torch.arange(n, device=batch.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[picked, rows, columns].permute(0, 3, 1, 2)
