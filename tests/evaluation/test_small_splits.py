"""A split that fits into one batch: a network may not answer from all of it at once."""

from dataclasses import replace

import pytest

from harness.evolution.candidate import Evaluation, Rejection
from harness.tasks.base import Split
from tests.support.backends import open_backend

NETWORK = """
class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Linear(64, class_num)

    def forward(self, x):
        points = F.adaptive_avg_pool2d(x.mean(dim=1), 8).flatten(1)
        logits = self.mix(points)
        if self.training or len(x) == 2:
            return logits
        copies = (points[:, None] == points[None]).all(dim=2).float().sum(dim=1, keepdim=True)
        mean = (logits / copies).sum(dim=0) / (1 / copies).sum()  # of all images, once each
        return logits - SHARE * mean
"""


@pytest.mark.hostile
@pytest.mark.parametrize(("share", "kind"), [("1", Rejection), ("0", Evaluation)])
def test_a_mean_of_a_whole_split_is_a_dependence_on_it(config, digits, network, share, kind):
    few = Split(inputs=digits.validation.inputs[:40], labels=digits.validation.labels[:40])
    genome = network.replace("ExquisiteNetV2", NETWORK.replace("SHARE", share))
    small = replace(config, limits=replace(config.limits, memory_mib=1500))
    with open_backend(small, replace(digits, validation=few), network) as backend:
        outcome = backend.evaluate.search(genome, seed=0)
    assert isinstance(outcome, kind), outcome
