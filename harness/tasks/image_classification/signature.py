"""Signature of an image classifier: ``NAME(class_num, img_channels)``."""

import re
from collections.abc import Mapping
from pathlib import Path

from harness.errors import GenomeError
from harness.sandbox.messages import Signature
from harness.tasks.base import Dataset
from harness.tasks.image_classification.recipe import ImageRecipe


def signature_of(
    dataset: Dataset, segments: Mapping[str, str], recipe: ImageRecipe, path: Path
) -> Signature:
    """Return how candidates are built; ``Scale.signature`` has the arguments."""
    channels, height, width = dataset.input_shape
    return Signature(
        kind=dataset.kind,
        class_name=network_class(segments, path=path),
        input_shape=(channels, recipe.size_px or height, recipe.size_px or width),
        n_outputs=dataset.n_outputs,
    )


def network_class(segments: Mapping[str, str], *, path: Path) -> str:
    """Return the name of the class to build: the last segment that is a class."""
    classes = [n for n, s in segments.items() if re.search(rf"^class {n}\b", s, re.MULTILINE)]
    if not classes:
        raise GenomeError(
            f"{path}: expected a segment with the network's class, built by "
            f"NAME(class_num, img_channels), found only {', '.join(segments)}."
        )
    return classes[-1]
