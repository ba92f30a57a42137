"""Behaviour: a digest of what a network computes and how it learns, to find equal ones.

The network is built under the seed of the search's trainings. It answers fixed inputs, takes a few
optimizer steps on others, and answers again. The digest covers both evaluations as they are
recorded for size and FLOPs, operations without effect included (``tracing``); the operations of the
steps on which the answers depend (``effects``); the state that they start from and end in; the
answers; the optimizer's settings; and all code and values that may act later (``unseen_code``).
Equal digests stand for one function of one size; unequal ones may, too. Where that cannot be known,
there is no digest, and the network is trained as its own.

It runs in the process that ran candidate code, so it is a claim. A door to torch.
"""

import contextlib
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from harness.sandbox.messages import DIGEST_BYTES, Candidate
from harness.tasks.kind import Kind
from harness.worker.behaviour.effects import EffectRecorder, Names, alive
from harness.worker.behaviour.unseen_code import unseen_code
from harness.worker.candidate import construct
from harness.worker.graph import Graph, written
from harness.worker.tracing import Recorder
from harness.worker.training import Steps

_ANSWERED = (2, 3)
_STEPS = (4, 3, 5)
"""Sizes of the batches to answer before and after the steps, and of each step. No two are equal:
so a constant differs from the size of a batch, even where the two are equal by chance."""
_N_BATCHES = 100
"""Steps of an epoch, for the schedule; the real number is the data's."""
_PLAIN = (bool, int, float, str, tuple, list, type(None))


def behaviour_of(candidate: Candidate, kind: Kind, *, device: str) -> bytes:
    """Return the digest of a candidate's behaviour, 16 bytes.

    Equal candidates have equal digests on one machine. On a GPU some operations do not give the
    same bits each time; then equal candidates may have unequal digests.

    Raises:
        Exception: Anything that the candidate raises, or a computation that cannot be recorded.
    """
    network, optimizer = construct(candidate, kind, device=device)
    digest = hashlib.sha256()
    text = unseen_code(network, optimizer, sys.modules["candidate"])
    digest.update(text.encode(errors="surrogatepass") + b"\n")
    settings = [_settings(group) for group in optimizer.param_groups]
    recorder = EffectRecorder()
    observed = _Observed(
        network=network,
        optimizer=optimizer,
        candidate=candidate,
        kind=kind,
        device=device,
        recorder=recorder,
    )
    with _same_bits(device):
        before, graph = observed.answers(_ANSWERED[0])
        observed.learn()
        after, later_graph = observed.answers(_ANSWERED[1])
    answers = [before, after]
    for recorded in (graph, later_graph):
        digest.update(written(recorded).encode() + b"\n")
        digest.update(recorded.payload().tobytes())
    with torch.no_grad():
        results = {recorder.storage_of(tensor) for tensor in (*answers, *_state(optimizer))}
        names = Names()
        for effect in alive(recorder.effects, results):
            digest.update(names.text(effect).encode() + b"\n")
        numbers = names.numbers
        given = [storage for storage in numbers if storage in recorder.given]
        digest.update(repr([recorder.given[storage] for storage in given]).encode())
        digest.update(repr(recorder.contents(given)).encode())
        digest.update(repr(recorder.contents([recorder.storage_of(a) for a in answers])).encode())
        for group, setting in zip(optimizer.param_groups, settings, strict=True):
            owned = [numbers[s] for s in map(recorder.storage_of, group["params"]) if s in numbers]
            if owned:
                digest.update(repr((setting, owned)).encode())
    return digest.digest()[:DIGEST_BYTES]


@dataclass(frozen=True, kw_only=True)
class _Observed:
    """A built candidate that answers and learns while its operations are recorded.

    Random state is set anew before each part, so that what was drawn before does not count.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    candidate: Candidate
    kind: Kind
    device: str
    recorder: EffectRecorder

    def answers(self, n: int) -> tuple[torch.Tensor, Graph]:
        """Return the answers to n fixed inputs, and the graph by which size and FLOPs count."""
        torch.manual_seed(self.candidate.seed)
        self.network.eval()
        inputs = self.kind.random(n, self.candidate.signature, self.device)
        evaluation = Recorder()
        with self.recorder:
            answers = evaluation.record(self.network, inputs)
        return answers, evaluation.graph()

    def learn(self) -> None:
        """Take a few optimizer steps as the recipe's first ones, on fixed inputs and labels."""
        kind, signature, device = self.kind, self.candidate.signature, self.device
        self.network.train()
        step = Steps(
            self.network,
            self.optimizer,
            kind=kind,
            recipe=self.candidate.recipe,
            n_batches=_N_BATCHES,
            device=device,
        )
        torch.manual_seed(self.candidate.seed)
        batches = [
            (kind.random(n, signature, device), kind.labels(n, signature, device)) for n in _STEPS
        ]
        torch.manual_seed(self.candidate.seed)
        with self.recorder:
            for inputs, labels in batches:
                step(inputs, labels)


def _state(optimizer: torch.optim.Optimizer) -> Iterator[torch.Tensor]:
    """Yield the optimizer's state, on which later steps depend."""
    for held in optimizer.state.values():
        yield from (value for value in held.values() if isinstance(value, torch.Tensor))


def _settings(group: dict[str, Any]) -> list[str]:
    """Return a group's settings: some show only after many steps."""
    return [f"{name}={_plain(value)}" for name, value in sorted(group.items()) if name != "params"]


def _plain(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return repr(value.tolist())
    return repr(value) if isinstance(value, _PLAIN) else type(value).__qualname__


@contextlib.contextmanager
def _same_bits(device: str) -> Iterator[None]:
    """Compute the same bits each time, on a GPU where it can; let torch fuse no operations.

    Sums over several threads differ in their last bits by the number of threads.
    """
    fused, threads = torch.backends.mha.get_fastpath_enabled(), torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    torch.set_num_threads(1)
    if device == "cuda":
        torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic, warn_only=warns)
