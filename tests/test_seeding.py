"""Random streams are named, independent, and leave the global generators alone."""

import random

from hypothesis import given
from hypothesis import strategies as st

from harness.seeding import derived_seed, stream

names = st.lists(st.text(max_size=5) | st.integers(0, 99), min_size=1, max_size=3)


@given(st.integers(0, 2**31), names)
def test_equal_names_equal_draws(seed, name):
    assert stream(seed, *name).random() == stream(seed, *name).random()
    assert 0 <= derived_seed(seed, *name) < 2**31


@given(st.integers(0, 2**31), names, names)
def test_other_names_other_draws(seed, a, b):
    if a != b:
        assert stream(seed, *a).random() != stream(seed, *b).random()


def test_global_generators_stay_as_they_are():
    before = random.getstate()
    stream(1, "x").random()
    assert random.getstate() == before
