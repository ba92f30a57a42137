"""Training one network inside a worker. A door to torch."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

from harness.config import Recipe
from harness.images import Images
from harness.wire import Array


class DivergedError(Exception):
    """The training loss is not finite any more."""


def as_input(images: torch.Tensor) -> torch.Tensor:
    """Turn uint8 images into float32 in [0, 1], channels last in memory."""
    return images.float().div_(255).contiguous(memory_format=torch.channels_last)


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
    n_batches = -(-len(labels) // recipe.batch_size)
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, _rate_factor(n_batches * recipe.epochs, recipe.warmup_share)
    )
    for epoch in range(recipe.epochs):
        network.train()
        total = torch.zeros((), device=device)
        for batch in _batches(len(labels), recipe.batch_size, rng):
            inputs = as_input(_augment(images[batch.to(device)], recipe, rng))
            loss = nn.functional.cross_entropy(network(inputs), labels[batch.to(device)])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            scheduler.step()
            total += loss.detach()
        if not torch.isfinite(total):  # one synchronisation per epoch, not per step
            raise DivergedError(f"the training loss is not finite in epoch {epoch + 1}")
        if after_epoch is not None:
            after_epoch()


@torch.no_grad()
def predict(network: nn.Module, inputs: torch.Tensor, *, batch_size: int) -> Array:
    """Return the logits of inputs as ``as_input`` gives them, (n, classes) float32."""
    network.eval()
    pieces = [network(batch).float().cpu().numpy() for batch in torch.split(inputs, batch_size)]
    return np.concatenate(pieces).astype("<f4")


def _rate_factor(n_steps: int, warmup_share: float) -> Callable[[int], float]:
    """Factor on each parameter group's own rate: an evolved optimizer keeps what it chose."""
    warmup = max(1, round(n_steps * warmup_share))

    def factor(step: int) -> float:
        return min((step + 1) / warmup, (n_steps - step) / max(1, n_steps - warmup + 1), 1.0)

    return factor


def _batches(n_images: int, batch_size: int, rng: torch.Generator) -> Iterator[torch.Tensor]:
    """Shuffle and cut into batches of nearly equal size, so that none is too small to normalise."""
    order = torch.randperm(n_images, generator=rng)
    return iter(order.tensor_split(-(-n_images // batch_size)))


def _augment(batch: torch.Tensor, recipe: Recipe, rng: torch.Generator) -> torch.Tensor:
    if recipe.flip:
        mirrored = torch.rand(len(batch), generator=rng) < 0.5  # noqa: PLR2004 - half of them
        batch = torch.where(mirrored.to(batch.device)[:, None, None, None], batch.flip(3), batch)
    if recipe.shift_px:
        batch = _shift(batch, recipe.shift_px, rng)
    return batch


def _shift(batch: torch.Tensor, reach: int, rng: torch.Generator) -> torch.Tensor:
    n, _, height, width = batch.shape
    offsets = torch.randint(0, 2 * reach + 1, (2, n), generator=rng).to(batch.device)
    rows = offsets[0][:, None, None] + torch.arange(height, device=batch.device)[None, :, None]
    columns = offsets[1][:, None, None] + torch.arange(width, device=batch.device)[None, None, :]
    padded = nn.functional.pad(batch, (reach,) * 4)
    picked = torch.arange(n, device=batch.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[picked, rows, columns].permute(0, 3, 1, 2)
