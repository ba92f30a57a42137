"""Data sets of labelled images. A door to torchvision; scikit-learn and Pillow are read too."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import InputError, MachineError
from harness.seeding import stream
from harness.tasks.base import Dataset, Progress, Split, no_progress
from harness.tasks.image_classification.decoding import (
    Decoded,
    decoded,
    decoded_once,
    require_room,
    resized,
    scaled,
)
from harness.text import counted, one_line
from harness.typing import Array

KIND = "image_classification"
_IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp"}
_NO_DATA = {"thumbs.db", "desktop.ini"}
"""Files of desktops, in lower case; they are no data that somebody forgot to convert."""
_EXAMPLES = 5
_CIFAR10_FOLDER = "cifar-10-batches-py"
_CIFAR10_IMAGES = 60_000
_CIFAR10_PAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"


class Digits:
    """Scikit-learn's 1,797 handwritten digits, enlarged, in three channels, split 60/20/20."""

    kind = KIND

    def __init__(self, *, size: int, split_seed: int) -> None:
        self._size, self._split_seed = size, split_seed

    def load(self, progress: Progress = no_progress) -> Dataset:
        """Read the digits from the installed package, which takes no time."""
        del progress
        rows = read_digits()
        require_room(len(rows), self._size)
        grey = np.round(rows[:, :-1].reshape(-1, 8, 8) * (255 / 16)).astype("u1")  # of 0 to 16
        images = np.stack([resized(image, self._size) for image in grey])
        images = np.repeat(images[:, None], 3, axis=1)
        labels = rows[:, -1].astype("i8")
        train, validation, test = _by_class(labels, (0.6, 0.2), self._split_seed)
        return Dataset(
            kind=KIND,
            name="digits",
            train=Split(inputs=images[train], labels=labels[train]),
            validation=Split(inputs=images[validation], labels=labels[validation]),
            test=Split(inputs=images[test], labels=labels[test]),
            n_outputs=10,
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

    kind = KIND

    def __init__(self, *, root: str, size: int, validation_share: float, split_seed: int) -> None:
        self._root, self._size = root, size
        self._validation_share, self._split_seed = validation_share, split_seed

    def load(self, progress: Progress = no_progress) -> Dataset:
        """Read or download the set; MachineError with the manual steps without a network."""
        require_room(_CIFAR10_IMAGES, self._size)
        folder = Path(self._root) / _CIFAR10_FOLDER
        if not folder.is_dir():
            self._parts()
        files = sorted(path for path in folder.iterdir() if path.is_file())
        train, test = decoded_once(files, folder, f"{self._size} px", self._decode, progress)
        return _held_out(
            train,
            test,
            name="cifar10",
            classes=[f"class {label}" for label in range(10)],
            share=self._validation_share,
            seed=self._split_seed,
        )

    def _decode(self, progress: Progress) -> dict[str, Split]:
        del progress  # at its own size it takes a second
        return {
            name: Split(
                inputs=scaled(np.asarray(part.data), self._size),
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

    kind = KIND

    def __init__(
        self, *, path: str | None, size: int, validation_share: float, split_seed: int
    ) -> None:
        self._path, self._size = path, size
        self._validation_share, self._split_seed = validation_share, split_seed

    def load(self, progress: Progress = no_progress) -> Dataset:
        """Decode every image, scaled to ``size`` x ``size`` RGB."""
        if self._path is None:
            raise InputError("task=image_folder: expected task.path=FOLDER, got none.")
        root = Path(self._path)
        classes = self._classes(root)
        labelled = {part: self._files(root / part, classes) for part in ("train", "test")}

        def decode(progress: Progress) -> dict[str, Split]:
            return {part: self._read(root / part, labelled[part], progress) for part in labelled}

        files = [path for part in labelled.values() for path, _ in part]
        require_room(len(files), self._size)
        train, test = decoded_once(files, root, f"{self._size} px", decode, progress)
        found = _held_out(
            train,
            test,
            name=root.name,
            classes=classes,
            share=self._validation_share,
            seed=self._split_seed,
        )
        return replace(found, notes=(*found.notes, *_left_out(root, set(files))))

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
            inputs=np.stack([decoded(path, self._size) for path in paths]),
            labels=np.array([label for _, label in files], dtype="i8"),
        )


def _left_out(root: Path, read: Collection[Path]) -> Iterator[str]:
    """Yield a warning if there is more than the images that are read in a folder of images."""
    found = sorted(path for path in root.glob("*/*/*") if path not in read)
    if left := [p for p in found if not p.name.startswith(".") and p.name.lower() not in _NO_DATA]:
        examples = ", ".join(one_line(str(path.relative_to(root))) for path in left[:_EXAMPLES])
        more = ", ..." if len(left) > _EXAMPLES else ""
        yield (
            f"left out: {counted(len(left), 'item')} with another suffix than "
            f"{', '.join(sorted(_IMAGE_SUFFIXES))} ({examples}{more}). Convert what is an image, "
            f"or remove it."
        )


def _held_out(
    train: Decoded, test: Decoded, *, name: str, classes: Sequence[str], share: float, seed: int
) -> Dataset:
    images, labels = train.split.inputs, train.split.labels
    kept, validation, _ = _by_class(labels, (1 - share, share), seed)
    for label, class_name in enumerate(classes):
        if not all((labels[part] == label).any() for part in (kept, validation)):
            raise InputError(
                f"{name}: expected enough training images of each class to hold out a share of "
                f"{share:g} for validation, got {np.sum(labels == label)} of {class_name}. Add "
                f"images, or change task.validation_share."
            )
    held_out = {"test": test.digests, "validation": train.digests[validation]}
    return Dataset(
        kind=KIND,
        name=name,
        train=Split(inputs=images[kept], labels=labels[kept]),
        validation=Split(inputs=images[validation], labels=labels[validation]),
        test=test.split,
        n_outputs=len(classes),
        notes=(
            *_known_images(train.digests[kept], held_out),
            *_contradictions(train.digests[kept], labels[kept]),
        ),
    )


def _known_images(train: Array, held_out: Mapping[str, Array]) -> Iterator[str]:
    """Yield a warning for each held-out split with training images, compared by pixel digests."""
    for name, digests in held_out.items():
        known = np.flatnonzero(np.isin(digests, train))
        if len(known):
            examples = ", ".join(str(i) for i in known[:_EXAMPLES].tolist())
            more = ", ..." if len(known) > _EXAMPLES else ""
            yield (
                f"{len(known)} of {len(digests)} {name} images are identical to training images "
                f"(indices {examples}{more} of the split, from 0): a score on them measures "
                f"memorisation. Remove them from one of the two splits."
            )


def _contradictions(digests: Array, labels: Array) -> Iterator[str]:
    """Yield a warning if equal training images have different labels."""
    pairs = np.unique(np.stack([digests, labels.astype(digests.dtype)], axis=1), axis=0)
    images, times = np.unique(pairs[:, 0], return_counts=True)
    if n := int(np.isin(digests, images[times > 1]).sum()):
        yield (
            f"{n} of {len(digests)} training images are identical to one of another class: no "
            f"network can learn both labels. Correct the labels, or remove the images."
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
