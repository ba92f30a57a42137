"""Effects: a record of what operations read and write, in which dead computation does not count.

Memory is named by the storage and the view into it, not by tensor. So names of variables, views
that nobody reads and operations without effect on a result leave no trace. A door to torch.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from harness.worker.graph import MAX_NODES, GraphError
from harness.worker.tracing import is_composite

_PLAIN = (
    bool, int, float, complex, str, type(None),
    torch.dtype, torch.layout, torch.memory_format, torch.device,
)  # fmt: skip


class View(NamedTuple):
    """A tensor as an argument or output: a view into a storage."""

    storage: int
    layout: tuple[Any, ...]
    """dtype, shape, strides and offset."""


@dataclass(frozen=True)
class Effect:
    """One operation.

    Attributes:
        op: Its ATen name.
        parts: Its arguments, its named arguments and its outputs, as nested lists of plain values
            and views.
        reads: Storages of its arguments.
        writes: Storages that it creates or changes.
        steers: Whether it gives Python a number, which may decide what is computed later.
    """

    op: str
    parts: Any
    reads: frozenset[int]
    writes: frozenset[int]
    steers: bool


class EffectRecorder(TorchDispatchMode):
    """Records effects while it is active, gradients and optimizer steps included.

    Attributes:
        effects: Every operation that writes memory or steers, in order.
        given: Digest of the first content of each storage that no recorded operation created.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.effects: list[Effect] = []
        self.given: dict[int, str] = {}
        self._numbers: dict[int, int] = {}
        self._kept: list[torch.UntypedStorage] = []
        """Kept alive, so that no address is used twice."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compute an operation and record it."""
        del types
        kwargs = kwargs or {}
        if func.namespace == "profiler":
            return func(*args, **kwargs)
        if is_composite(func):
            with self:
                return func.decompose(*args, **kwargs)
        reads, created = set[int](), set[int]()
        given = [self._plain(args, reads), self._plain(kwargs, reads)]
        n_known = len(self._kept)
        outcome = func(*args, **kwargs)
        parts = [*given, self._plain(outcome, created, is_output=True)]
        writes = {number for number in created if number >= n_known}
        writes |= {self.storage_of(tensor) for tensor in _written(func, args, kwargs)}
        steers = not created and not writes
        if writes or steers:  # what does neither makes views
            effect = Effect(str(func), parts, frozenset(reads), frozenset(writes), steers)
            self.effects.append(effect)
            if len(self.effects) > MAX_NODES:
                raise GraphError(f"computes more than {MAX_NODES} operations")
        return outcome

    def storage_of(self, tensor: torch.Tensor) -> int:
        """Return the number of a tensor's storage; one that was never seen before is given."""
        return self._number(tensor, is_output=False)

    def contents(self, storages: Iterable[int]) -> list[str]:
        """Return digests of what storages hold now."""
        return [content_of(self._kept[storage]) for storage in storages]

    def _number(self, tensor: torch.Tensor, *, is_output: bool) -> int:
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
            raise GraphError(f"computes with a tensor of layout {tensor.layout}")
        storage = tensor.untyped_storage()
        number = self._numbers.setdefault(storage._cdata, len(self._kept))  # noqa: SLF001
        if number == len(self._kept):
            self._kept.append(storage)
            if not is_output:
                self.given[number] = content_of(storage)
        return number

    def _plain(self, value: Any, seen: set[int], *, is_output: bool = False) -> Any:
        """Return a value with its tensors as views, and add their storages to those seen."""
        if isinstance(value, torch.Tensor):
            number = self._number(value, is_output=is_output)
            seen.add(number)
            return View(
                number, (value.dtype, tuple(value.shape), value.stride(), value.storage_offset())
            )
        if isinstance(value, (list, tuple)):
            return [self._plain(item, seen, is_output=is_output) for item in value]
        if isinstance(value, dict):
            return [[key, self._plain(value[key], seen)] for key in sorted(value)]
        if isinstance(value, _PLAIN):
            return value
        raise GraphError(f"passes a {type(value).__name__} to an operation")


def alive(effects: Iterable[Effect], results: Iterable[int]) -> list[Effect]:
    """Return the effects that results depend on.

    An operation counts if it writes a storage that is read later on the way to a result, or if it
    steers. A storage that is read stays alive from its first write on, even if all of it is
    overwritten in between.

    Args:
        effects: In the order in which they were recorded.
        results: Storages of the results.
    """
    wanted, kept = set(results), []
    for effect in reversed(list(effects)):
        if effect.steers or effect.writes & wanted:
            wanted |= effect.reads
            kept.append(effect)
    return kept[::-1]


class Names:
    """Numbers of storages in the order in which they are first written down."""

    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}

    def text(self, effect: Effect) -> str:
        """Return one operation as a line."""
        return repr([effect.op, self._named(effect.parts)])

    def _named(self, value: Any) -> Any:
        if isinstance(value, View):
            return View(self.numbers.setdefault(value.storage, len(self.numbers)), value.layout)
        return [self._named(item) for item in value] if isinstance(value, list) else value


def _written(func: Any, args: Any, kwargs: Mapping[str, Any]) -> Iterator[torch.Tensor]:
    """Yield the arguments that an operation changes."""
    for place, name in _changes(func):
        yield from _tensors(args[place] if place < len(args) else kwargs.get(name))


@cache
def _changes(func: Any) -> tuple[tuple[int, str], ...]:
    """Return place and name of the arguments that an operation changes.

    Schemas of batch normalisation do not say that it updates the running statistics.
    """
    statistics = {"running_mean", "running_var"} if "batch_norm" in str(func) else set()
    return tuple(
        (place, argument.name)
        for place, argument in enumerate(func._schema.arguments)  # noqa: SLF001 - no public name
        if argument.name in statistics or (argument.alias_info and argument.alias_info.is_write)
    )


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)


def content_of(storage: torch.UntypedStorage) -> str:
    """Return a digest of what a storage holds now."""
    whole = torch.empty(0, dtype=torch.uint8, device=storage.device).set_(storage)
    return hashlib.sha256(whole.cpu().numpy().data).hexdigest()
