"""Training images change as the published recipe changes them, measured against torchvision."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, ks_2samp
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from harness.tasks.image_classification.augmentation import augment, jittered, shifted
from harness.tasks.image_classification.preprocess import as_input
from harness.tasks.image_classification.recipe import ImageRecipe

N = 4000
PUBLISHED = ImageRecipe(flip=True, jitter=0.05, shift_px=0.05 * 32, shift_p=0.5)
THEIRS = v2.Compose([
    v2.RandomHorizontalFlip(0.5),
    v2.RandomApply([v2.ColorJitter(0.05, 0.05, 0.05)], 0.5),
    v2.RandomApply([v2.RandomAffine(0, translate=(0.05, 0.05))], 0.5),
])  # fmt: skip


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def image(digits):
    """A picture in colour, smooth, with nothing at its borders to hide a shift."""
    ramp = torch.linspace(0.2, 0.8, 32)
    colours = torch.stack(
        [ramp[:, None] * ramp, ramp.flip(0)[:, None] * ramp, ramp.outer(ramp.flip(0))]
    )
    return 0.15 + 0.7 * colours


@pytest.fixture(scope="module")
def both(image):
    """The same picture, changed N times by us and N times by torchvision."""
    ours = augment(image.expand(N, -1, -1, -1), PUBLISHED, rng())
    torch.manual_seed(1)
    theirs = torch.stack([THEIRS(image) for _ in range(N)])
    return ours, theirs


FEATURES = {
    "brightness": lambda x: x.mean((1, 2, 3)),
    "contrast": lambda x: x.std((1, 2, 3)),
    "saturation": lambda x: (x.amax(1) - x.amin(1)).mean((1, 2)),
    "left against right": lambda x: (x[..., :16] - x[..., 16:]).mean((1, 2, 3)),
    "top against bottom": lambda x: (x[..., :16, :] - x[..., 16:, :]).mean((1, 2, 3)),
    "black that moved in": lambda x: (x.amax(1) == 0).float().mean((1, 2)),
    "one pixel": lambda x: x[:, 0, 9, 20],
}


@pytest.mark.parametrize("feature", FEATURES)
def test_equal_in_distribution_to_the_published_transforms(both, feature):
    ours, theirs = (FEATURES[feature](x).numpy().round(5) for x in both)  # the last bits differ
    assert ks_2samp(ours, theirs).pvalue > 0.001
    assert np.unique(ours).size > 1


def test_features_go_together_as_they_do_in_theirs(both):
    """Which changes come together, too: the correlations of all features."""
    told = [np.stack([f(x).numpy() for f in FEATURES.values()]) for x in both]
    ours, theirs = (np.corrcoef(values) for values in told)
    assert np.abs(ours - theirs).max() < 6 / np.sqrt(N)


def test_shifts_have_torchvisions_distances(image):
    """Rounded from a uniform draw: the outermost are rarer, by what the reach leaves of them."""
    reach = 0.05 * 224
    marked = torch.zeros(1, 1, 40, 40)
    marked[..., 20, 20] = 1
    moved = shifted(marked.expand(40_000, -1, -1, -1), reach, 1.0, rng())
    rows, columns = moved[:, 0].nonzero()[:, 1:].T - 20
    expected = np.array([0.7, *[1.0] * 21, 0.7]) / 22.4
    for distances in (rows, columns):
        counts = np.bincount(distances.numpy() + 11, minlength=23)
        assert len(counts) == 23
        assert chisquare(counts, expected * counts.sum()).pvalue > 0.001
    torch.manual_seed(0)
    drawn = [v2.RandomAffine(0, translate=(0.05, 0.05)).make_params([torch.zeros(3, 224, 224)])
             for _ in range(4000)]  # fmt: skip
    theirs = np.bincount([p["translate"][0] + 11 for p in drawn], minlength=23)
    assert chisquare(theirs, expected * 4000).pvalue > 0.001


def test_one_change_after_the_other_is_torchvisions_own(image):
    """The same factors in the same order give the same pixels as torchvision's functions."""
    n, reach = 60, 0.5
    draws = torch.rand(2, 3, n, generator=rng(7))
    order, factors = draws[0].argsort(0), 1 + reach * (2 * draws[1] - 1)
    ours = jittered(image.expand(n, -1, -1, -1), reach, rng(7))
    changes = (
        functional.adjust_brightness,
        functional.adjust_contrast,
        functional.adjust_saturation,
    )
    for i in range(n):
        theirs = image
        for k in range(3):
            theirs = changes[order[k, i]](theirs, float(factors[k, i]))
        assert torch.allclose(ours[i], theirs, atol=1e-5), i
    assert {tuple(o) for o in order.T.tolist()} == set(map(tuple, torch.cartesian_prod(
        *[torch.arange(3)] * 3).tolist())) & {(a, b, 3 - a - b) for a in range(3) for b in range(3)
                                              if a != b}  # fmt: skip


def test_resizing_is_torchvisions_bilinear(image):
    pixels = (image * 255).to(torch.uint8)[None]
    ours = as_input(pixels, size_px=224)
    theirs = functional.resize(pixels.float() / 255, [224, 224], antialias=True)
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_shares_of_images_that_change(both, image):
    ours, _ = both
    same = (ours == image).flatten(1).all(1).float().mean().item()
    still = (1 / 3.2) ** 2  # of the shifts, those that round to nothing either way
    assert same == pytest.approx(0.5 * 0.5 * (0.5 + 0.5 * still), abs=0.03)
    plain = replace(PUBLISHED, flip=False, jitter=0.0, shift_px=0)
    assert torch.equal(augment(image[None], plain, rng()), image[None])
