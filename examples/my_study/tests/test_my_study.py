"""The arm and the task keep what the harness expects of them."""

import pytest
from my_study.arm import OneWidth
from my_study.data import Stripes

from harness.testing.datasets import ImagesContract
from harness.testing.proposers import SegmentContract


class TestOneWidth(SegmentContract):
    @pytest.fixture
    def proposer(self):
        return OneWidth(factors=[0.5, 0.75, 1.5])

    def test_one_width_of_one_segment_changes(self, proposer, seed_network, context):
        child, variation = proposer.mutate(seed_network, context)
        old, new = variation.detail["width"].split(" to ")
        assert old in seed_network[variation.segment]
        assert new in child[variation.segment]


class TestStripes(ImagesContract):
    @pytest.fixture
    def loader(self):
        return Stripes(per_class=30, size=16, noise=0.5, seed=0)
