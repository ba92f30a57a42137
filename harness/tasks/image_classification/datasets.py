"""Image classification tasks as arrays in memory. A door to scikit-learn, torchvision, Pillow.

What takes long to decode is decoded once: the arrays are kept in ``$XDG_CACHE_HOME`` (or
``~/.cache``) under ``guided-evolution``, named by the hash of the files that they come from.
"""

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from harness.errors import InputError, MachineError, RecordError
from harness.files import creation_lock, write_atomically
from harness.seeding import stream
from harness.typing import Array

_IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp"}
_DECODING = 1
"""To be raised when images are decoded or resized otherwise than before."""
_CIFAR10_FOLDER = "cifar-10-batches-py"
_CIFAR10_PAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"


@dataclass(frozen=True, kw_only=True)
class Split:
    """Images (n, channels, height, width) uint8 and labels (n,) int64."""

    images: Array
    labels: Array

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """The three splits of one task: search sees train and validation, never test."""

    name: str
    train: Split
    validation: Split
    test: Split
    n_classes: int

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height, width of one image."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width

    @cached_property
    def digest(self) -> str:
        """Hash of every image and label in every split."""
        digest = hashlib.sha256()
        for split in (self.train, self.validation, self.test):
            for array in (split.images, split.labels):
                digest.update(repr((array.shape, array.dtype.str)).encode())
                digest.update(array.tobytes())
        return digest.hexdigest()[:16]


Progress = Callable[[Sequence[Path], str], Iterable[Path]]
"""Yields each of some files, and tells a person how far it is with what."""


def _untold(files: Sequence[Path], what: str) -> Iterable[Path]:
    del what
    return files


class Task(Protocol):
    """Where images come from."""

    def load(self, progress: Progress = _untold) -> Dataset:
        """Read the data; InputError with the repair when it is not there."""
        ...


class Digits:
    """Scikit-learn's 1,797 handwritten digits, enlarged, in three channels, split 60/20/20."""

    def __init__(self, *, size: int, split_seed: int) -> None:
        self._size, self._split_seed = size, split_seed

    def load(self, progress: Progress = _untold) -> Dataset:
        """Read the digits from the installed package, which takes no time."""
        del progress
        rows = read_digits()
        grey = np.round(rows[:, :-1].reshape(-1, 8, 8) * (255 / 16)).astype("u1")  # of 0 to 16
        images = np.stack([_resized(image, self._size) for image in grey])
        images = np.repeat(images[:, None], 3, axis=1)
        labels = rows[:, -1].astype("i8")
        train, validation, test = _by_class(labels, (0.6, 0.2), self._split_seed)
        return Dataset(
            name="digits",
            train=Split(images=images[train], labels=labels[train]),
            validation=Split(images=images[validation], labels=labels[validation]),
            test=Split(images=images[test], labels=labels[test]),
            n_classes=10,
        )


def read_digits() -> Array:
    """Return scikit-learn's digits: 64 pixels and the label a row, shape (1797, 65), float64.

    ``sklearn.datasets.load_digits`` reads the same file, but its import takes over a second.
    """
    package = find_spec("sklearn")
    assert package is not None
    assert package.origin is not None
    file = Path(package.origin).with_name("datasets") / "data" / "digits.csv.gz"
    return np.loadtxt(file, delimiter=",")


class Cifar10:
    """Torchvision's CIFAR-10 (Krizhevsky 2009), downloaded on first use."""

    def __init__(self, *, root: str, size: int, validation_share: float, split_seed: int) -> None:
        self._root, self._size = root, size
        self._validation_share, self._split_seed = validation_share, split_seed

    def load(self, progress: Progress = _untold) -> Dataset:
        """Read or download the set; MachineError with the manual steps without a network."""
        folder = Path(self._root) / _CIFAR10_FOLDER
        if not folder.is_dir():
            self._parts()
        files = sorted(path for path in folder.iterdir() if path.is_file())
        decoded = _decoded_once(files, folder, f"{self._size} px", self._decode, progress)
        return _held_out(
            decoded["train"],
            decoded["test"],
            name="cifar10",
            n_classes=10,
            share=self._validation_share,
            seed=self._split_seed,
        )

    def _decode(self, progress: Progress) -> dict[str, Split]:
        del progress  # at its own size it takes a second
        return {
            name: Split(
                images=_scaled(np.asarray(part.data), self._size),
                labels=np.array(part.targets, dtype="i8"),
            )
            for name, part in zip(("train", "test"), self._parts(), strict=True)
        }

    def _parts(self) -> list[Any]:
        """Let torchvision check the files, or fetch them."""
        from torchvision.datasets import CIFAR10

        try:
            return [CIFAR10(self._root, train=train, download=True) for train in (True, False)]
        except (OSError, RuntimeError) as error:
            raise MachineError(
                f"CIFAR-10 is not in {self._root} and could not be downloaded ({error}). Fetch "
                f"'CIFAR-10 python version' (cifar-10-python.tar.gz) from {_CIFAR10_PAGE} on a "
                f"machine with a network, put it into {self._root}, and run again."
            ) from error


