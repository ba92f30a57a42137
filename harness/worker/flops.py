"""Floating-point operations of a computation: products exactly, all others by their elements.

torch's own counter has products and convolutions. Products that torch fuses on a CPU are added
here. Every other operation counts one for each element that it reads or writes, whichever are more,
so that no loop is free. A door to torch.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, flop_registry


def counted(computation: Callable[[], object]) -> int:
    """Return the floating-point operations of a computation without gradients."""
    others, products = _Elements(), FlopCounterMode(display=False, custom_mapping=_FUSED)
    with others, products:
        computation()
    return others.total + int(products.get_total_flops())


class _Elements(TorchDispatchMode):
    """Sums the elements of operations that are neither products nor views."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        outcome = func(*args, **(kwargs or {}))
        packet = func._overloadpacket  # noqa: SLF001 - no public name
        if packet not in flop_registry and packet not in _FUSED and not func.is_view:
            read = max((t.numel() for t in _tensors_in((args, kwargs))), default=0)
            self.total += max(read, sum(t.numel() for t in _tensors_in(outcome)))
        return outcome


def _tensors_in(values: Any) -> list[torch.Tensor]:
    return [v for v in tree_leaves(values) if isinstance(v, torch.Tensor)]


def _recurrent(layer_input: Any, *weights: Any, **_: Any) -> int:
    """Each step of a recurrent layer multiplies by both weight matrices."""
    steps, batch, _width = layer_input
    return sum(2 * steps * batch * math.prod(shape) for shape in weights[:2])


def _added(_bias: Any, one: Any, other: Any, *_: Any, **__: Any) -> int:
    return _multiplied(one, other)


def _multiplied(one: Any, other: Any, *_: Any, **__: Any) -> int:
    return int(2 * math.prod(one) * other[-1])


def _attended(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    """Products of all queries with all keys, and of all weights with all values."""
    return int(2 * math.prod(query[:-1]) * key[-2] * (query[-1] + value[-1]))


def _projected_and_attended(
    query: Any, key: Any, _value: Any, width: int, *_: Any, **__: Any
) -> int:
    batch, steps, _ = query
    projections = 4 * batch * width * width * (steps + key[1])
    return int(projections + _attended((batch, steps, width), (key[1], width), (width,)))


def _encoded(source: Any, width: int, _heads: int, *others: Any, **_: Any) -> int:
    """Attention with its projections, then the two products of the feed-forward part."""
    batch, steps, _ = source
    matrices = [s for s in others if isinstance(s, (tuple, torch.Size)) and len(s) == 2]  # noqa: PLR2004
    feed_forward = sum(2 * batch * steps * math.prod(shape) for shape in matrices[-2:])
    return int(feed_forward + _projected_and_attended(source, source, source, width))


def _measured_apart(one: Any, other: Any, *_: Any, **__: Any) -> int:
    return int(3 * math.prod(one) * other[-2])


_ATEN = torch.ops.aten
_FUSED = {
    _ATEN.mkldnn_rnn_layer: _recurrent,
    _ATEN._addmm_activation: _added,  # noqa: SLF001 - torch's own names
    _ATEN._int_mm: _multiplied,  # noqa: SLF001
    _ATEN._scaled_dot_product_flash_attention_for_cpu: _attended,  # noqa: SLF001
    _ATEN._native_multi_head_attention: _projected_and_attended,  # noqa: SLF001
    _ATEN._transformer_encoder_layer_fwd: _encoded,  # noqa: SLF001
    _ATEN._cdist_forward: _measured_apart,  # noqa: SLF001
}
"""Products that torch's counter lacks, with the functions that count them."""
