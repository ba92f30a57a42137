"""Recipe settings of image classification."""

from dataclasses import dataclass

from harness.config.arguments import AT_LEAST_0, AT_LEAST_1, SHARE
from harness.config.schema import MISSING, Recipe, setting


@dataclass(kw_only=True)
class ImageRecipe(Recipe):
    """How a network is trained on images; held-out images are only resized."""

    size_px: int | None = setting(default=None, within=AT_LEAST_1)
    """Resize every image to this height and width in pixels, bilinearly, on the device."""
    flip: bool = MISSING
    """Mirror half of the training images; unsuitable for digits and text."""
    jitter: float = setting(default=0.0, within=SHARE)
    """Change brightness, contrast and saturation of half of the training images by up to this
    share each."""
    shift_px: float = setting(within=AT_LEAST_0)
    """Translate training images by up to this many pixels in each direction, rounded."""
    shift_p: float = setting(default=1.0, within=SHARE)
    """Share of training images that are translated."""


RECIPE = ImageRecipe
