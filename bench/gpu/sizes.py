"""How large the measurements are: on a GPU, and in a dry run on the CPU."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from harness.config.compose import compose
from harness.config.strategies import build
from harness.tasks.base import Dataset, Split


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What is measured, and on which device."""

    device: str
    size_px: int
    batch_size: int
    n_timed: int
    """Most training images of an epoch that is timed; a rate depends little on their number."""
    at_once: tuple[int, ...]
    """Numbers of candidates that are trained side by side."""
    build_rounds: int
    most: tuple[int | None, int | None, int | None]
    """Most training, validation and test images of the long training; None for all."""
    overrides: tuple[str, ...]
    """Settings of the long training besides the paper's."""

    @property
    def recipe(self) -> dict[str, object]:
        """The published augmentation, batches and precision, for three epochs."""
        return {
            "epochs": 3, "batch_size": self.batch_size, "size_px": self.size_px, "flip": True,
            "jitter": 0.05, "shift_px": 0.05 * self.size_px, "shift_p": 0.5,
            "mixed_precision": True,
        }  # fmt: skip


GPU = Sizes(
    device="cuda",
    size_px=224,
    batch_size=216,
    n_timed=10_000,
    at_once=(1, 2, 4, 8),
    build_rounds=10,
    most=(None, None, None),
    overrides=("limits.memory_mib=16384",),
)
DRY = Sizes(
    device="cpu",
    size_px=32,
    batch_size=16,
    n_timed=48,
    at_once=(1, 2),
    build_rounds=1,
    most=(48, 24, 24),
    overrides=(
        "recipe.size_px=32", "recipe.batch_size=16", "recipe.shift_px=1.6", "recipe.epochs=4",
    ),
)  # fmt: skip


def images_in(folder: Path) -> Dataset:
    """Load an image folder."""
    task = compose(["task=image_folder"]).task
    return build(task | {"path": str(folder)}).load()


def thinned(dataset: Dataset, *most: int | None) -> Dataset:
    """Keep at most this many examples of train, validation and test, evenly spread."""
    names = ("train", "validation", "test")
    splits = {name: _few(getattr(dataset, name), n) for name, n in zip(names, most, strict=False)}
    return replace(dataset, **splits)


def _few(split: Split, n: int | None) -> Split:
    if n is None or len(split) <= n:
        return split
    chosen = np.linspace(0, len(split) - 1, n).round().astype(int)
    return Split(inputs=split.inputs[chosen], labels=split.labels[chosen])
