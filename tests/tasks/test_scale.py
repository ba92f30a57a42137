"""The orders in which images are asked about a second time."""

import collections

import numpy as np
import pytest

from harness.tasks.base import BATCH_SIZES, Split
from harness.tasks.image_classification.likeness import alike
from harness.tasks.image_classification.scale import SCALE


def split_of(n, shape=(3, 9, 7)):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n, *shape)).astype("u1")
    return Split(inputs=images, labels=rng.integers(0, 10, n)), rng.permutation(n)


def purity(labels):
    """Mean share of the most frequent class in batches of the second replay."""
    size = BATCH_SIZES[1]
    batches = np.split(labels, range(size, len(labels), size))
    return np.mean([collections.Counter(b.tolist()).most_common(1)[0][1] / len(b) for b in batches])


def test_images_that_look_alike_are_of_few_classes(digits):
    labels = digits.train.labels[alike(digits.train.inputs)]
    assert purity(labels) > 2 * purity(np.random.default_rng(0).permutation(labels))


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 8, 8), (1, 300, 5)])
def test_any_images_have_an_order(shape):
    images = split_of(100, shape)[0].inputs
    images[20:90] = images[0]
    assert sorted(alike(images)) == list(range(100))


@pytest.mark.parametrize("n", [1, 2, 7, 40, 64, 65, 100, 383, 384, 2000])
def test_each_image_is_asked_about_once_more_among_others(n):
    split, order = split_of(n)
    replays = SCALE.second_replays(split, order)
    assert sorted(np.concatenate([r.order for r in replays])) == list(range(n))
    for replay in replays:
        assert (replay.inputs == split.inputs[replay.order]).all()
        assert replay.binding.all()
        assert min(BATCH_SIZES[1], len(replay.order)) <= max(1, -(-n // 8))


def test_an_order_is_that_of_the_images_alone():
    split, order = split_of(500)
    others = Split(inputs=split.inputs, labels=split.labels[::-1])
    for one, other in zip(*(SCALE.second_replays(s, order) for s in (split, others)), strict=True):
        assert (one.order == other.order).all()
