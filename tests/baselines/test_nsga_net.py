"""The typed search space of ``nas``."""

import json
import time
from dataclasses import asdict, replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.baselines.nsga_net import (
    CHOICES,
    Architecture,
    crossed,
    decoded,
    encoded,
    mutated,
    sampled,
)
from harness.errors import InputError
from harness.evolution.genome import Genome
from harness.testing.proposers import ProposerContract
from tests.support.proposers import built

IN_COMMENTS = {
    "get_optimizer": '# momentum=0.9 lr=lr "weight_decay": weight_decay',
    **dict.fromkeys(("FCT", "EVE", "ME"), "# nn.BatchNorm2d(cout)"),
    "DFSEBV2": "# nn.BatchNorm2d(c) nn.SiLU() nn.Hardswish()",
    "ExquisiteNetV2": "# FCT(x, 12) EVE(x, 12) ME(x, 12) ME(x, 12) ME(x, 12)",
}
"""All that the typed space varies, where it changes nothing."""


class TestNas(ProposerContract):
    @pytest.fixture
    def proposer(self):
        return built("nas")

    def test_the_space_holds_the_seed_network_itself(self, network):
        assert encoded(Architecture(), network).digest == network.digest
        assert decoded(network) == Architecture()

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.integers(0, 10**6))
    def test_an_architecture_is_read_back_as_it_was_written(self, network, seed):
        rng = Random(seed)
        one, other = sampled(rng), sampled(rng)
        assert decoded(encoded(one, network)) == one
        child = crossed(one, other, rng)
        places = child.genes()
        for name, i in places:
            value = getattr(child, name)[i]
            assert value in {getattr(one, name)[i], getattr(other, name)[i]}
            assert value in CHOICES[name]
        changed = mutated(one, rng)
        assert any(getattr(changed, n)[i] != getattr(one, n)[i] for n, i in places)

    def test_samples_are_networks_that_pass_the_gates(self, backend, proposer, network, context):
        for k in range(6):
            sample, _ = proposer.mutate(network, replace(context, step=f"g0.c{k}", founding=True))
            assert backend.validate(sample, seed=0).refusal is None

    def test_an_edited_seed_network_is_refused_where_genes_would_be_lost(self, proposer, context):
        seed = context.reference.genome
        own = seed.replace("DFSEBV2", seed["DFSEBV2"].replace("nn.SiLU()", "nn.SiLU(inplace=True)"))
        edited = replace(context, reference=replace(context.reference, genome=own))
        with pytest.raises(InputError, match=r"this one's DFSEBV2 has no 'nn.SiLU\(\)'"):
            proposer.mutate(own, edited)

    def test_another_seed_network_is_refused_in_one_sentence(self, proposer, context):
        mine = Genome.parse("# segment: Mine\nclass Mine:\n    pass\n")
        seed = replace(context.reference, genome=mine)
        with pytest.raises(InputError, match="expected ExquisiteNetV2 as the seed network"):
            proposer.mutate(mine, replace(context, reference=seed))

    def test_a_seed_network_with_its_places_in_comments_has_no_child(self, proposer, context):
        bare = (
            Genome.parse("".join(f"# segment: {name}\n{comments}\nclass {name}:\n    pass\n\n\n"
                                 for name, comments in IN_COMMENTS.items()))
        )  # fmt: skip
        proposer.require(bare)
        seed = replace(context.reference, genome=bare)
        for founding in (True, False):
            child, _ = proposer.mutate(bare, replace(context, reference=seed, founding=founding))
            assert (child.kind, child.reason) == ("duplicate", "a copy of its first parent")

    @pytest.mark.parametrize(
        "told",
        [
            json.dumps(asdict(Architecture()) | {"depths": [10**8] * 5}),
            json.dumps(asdict(Architecture()) | {"more": [1]}),
            '{"widths": ' + "[" * 100_000 + "]" * 100_000 + "}",
            '{"widths": ' + "9" * 5000 + "}",
            "{}",
            "{no JSON}",
        ],
    )
    def test_a_comment_that_is_no_point_of_the_space_is_one_sentence(self, told, network):
        text = f"# architecture: {told}\n{network['ExquisiteNetV2']}"
        with pytest.raises(InputError, match="expected an architecture of the search space"):
            decoded(network.replace("ExquisiteNetV2", text))

    def test_the_layers_of_a_long_text_are_found_in_linear_time(self, network):
        many = "nn.Sequential(" * 100_000
        long = network.replace("ExquisiteNetV2", f"{network['ExquisiteNetV2']}\n# {many}\n")
        before = long["ExquisiteNetV2"].replace("\n        )", "\n            )")
        started = time.process_time()
        encoded(Architecture(), long.replace("ExquisiteNetV2", before))
        assert time.process_time() - started < 3
