"""Accuracy: the share of images that are classified correctly."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from harness.sandbox.messages import Signature
from harness.tasks.base import BATCH_SIZES, Dataset, Replay, Split
from harness.tasks.image_classification.likeness import alike
from harness.tasks.image_classification.recipe import ImageRecipe
from harness.tasks.image_classification.signature import signature_of
from harness.typing import Array

FLIPS = 0.005
"""Share of images whose class may change with the order: near ties within the tolerance."""
_LEAST_SPREAD = 1e-2
_PARTS = 4
"""Parts in which a half of few images is asked about."""
_FEW = 4 * BATCH_SIZES[1]
"""Images from which on a half fills four batches of the second replay by itself."""


class Accuracy:
    """Scale of image classification; answers are logits, (n, classes) float32."""

    calibration = 0.01
    """Networks measured after one epoch to six lost nothing."""

    def chance(self, dataset: Dataset) -> float:
        """Return the accuracy of guessing among equally frequent classes."""
        return 1 / dataset.n_outputs

    def signature(
        self, dataset: Dataset, segments: Mapping[str, str], recipe: ImageRecipe, path: Path
    ) -> Signature:
        """Return the class to build: the seed network's last segment that is a class."""
        return signature_of(dataset, segments, recipe, path)

    def answer_shape(self, signature: Signature) -> tuple[int, ...]:
        """Return (classes,)."""
        return (signature.n_outputs,)

    def second_replays(self, split: Split, order: Array) -> list[Replay]:
        """Return orders in which batches are as unlike each other as can be.

        Half of the images go from dark to bright; in the other half, neighbours look alike, so that
        few classes meet. Both orders depend on the images alone. A half that fills few batches is
        asked about in parts: else its batches would hold most of what the first ones held.
        """
        by_brightness, by_likeness = np.array_split(order, 2)
        by_brightness = by_brightness[split.inputs[by_brightness].mean(axis=(1, 2, 3)).argsort()]
        by_likeness = by_likeness[alike(split.inputs[by_likeness])]
        parts = [
            part
            for half in (by_brightness, by_likeness)
            for part in np.array_split(half, _PARTS if len(half) < _FEW else 1)
        ]
        return [
            Replay(inputs=split.inputs[part], order=part, binding=np.ones(len(part), dtype=bool))
            for part in parts
            if len(part)
        ]

    def agree(self, one: Array, other: Array, tolerance: float) -> bool:
        """Compare image by image, relative to the spread of the first logits."""
        spread = np.abs(one - one.mean(axis=1, keepdims=True)).max(axis=1, keepdims=True)
        return bool((np.abs(one - other) <= tolerance * np.maximum(spread, _LEAST_SPREAD)).all())

    def decide_alike(self, one: Array, other: Array) -> bool:
        """Return whether hardly any image changes its class."""
        changed = np.mean(one.argmax(axis=1) != other.argmax(axis=1))
        return bool(changed <= max(FLIPS, 1 / len(one)))

    def score(self, answers: Array, labels: Array) -> float:
        """Return the share of images whose largest logit is their label's."""
        return float(np.mean(answers.argmax(axis=1) == labels))


SCALE = Accuracy()
