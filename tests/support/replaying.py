"""Replays under observation: what reads memory that is not its own gives another result each time.

A graph is replayed twice. All memory but the graph's own holds other bytes the second time: what
surrounds the storages and the input, what was freed, and what is new. A read beyond a tensor, or of
uninitialised memory, makes the two results differ; a write beyond a tensor changes the bytes
around it.
"""

import contextlib
import ctypes
import json
import mmap
import os
import resource
import signal
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from harness.worker.graph import GraphError
from harness.worker.interpreter import Interpreter

AROUND = 1 << 14
"""Bytes before and behind each storage."""
FILLINGS = (0x00, 0x11, 0x3F, 0x6E, 0xEE, 0xFF)
"""As floats: 0, almost 0, about 1, huge, negative and huge, not a number."""
SECONDS_OF_PROCESSOR = 4.0
_MIB = 2**20
_M_PERTURB = -6
_TOLD = 1 << 16


class Beyond(AssertionError):
    """A replay used memory that is not its own."""


class Died(AssertionError):
    """A process did not survive what it did; the message says by which signal, and at what."""


class Slow(Died):
    """A process took more than its processor time."""


class _Fenced(np.ndarray):
    """The bytes of a storage; their copy lies between bytes that nothing may read or change."""

    fences = None

    def copy(self, order="C"):
        del order
        return self.fences.between(np.asarray(self))


class _Fences:
    def __init__(self, filling):
        self._filling, self._whole = filling, []

    def between(self, content):
        whole = np.full(content.nbytes + 2 * AROUND + 64, self._filling, "u1")
        start = AROUND + -(whole.ctypes.data + AROUND) % 64
        end = start + content.nbytes
        whole[start:end] = content
        self._whole.append((whole, start, end))
        return whole[start:end]

    def require_unchanged(self):
        assert self._whole, "nothing is fenced: the interpreter copies its storages in another way"
        for whole, start, end in self._whole:
            if (whole[:start] != self._filling).any() or (whole[end:] != self._filling).any():
                raise Beyond("writes beyond a tensor")


def replayed(graph, batch, *, program=0):
    """The bytes of a result, or the refusal; Beyond where memory of others has a part in it."""
    one, other = np.random.default_rng(len(graph.programs[program].nodes)).permutation(FILLINGS)[:2]
    first, second = (_outcome(graph, batch, program, int(f)) for f in (one, other))
    for outcome in (first, second):
        if isinstance(outcome, MemoryError) or (
            isinstance(outcome, GraphError) and "memory" in str(outcome)
        ):  # the second has less
            return outcome
    if type(first) is not type(second) or (isinstance(first, bytes) and first != second):
        raise Beyond(f"replays differ: {_short(first)} or {_short(second)}")
    return first


def _outcome(graph, batch, program, filling):
    fences = _Fences(filling)
    storages = tuple(np.asarray(s).view(_Fenced) for s in graph.storages)
    for storage in storages:
        storage.fences = fences
    interpreter = Interpreter(replace(graph, storages=storages), device="cpu")
    flat = fences.between(batch.numpy().reshape(-1).view("u1"))
    own = torch.from_numpy(flat.view(batch.numpy().dtype)).view(batch.shape)
    _fill_the_heap(filling)
    try:
        result = interpreter.run(own, program=program)
        fences.require_unchanged()
        return _bytes_of(result)
    except (GraphError, MemoryError) as error:
        fences.require_unchanged()
        return error
    finally:
        _fill_what_is_taken(0)  # with what the kernel gives


def _fill_what_is_taken(filling):
    ctypes.CDLL(None).mallopt(_M_PERTURB, filling)


def _fill_the_heap(filling):
    _fill_what_is_taken(filling)
    kept = [torch.full((1 << k,), filling, dtype=torch.uint8) for k in range(4, 17) for _ in "abcd"]
    del kept[::2]


def _bytes_of(result):
    if result.layout != torch.strided:
        return str(result.layout).encode()
    try:  # one element may have any stride, and an expanded tensor any size
        whole = result.resolve_conj().resolve_neg().clone(memory_format=torch.contiguous_format)
    except RuntimeError as error:
        raise GraphError(str(error)) from error
    whole = whole.as_strided((whole.numel(),), (1,))
    return (
        f"{result.dtype}{tuple(result.shape)}".encode() + whole.view(torch.uint8).numpy().tobytes()
    )


def _short(outcome):
    return outcome[:40] if isinstance(outcome, bytes) else f"{outcome!s:.80}"


def in_child(work, *, mib=1024):
    """Call ``work(tell)`` in a process of its own, and return what it returns, as JSON.

    Args:
        work: It calls ``tell`` with what it does next, which also restarts its processor time.
        mib: Address space that it may take besides what this process has.

    Raises:
        Died: A signal ended it.
        AssertionError: It raised.
    """
    told, (reading, writing) = mmap.mmap(-1, _TOLD), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _work(work, told, writing, mib)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        answer = stream.read()
    _, status = os.waitpid(child, 0)
    doing = told[:].rstrip(b"\0").decode(errors="replace")
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        raise (Slow if name == "SIGPROF" else Died)(f"{name} at {doing}")
    kind, content = json.loads(answer) if answer else ("error", f"exit status {status}")
    if kind == "error":
        raise AssertionError(f"{content} at {doing}")
    return content


def _work(work, told, writing, mib):
    def tell(doing):
        content = doing.encode()[: _TOLD - 1]
        told[:] = content.ljust(_TOLD, b"\0")
        signal.setitimer(signal.ITIMER_PROF, SECONDS_OF_PROCESSOR)

    try:
        for descriptor in (1, 2):  # libraries print what they refuse
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + mib * _MIB,) * 2)
        torch.set_num_threads(1)
        with warnings.catch_warnings(), contextlib.suppress(SystemExit):
            warnings.simplefilter("ignore")
            answer = ("value", work(tell))
    except BaseException as error:  # noqa: BLE001 - the parent raises it
        answer = ("error", f"{type(error).__name__}: {error}")
    os.write(writing, json.dumps(answer).encode())
    os._exit(0)
