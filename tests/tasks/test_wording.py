"""Words of a task, looked up by the kind that a manifest names."""

import random

import pytest

from harness.errors import InputError
from harness.tasks.base import wording_of


def test_scores_of_images_are_percentages():
    words = wording_of("image_classification")
    assert words.text(0.93214) == "93.21%"
    assert words.number(1) == "100.00"
    assert words.change(0.9, 0.9251) == "from 90.00% to 92.51% (+2.51 percentage points)"
    assert words.change(0.9, 0.9) == "from 90.00% to 90.00% (unchanged)"
    assert words.validation_examples == "validation images"


def test_scores_are_written_as_the_percent_format_writes_them():
    """Prompts were recorded with ``:.2%``; the text is part of the key of a recorded answer."""
    words, rng = wording_of("image_classification"), random.Random(0)
    for n in (359, 360, 10_000, rng.randrange(1, 10**6)):
        for k in range(0, n + 1, max(1, n // 5000)):
            assert words.text(k / n) == f"{k / n:.2%}"


@pytest.mark.parametrize("kind", ["poetry", "image_classification.wording", "..errors", ""])
def test_an_unknown_kind_is_an_error_of_the_input(kind):
    with pytest.raises(InputError, match="expected a task of"):
        wording_of(kind)
