"""Accuracy: the share of images that are classified correctly."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from harness.sandbox.messages import Signature
from harness.tasks.base import Dataset, Replay, Split
from harness.tasks.image_classification.recipe import ImageRecipe
from harness.tasks.image_classification.signature import signature_of
from harness.typing import Array

FLIPS = 0.005
"""Share of images whose class may change with the order: near ties within the tolerance."""
_LEAST_SPREAD = 1e-2


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

    def second_replay(self, split: Split, order: Array, answers: Array) -> Replay:
        """Return an order in which batches are as unlike the first ones as can be.

        Half of the images are next to those that got the same answer; the other half goes from
        dark to bright. Every answer must be the first.
        """
        by_answer, by_brightness = np.array_split(order, 2)
        by_answer = by_answer[answers[by_answer].argmax(axis=1).argsort()]
        by_brightness = by_brightness[split.inputs[by_brightness].mean(axis=(1, 2, 3)).argsort()]
        second = np.concatenate([by_answer, by_brightness])
        return Replay(
            inputs=split.inputs[second], order=second, binding=np.ones(len(split), dtype=bool)
        )

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
