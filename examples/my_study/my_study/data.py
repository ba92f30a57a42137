"""The task ``stripes``: grey stripes of four widths, under noise."""

from typing import ClassVar

import numpy as np

from harness.tasks.base import Dataset, Progress, Split, no_progress

PERIODS = (3.0, 4.5, 6.5, 10.0)
"""Pixels from stripe to stripe, by class."""


class Stripes:
    """Draws images of stripes in any direction; the class is their width.

    Args:
        per_class: Training images of each class; validation and test have a third as many.
        size: Height and width in pixels.
        noise: Standard deviation of the noise, as a share of the contrast.
        seed: Seed of the images.
    """

    kind: ClassVar = "image_classification"

    def __init__(self, *, per_class: int, size: int, noise: float, seed: int) -> None:
        self._per_class, self._size, self._noise, self._seed = per_class, size, noise, seed

    def load(self, progress: Progress = no_progress) -> Dataset:
        """Draw the three splits, each from a stream of its own."""
        del progress  # it takes no time
        train, validation, test = (
            self._split(np.random.default_rng([self._seed, part]), n)
            for part, n in enumerate([self._per_class, self._per_class // 3, self._per_class // 3])
        )
        return Dataset(
            kind=self.kind, name="stripes", n_outputs=len(PERIODS),
            train=train, validation=validation, test=test,
        )  # fmt: skip

    def _split(self, rng: np.random.Generator, n: int) -> Split:
        labels = np.repeat(np.arange(len(PERIODS), dtype=np.int64), n)
        y, x = np.mgrid[: self._size, : self._size]
        angles, shifts = rng.uniform(0, 2 * np.pi, (2, len(labels), 1, 1))
        turns = (x * np.cos(angles) + y * np.sin(angles)) / np.take(PERIODS, labels)[:, None, None]
        waves = np.sin(2 * np.pi * turns + shifts)
        grey = 0.5 + 0.25 * (waves + self._noise * rng.standard_normal(waves.shape))
        images = (255 * grey.clip(0, 1)).astype(np.uint8)
        return Split(inputs=np.repeat(images[:, None], 3, axis=1), labels=labels)
