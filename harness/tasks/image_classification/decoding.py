"""Image files to arrays, scaled to one size. A door to Pillow."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from harness.errors import InputError
from harness.tasks.base import Progress, Split
from harness.tasks.cache import cached_arrays
from harness.typing import Array

_DECODING = 1
"""Bump when images are decoded or resized differently."""


def decoded_once(
    files: Sequence[Path],
    root: Path,
    how: str,
    decode: Callable[[Progress], dict[str, Split]],
    progress: Progress,
) -> dict[str, Split]:
    """Return the decoded splits, from the cache where these very files were decoded before.

    Args:
        files: Files that decide what is decoded.
        root: Their folder.
        how: What else decides it, such as the size.
        decode: Decodes them to splits by name.
        progress: Shows how many files are read.
    """
    from PIL import __version__ as pillow

    digest = hashlib.sha256(f"{_DECODING}, {how}, Pillow {pillow}".encode())
    for path in progress(files, f"reading {root}"):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root)}:{len(content)}:".encode() + content)

    def arrays() -> dict[str, Array]:
        splits = decode(progress)
        inputs = {f"{name}_images": split.inputs for name, split in splits.items()}
        return inputs | {f"{name}_labels": split.labels for name, split in splits.items()}

    held = cached_arrays(digest.hexdigest(), arrays, origin=root)
    return {
        name: Split(inputs=held[f"{name}_images"], labels=held[f"{name}_labels"])
        for name in ("train", "test")
    }


def resized(image: Array, size: int) -> Array:
    """Resize one image, (height, width, ...) uint8, bilinearly to ``size`` x ``size``."""
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))


def scaled(images: Array, size: int) -> Array:
    """Resize images, (n, height, width, channels) uint8, to (n, channels, size, size)."""
    if images.shape[1] != size:
        images = np.stack([resized(image, size) for image in images])
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def decoded(path: Path, size: int) -> Array:
    """Decode one file to RGB, (3, size, size) uint8.

    Raises:
        InputError: The file is no image.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
    except (UnidentifiedImageError, OSError) as error:
        raise InputError(
            f"{path}: expected an image, but it cannot be decoded ({error})."
        ) from None
    if pixels.shape[:2] == (size, size):
        own: Array = scaled(pixels[None], size)[0]
        return own
    transposed: Array = resized(pixels, size).transpose(2, 0, 1)
    return transposed
