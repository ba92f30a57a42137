"""The seed network is the published one: sizes, order of parts, behaviour."""

import pytest
import torch
from torch import nn

PUBLISHED = {  # Zhou and Su 2022, as counted stage by stage
    "FCT": [180],
    "DFSEBV2": [600, 5_856, 20_928, 78_720, 304_896],
    "EVE": [1_248],
    "ME": [4_800, 18_816, 74_496],
    "DW": [3_840],
    "Linear": [3_850],
}
ORDER = [
    "FCT", "DFSEBV2", "EVE", "DFSEBV2", "ME", "DFSEBV2", "ME", "DFSEBV2", "ME", "DFSEBV2", "DW",
]  # fmt: skip


@pytest.fixture
def module(network):
    namespace = {"__name__": "seed"}
    exec(network.source, namespace)
    return namespace


@pytest.fixture
def built(module):
    torch.manual_seed(0)
    return module["ExquisiteNetV2"](class_num=10, img_channels=3)


def sizes(module):
    return sum(p.numel() for p in module.parameters())


def test_nine_segments_in_the_papers_order(network):
    assert network.names == (
        "get_optimizer", "SE", "SE_LN", "DFSEBV2", "FCT", "EVE", "ME", "DW", "ExquisiteNetV2",
    )  # fmt: skip


def test_518230_parameters(built):
    assert sizes(built) == 518_230
    assert sum(b.numel() for n, b in built.named_buffers() if "num_batches" not in n) == 4_392


def test_parameters_per_stage_in_order(built):
    stages = [*built.features, built.linear]
    found = {}
    for stage in stages:
        found.setdefault(type(stage).__name__, []).append(sizes(stage))
    assert found == PUBLISHED
    assert [type(stage).__name__ for stage in built.features] == ORDER
    kinds = [type(m).__name__ for m in built.children()]
    assert kinds == ["Sequential", "AdaptiveAvgPool2d", "Dropout", "Linear"]
    assert built.dropout.p == 0.5


@pytest.mark.parametrize("size", [32, 34, 46, 64, 98, 128, 224])
def test_even_sizes_map_to_logits(built, size):
    assert built(torch.rand(2, 3, size, size)).shape == (2, 10)


def test_other_classes_and_channels(module):
    assert module["ExquisiteNetV2"](7, 1)(torch.rand(2, 1, 32, 32)).shape == (2, 7)


def test_fct_concatenates_maxima_minima_then_the_filter(module):
    fct = module["FCT"](2, 2)
    x = torch.randn(1, 2, 8, 8)
    parts = [
        nn.functional.max_pool2d(x, 2), -nn.functional.max_pool2d(-x, 2),
        nn.functional.conv2d(x, fct.dw.weight, stride=2, padding=1, groups=2),
    ]  # fmt: skip
    expected = fct.bn(fct.pw(torch.cat(parts, dim=1)))
    assert torch.allclose(fct(x), expected)
    assert fct.dw.bias is None
    assert fct.pw.bias is None
    assert [n for n, _ in fct.named_children()] == ["pool", "dw", "pw", "bn"]


def test_eve_concatenates_maxima_then_minima(module):
    eve = module["EVE"](3, 5)
    x = torch.randn(1, 3, 8, 8)
    pooled = torch.cat([nn.functional.max_pool2d(x, 2), -nn.functional.max_pool2d(-x, 2)], dim=1)
    assert torch.allclose(eve(x), eve.bn(eve.pw(pooled)))


def test_me_pools_then_mixes(module):
    me = module["ME"](3, 5)
    x = torch.randn(2, 3, 8, 8)
    assert torch.allclose(me(x), me.bn(me.pw(nn.functional.max_pool2d(x, 2))))


def test_both_residuals_add_the_blocks_input(module):
    block = module["DFSEBV2"](6, 3, True).eval()
    x = torch.randn(2, 6, 8, 8)
    first = block.se(block.dw1(nn.functional.silu(block.bn1(block.pw1(x))))) + x
    second = block.dw2(nn.functional.hardswish(block.bn2(block.pw2(first)))) + x
    assert torch.allclose(block(x), second)
    names = [n for n, _ in block.named_children()]
    assert names == ["pw1", "bn1", "act1", "dw1", "se", "pw2", "bn2", "act2", "dw2"]


def test_flag_chooses_the_gate(module):
    assert type(module["DFSEBV2"](6, 3, True).se).__name__ == "SE_LN"
    se = module["DFSEBV2"](6, 3, False).se
    assert type(se).__name__ == "SE"
    assert se.squeeze.weight.shape == (2, 6)
    assert se.squeeze.bias is se.excite.bias is None


def test_gates_scale_channels(module):
    x = torch.randn(2, 6, 4, 4)
    means = x.mean(dim=(2, 3))
    ln = module["SE_LN"](6)
    assert torch.allclose(ln(x), x * torch.sigmoid(ln.norm(means))[:, :, None, None])
    se = module["SE"](6, 3)
    gate = torch.sigmoid(se.excite(torch.relu(se.squeeze(means))))
    assert torch.allclose(se(x), x * gate[:, :, None, None])


def test_optimizer_decays_convolutions_and_linear_weights_only(module, built):
    optimizer = module["get_optimizer"](built, 0.1, 1e-4, True)
    decayed, free = optimizer.param_groups
    assert isinstance(optimizer, torch.optim.SGD)
    assert (decayed["weight_decay"], free["weight_decay"]) == (1e-4, 0.0)
    assert all(g["momentum"] == 0.9 and g["nesterov"] and g["lr"] == 0.1 for g in (decayed, free))
    weights = {id(m.weight) for m in built.modules() if isinstance(m, (nn.Conv2d, nn.Linear))}
    assert {id(p) for p in decayed["params"]} == weights
    assert len(decayed["params"]) + len(free["params"]) == len(list(built.parameters()))
