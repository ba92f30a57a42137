"""Random changes to training images, in batches on their device. A door to torch.

Equal in distribution, image by image, to torchvision's RandomHorizontalFlip, ColorJitter and
RandomAffine as the published recipe uses them (Morris 2024, code). Every draw is made on the
device, so that no step waits for it.
"""

import torch
from torch.nn.functional import pad

from harness.tasks.image_classification.recipe import ImageRecipe


def augment(batch: torch.Tensor, recipe: ImageRecipe, rng: torch.Generator) -> torch.Tensor:
    """Mirror, jitter and translate images at random.

    Args:
        batch: (n, channels, height, width), float32 in [0, 1].
        recipe: Which changes to make, and how large.
        rng: Generator on the batch's device.

    Returns:
        Images of the same shape, channels last in memory.
    """
    if recipe.flip:
        batch = torch.where(_half(batch, rng), batch.flip(3), batch)
    if recipe.jitter:
        batch = torch.where(_half(batch, rng), jittered(batch, recipe.jitter, rng), batch)
    if recipe.shift_px:
        batch = shifted(batch, recipe.shift_px, recipe.shift_p, rng)
    return batch.contiguous(memory_format=torch.channels_last)


def _half(batch: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    chosen = torch.rand(len(batch), generator=rng, device=batch.device) < 0.5  # noqa: PLR2004
    return chosen[:, None, None, None]


def jittered(batch: torch.Tensor, reach: float, rng: torch.Generator) -> torch.Tensor:
    """Change brightness, contrast and saturation in random order.

    They are blends with black, with the mean grey, and with the pixel's own grey.
    """
    draws = torch.rand(2, 3, len(batch), generator=rng, device=batch.device)
    order, factors = draws[0].argsort(0), 1 + reach * (2 * draws[1] - 1)
    for change, factor in zip(order[..., None, None, None], factors[..., None, None, None]):  # noqa: B905
        grey = _grey(batch)
        mean = grey.mean((2, 3), keepdim=True)
        other = torch.where(change == 1, mean, grey) * (change > 0)
        batch = (factor * batch + (1 - factor) * other).clamp(0, 1)
    return batch


def _grey(batch: torch.Tensor) -> torch.Tensor:
    """Return each pixel's brightness, (n, 1, height, width), by the weights of ITU-R BT.601."""
    if batch.shape[1] != 3:  # noqa: PLR2004 - red, green, blue
        return batch.mean(1, keepdim=True)
    red, green, blue = batch[:, 0:1], batch[:, 1:2], batch[:, 2:3]
    return 0.2989 * red + 0.587 * green + 0.114 * blue


def shifted(batch: torch.Tensor, reach: float, share: float, rng: torch.Generator) -> torch.Tensor:
    """Translate this share of the images by up to ``reach`` pixels each way; black moves in.

    The distance is uniform and then rounded, as in torchvision's RandomAffine.
    """
    n, _, height, width = batch.shape
    device, border = batch.device, round(reach)
    draws = torch.rand(3, n, generator=rng, device=device)
    offsets = (reach * (2 * draws[:2] - 1)).round().long()
    offsets = border + torch.where(draws[2] < share, offsets, torch.zeros_like(offsets))
    rows = offsets[0][:, None, None] + torch.arange(height, device=device)[None, :, None]
    columns = offsets[1][:, None, None] + torch.arange(width, device=device)[None, None, :]
    picked = torch.arange(n, device=device)[:, None, None]
    padded = pad(batch, (border,) * 4)
    return padded.permute(0, 2, 3, 1)[picked, rows, columns].permute(0, 3, 1, 2)
