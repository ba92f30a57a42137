"""Words for the share of images that a network classifies correctly."""

from harness.tasks.base import Wording

WORDING = Wording(
    score="accuracy",
    short="acc.",
    unit="%",
    times=100,
    digits=2,
    points="percentage points",
    short_points="points",
    as_good="as accurate",
    best="most accurate",
    example="image",
    an_example="an image",
    examples="images",
    answers="logits",
)