class ImageFolder:
    """Any tree ``train/<class>/*`` and ``test/<class>/*`` of JPEG, PNG or BMP files."""

    def __init__(
        self, *, path: str | None, size: int, validation_share: float, split_seed: int
    ) -> None:
        self._path, self._size = path, size
        self._validation_share, self._split_seed = validation_share, split_seed

    def load(self, progress: Progress = _untold) -> Dataset:
        """Decode every image, scaled to ``size`` x ``size`` RGB."""
        if self._path is None:
            raise InputError("task=image_folder: expected task.path=FOLDER, got none.")
        root = Path(self._path)
        classes = self._classes(root)
        labelled = {part: self._files(root / part, classes) for part in ("train", "test")}

        def decode(progress: Progress) -> dict[str, Split]:
            return {part: self._read(root / part, labelled[part], progress) for part in labelled}

        files = [path for part in labelled.values() for path, _ in part]
        decoded = _decoded_once(files, root, f"{self._size} px", decode, progress)
        return _held_out(
            decoded["train"],
            decoded["test"],
            name=root.name,
            n_classes=len(classes),
            share=self._validation_share,
            seed=self._split_seed,
        )

    def _classes(self, root: Path) -> list[str]:
        found = []
        for part in ("train", "test"):
            folder = root / part
            if not folder.is_dir():
                raise InputError(
                    f"task.path={root}: expected folders train/<class>/ and test/<class>/ with "
                    f"images, found no {folder}."
                )
            found.append(sorted(p.name for p in folder.iterdir() if p.is_dir()))
        if found[0] != found[1] or len(found[0]) < 2:  # noqa: PLR2004 - a choice needs two
            raise InputError(
                f"task.path={root}: expected the same two or more classes in train and test, "
                f"found {found[0]} and {found[1]}."
            )
        return found[0]

    def _files(self, folder: Path, classes: Sequence[str]) -> list[tuple[Path, int]]:
        """List the images of one part with their labels."""
        found = []
        for label, name in enumerate(classes):
            files = sorted(
                p for p in (folder / name).iterdir() if p.suffix.lower() in _IMAGE_SUFFIXES
            )
            if not files:
                raise InputError(f"{folder / name}: expected JPEG, PNG or BMP files, found none.")
            found += [(path, label) for path in files]
        return found

    def _read(self, folder: Path, files: Sequence[tuple[Path, int]], progress: Progress) -> Split:
        paths = progress([path for path, _ in files], f"decoding {folder}")
        return Split(
            images=np.stack([_decoded(path, self._size) for path in paths]),
            labels=np.array([label for _, label in files], dtype="i8"),
        )


def _decoded_once(
    files: Sequence[Path],
    root: Path,
    how: str,
    decode: Callable[[Progress], dict[str, Split]],
    progress: Progress,
) -> dict[str, Split]:
    """Return what decoding gives, from the cache where these very files were decoded before."""
    from PIL import __version__ as pillow

    digest = hashlib.sha256(f"{_DECODING}, {how}, Pillow {pillow}".encode())
    for path in progress(files, f"reading {root}"):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root)}:{len(content)}:".encode() + content)
    cached = cache_folder() / f"{digest.hexdigest()[:32]}.npz"
    if not cached.exists():
        with creation_lock(cached):
            if not cached.exists():
                made = decode(progress)
                arrays = {
                    f"{name}_{kind}": array
                    for name, split in made.items()
                    for kind, array in vars(split).items()
                }
                write_atomically(cached, lambda file: np.savez(file, **arrays))
    try:
        with cached.open("rb") as file, np.load(file, allow_pickle=False) as held:
            return {
                name: Split(images=held[f"{name}_images"], labels=held[f"{name}_labels"])
                for name in ("train", "test")
            }
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise RecordError(
            f"{cached}: expected decoded images, it cannot be read ({error}). Remove it; it is "
            f"made anew from {root}."
        ) from None


def cache_folder() -> Path:
    """Return where decoded images are kept."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "guided-evolution"


def _held_out(
    train: Split, test: Split, *, name: str, n_classes: int, share: float, seed: int
) -> Dataset:
    kept, validation, _ = _by_class(train.labels, (1 - share, share), seed)
    if not len(kept) or not len(validation):
        raise InputError(
            f"{name}: expected enough training images of each class to hold out a share of "
            f"{share:g} for validation, got {np.bincount(train.labels).min()}. Add images, or "
            f"change task.validation_share."
        )
    return Dataset(
        name=name,
        train=Split(images=train.images[kept], labels=train.labels[kept]),
        validation=Split(images=train.images[validation], labels=train.labels[validation]),
        test=test,
        n_classes=n_classes,
    )


def _by_class(labels: Array, shares: tuple[float, float], seed: int) -> list[Array]:
    """Indices of three parts, each with the same share of every class; the third is the rest."""
    parts: list[list[int]] = [[], [], []]
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label).tolist()
        stream(seed, "split", int(label)).shuffle(members)
        first = round(len(members) * shares[0])
        second = first + round(len(members) * shares[1])
        pieces = (members[:first], members[first:second], members[second:])
        for part, piece in zip(parts, pieces, strict=True):
            part.extend(piece)
    return [np.array(sorted(part), dtype="i8") for part in parts]


def _resized(image: Array, size: int) -> Array:
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))


def _scaled(images: Array, size: int) -> Array:
    if images.shape[1] != size:
        images = np.stack([_resized(image, size) for image in images])
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def _decoded(path: Path, size: int) -> Array:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
    except (UnidentifiedImageError, OSError) as error:
        raise InputError(
            f"{path}: expected an image, but it cannot be decoded ({error})."
        ) from None
    return (
        _scaled(pixels[None], size)[0]
        if pixels.shape[:2] == (size, size)
        else (_resized(pixels, size).transpose(2, 0, 1))
    )
