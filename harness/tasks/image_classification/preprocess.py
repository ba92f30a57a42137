"""From stored images to what a network gets. A door to torch."""

import torch
from torch import nn


def as_input(images: torch.Tensor, *, size_px: int | None = None) -> torch.Tensor:
    """Turn stored images into the inputs of a network.

    Args:
        images: (n, channels, height, width), uint8.
        size_px: Height and width to resize to, bilinearly; None keeps the images' own.

    Returns:
        (n, channels, height, width), float32 in [0, 1], channels last in memory.
    """
    inputs = images.float().div_(255)
    if size_px is not None:
        size = (size_px, size_px)
        smaller = size_px < max(images.shape[2:])
        inputs = nn.functional.interpolate(inputs, size, mode="bilinear", antialias=smaller)
    return inputs.contiguous(memory_format=torch.channels_last)


def lay_channels_last(network: nn.Module) -> None:
    """Lay convolution weights out channels last; other shapes have no such layout.

    ``Module.to(memory_format=...)`` refuses a network with a parameter of five dimensions.
    """
    for parameter in nn.Module.parameters(network):
        if not nn.parameter.is_lazy(parameter) and parameter.dim() == 4:  # noqa: PLR2004 - (out, in, height, width)
            parameter.data = parameter.data.to(memory_format=torch.channels_last)
