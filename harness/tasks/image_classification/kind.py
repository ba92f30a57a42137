"""Image classification in the worker: networks map images to one logit per class.

A door to torch.
"""

import torch
from torch import nn

from harness.sandbox.messages import Signature
from harness.tasks.image_classification.augmentation import augment
from harness.tasks.image_classification.preprocess import as_input, lay_channels_last
from harness.tasks.image_classification.recipe import ImageRecipe


class ImageClassification:
    """Networks built by ``NAME(class_num, img_channels)`` and trained by cross-entropy."""

    answers = "logits"

    def arguments(self, signature: Signature) -> tuple[int, ...]:
        """Return the number of classes and of channels."""
        return signature.n_outputs, signature.input_shape[0]

    def lay_out(self, network: nn.Module) -> None:
        """Lay convolution weights out channels last, as the images are."""
        lay_channels_last(network)

    def prepare(self, stored: torch.Tensor, recipe: ImageRecipe) -> torch.Tensor:
        """Turn uint8 images, (n, channels, height, width), into float32 in [0, 1]."""
        return as_input(stored, size_px=recipe.size_px)

    def blank(self, n: int, signature: Signature, device: str) -> torch.Tensor:
        """Return black images."""
        return as_input(torch.zeros(n, *signature.input_shape, dtype=torch.uint8).to(device))

    def random(self, n: int, signature: Signature, device: str) -> torch.Tensor:
        """Return images of uniform noise."""
        return torch.rand((n, *signature.input_shape), device=device)

    def labels(self, n: int, signature: Signature, device: str) -> torch.Tensor:
        """Return uniformly drawn classes."""
        return torch.randint(signature.n_outputs, (n,), device=device)

    def augment(
        self, inputs: torch.Tensor, recipe: ImageRecipe, rng: torch.Generator
    ) -> torch.Tensor:
        """Mirror, jitter and translate images as the recipe says."""
        return augment(inputs, recipe, rng)

    def answer_shape(self, signature: Signature) -> tuple[int, ...]:
        """Return (classes,)."""
        return (signature.n_outputs,)

    def loss(self, answers: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the mean cross-entropy of logits, (n, classes), and class indices, (n,)."""
        return nn.functional.cross_entropy(answers, labels)

    def warm_up(self) -> tuple[nn.Module, torch.Tensor]:
        """Return a convolution with batch normalisation and a linear layer, and two images."""
        network = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 2)
        )
        return network, as_input(torch.zeros(2, 3, 8, 8, dtype=torch.uint8))


KIND = ImageClassification()
