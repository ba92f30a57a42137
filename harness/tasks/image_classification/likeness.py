"""Order of images by likeness: a function of the images alone, the same on every machine."""

import math

import numpy as np

from harness.typing import Array

_CELLS = 8
"""Cells per side of a coarse image."""
_FEWEST = 24
"""Images that are alike enough to stay in any order."""
_AT_ONCE = 512


def alike(images: Array) -> Array:
    """Return an order of images in which neighbours look alike.

    The images are divided into halves again and again, each time along the line through two that
    are far from each other.

    Args:
        images: (n, channels, height, width), integers.

    Returns:
        (n,) int64.
    """
    pieces = np.array_split(images, max(1, -(-len(images) // _AT_ONCE)))
    points = np.concatenate([_coarse(piece) for piece in pieces])
    undivided, order = [np.arange(len(points))], []
    while undivided:
        group = undivided.pop()
        if len(group) <= _FEWEST:
            order.append(group)
            continue
        own = points[group]
        one = _farthest(own, own[0])
        other = _farthest(own, one)
        lower, upper = np.array_split(group[(own @ (other - one)).argsort(kind="stable")], 2)
        undivided += [upper, lower]
    return np.concatenate(order)


def _coarse(images: Array) -> Array:
    """Return the sums of at most 8 x 8 cells per channel, (n, cells) float64, which are exact."""
    for axis in (2, 3):
        starts = np.unique(np.arange(_CELLS) * images.shape[axis] // _CELLS)
        images = np.add.reduceat(images, starts, axis=axis, dtype="f8")
    return images.reshape(len(images), math.prod(images.shape[1:]))


def _farthest(points: Array, place: Array) -> Array:
    farthest: Array = points[((points - place) ** 2).sum(axis=1).argmax()]
    return farthest
