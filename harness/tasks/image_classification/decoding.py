"""Image files to arrays, scaled to one size. A door to Pillow."""

import hashlib
import io
import os
import stat
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import InputError
from harness.tasks.base import Progress, Split
from harness.tasks.cache import cached_arrays
from harness.tasks.image_classification.parts import require_few_parts
from harness.text import reason_of
from harness.typing import Array

if TYPE_CHECKING:
    from PIL import Image

_DECODING = 2
"""Bump when images are decoded or resized differently, or the cached arrays change."""
_FORMATS = ("JPEG", "PNG", "BMP")
"""Allowed formats; some other decoders of Pillow start programs or read further files."""
_MOST_BYTES = 1 << 26
_MOST_PIXELS = 50_000_000
"""Most pixels of an image, which take 400 MB during decoding."""
_LONGEST_SIDE = 65_535
"""Longest side of a JPEG; decoders allocate memory per row, up to 1.8 GB for longer sides."""
_RUNS = {1, 2}
"""Compressions of a BMP by runs of equal pixels, which Pillow decodes slowly, in Python."""
_MOST_IN_RUNS = 1 << 20
_NOT_REGULAR = "it is not a regular file"


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """Labelled images of one part of a data set."""

    split: Split
    digests: Array
    """(n,) uint64; equal digests mean equal pixels."""


def decoded_once(
    files: Sequence[Path],
    root: Path,
    how: str,
    decode: Callable[[Progress], dict[str, Split]],
    progress: Progress,
) -> tuple[Decoded, Decoded]:
    """Return the training and the test part, from the cache if it has exactly these files.

    Args:
        files: Files that decide what is decoded.
        root: Their folder.
        how: What else decides it, such as the size.
        decode: Decodes the files; returns the splits ``train`` and ``test`` by name.
        progress: Shows how many files are read.
    """
    from PIL import __version__ as pillow

    digest = hashlib.sha256(f"{_DECODING}, {how}, Pillow {pillow}".encode())
    for path in progress(files, f"reading {root}"):
        content = read_file(path)
        digest.update(os.fsencode(path.relative_to(root)) + f":{len(content)}:".encode() + content)

    def arrays() -> dict[str, Array]:
        kept: dict[str, Array] = {}
        for name, split in decode(progress).items():
            kept |= {f"{name}_images": split.inputs, f"{name}_labels": split.labels}
            kept[f"{name}_digests"] = np.array([_digest(one) for one in split.inputs], dtype="u8")
        return kept

    held = cached_arrays(digest.hexdigest(), arrays, origin=root)
    train, test = (
        Decoded(
            split=Split(inputs=held[f"{name}_images"], labels=held[f"{name}_labels"]),
            digests=held[f"{name}_digests"],
        )
        for name in ("train", "test")
    )
    return train, test


def require_room(n_images: int, size: int) -> None:
    """Raise InputError unless this many images of this size fit into a third of the memory.

    Loading takes twice their size: the splits are copies.
    """
    room = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE")
    if size < 1 or 3 * n_images * 3 * size**2 > room:
        raise InputError(
            f"task.size: expected 1 or more, and a size at which {n_images:,} images fit into a "
            f"third of this machine's {room / 2**30:.0f} GiB of memory, got {size:,} pixels."
        )


def _digest(image: Array) -> int:
    return int.from_bytes(hashlib.blake2b(image.tobytes(), digest_size=8).digest(), "little")


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
    """Decode one file to RGB, (3, size, size) uint8; only the first frame of an animation.

    Raises:
        InputError: The file is not an image of an allowed format, or is too large.
    """
    from PIL import Image

    content = read_file(path)
    try:
        require_few_parts(content)
        with warnings.catch_warnings(action="ignore"):  # Pillow's warnings do not affect the pixels
            with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
                _require_small(image, len(content))
                pixels = image.convert("RGB")
            if pixels.size != (size, size):
                pixels = pixels.resize((size, size), Image.Resampling.BILINEAR)
    except Exception as error:  # noqa: BLE001 - decoders raise many types of errors
        raise InputError(
            f"{path}: expected an image in the format JPEG, PNG or BMP, but it cannot be decoded: "
            f"{_reason(error, empty=not content)}. Convert it, or remove it from the data."
        ) from None
    return np.ascontiguousarray(np.asarray(pixels).transpose(2, 0, 1))


def read_file(path: Path) -> bytes:
    """Read a regular file; links are followed.

    Raises:
        InputError: The file is a device, a pipe or a folder, is too large, or cannot be read.
    """
    try:
        why, content = _NOT_REGULAR, None
        if stat.S_ISREG(path.stat().st_mode):  # opening some devices has side effects
            with open(path, "rb", opener=_without_waiting) as file:
                if stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # the file may have been replaced
                    content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        why = os.strerror(error.errno or 0)
    if content is not None and len(content) > _MOST_BYTES:
        why, content = f"it has more than {_MOST_BYTES:,} bytes", None
    if content is None:
        raise InputError(
            f"{path}: expected a file with an image, but it cannot be read: {why}. Replace it, or "
            f"remove it from the data."
        )
    return content


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _require_small(image: "Image.Image", n_bytes: int) -> None:
    """Raise ValueError, from its header alone, for an image that must not be decoded."""
    width, height = image.size
    if max(width, height) > _LONGEST_SIDE:
        raise ValueError(f"it has {width} x {height} pixels, expected sides of {_LONGEST_SIDE:,}")
    if not 0 < width * height <= _MOST_PIXELS:
        raise ValueError(f"it has {width} x {height} pixels, expected 1 to {_MOST_PIXELS:,}")
    in_runs = image.format == "BMP" and image.info.get("compression") in _RUNS
    if in_runs and max(n_bytes, width * height) > _MOST_IN_RUNS:
        raise ValueError(f"it has runs, and more than {_MOST_IN_RUNS:,} bytes or pixels")
    if image.mode.startswith(("I", "F")):
        raise ValueError("it has 16 bits or more per channel, expected 8")


def _reason(error: Exception, *, empty: bool) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):  # its message contains a memory address
        return "it is empty" if empty else "it has another format"
    return reason_of(str(error)).rstrip(".") or type(error).__name__
