"""What runs on the far side: a warm server that forks one child per candidate.

Started by exec with an empty environment. The server imports torch once, holds the training
images and their labels, and forks; it never runs candidate code, never computes with tensors
(a forked child of a process with computing threads hangs), and never sees validation labels,
test images or keys. The child limits itself, runs the candidate, and answers with frames.
"""

import contextlib
import os
import re
import resource
import select
import signal
import socket
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
import torch._dynamo  # else every child pays two seconds for it at its first optimizer step
from torch import nn

from harness.config import Recipe
from harness.training import (
    DivergedError,
    Images,
    as_input,
    count_params,
    lay_channels_last,
    predict,
    train,
)
from harness.wire import Channel, WireError

_MAX_JOB_BYTES = 1 << 32
_REASON_CHARS = 300
_OUT_OF_MEMORY = re.compile("can't allocate memory|out of memory", re.IGNORECASE)

T = TypeVar("T")


class RefusedError(Exception):
    """The candidate fails here, and why; ``limit`` when a limit of the machine acted."""

    def __init__(self, reason: str, *, limit: bool = False) -> None:
        super().__init__(reason)
        self.limit = limit


def main() -> None:
    """Serve until the harness closes the control socket given as the only argument."""
    control = socket.socket(fileno=int(sys.argv[1]))
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        raise SystemExit("the worker server has more than one thread, so it cannot fork safely")
    Server(control).serve()


class Server:
    """Receives training data once, then forks a child for each pair of sockets it is handed."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._data = Images(images=np.empty((0, 1, 1, 1), "u1"), labels=np.empty(0, "i8"))
        self._statuses: dict[int, socket.socket] = {}
        self._woken, self._wakeup = socket.socketpair()
        for end in (self._woken, self._wakeup):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wakeup.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        """Answer requests and report each child's end until the control socket closes."""
        while True:
            ready, _, _ = select.select([self._control, self._woken], [], [])
            if self._woken in ready:
                self._woken.recv(4096)
                self._reap()
            if self._control in ready and not self._request():
                break
        signal.set_wakeup_fd(-1)
        for pid in self._statuses:  # the harness is gone: nobody waits for these
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    def _request(self) -> bool:
        message, fds, _, _ = socket.recv_fds(self._control, 1, 2)
        if not message:
            return False
        sockets = [socket.socket(fileno=fd) for fd in fds]
        if message == b"d":
            channel = Channel(sockets[0], max_bytes=_MAX_JOB_BYTES)
            self._data = Images(images=channel.receive_array(), labels=channel.receive_array())
            channel.send_json("held")
            channel.close()
        else:
            self._fork(*sockets)
        return True

    def _fork(self, job: socket.socket, status: socket.socket) -> None:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                for end in (status, self._control, self._woken, self._wakeup):
                    end.close()
                for sibling in self._statuses.values():  # else its end is not seen before ours
                    sibling.close()
                code = _child(job, self._data)
            finally:
                os._exit(code)
        job.close()
        status.sendall(f"{pid}\n".encode())
        self._statuses[pid] = status

    def _reap(self) -> None:
        while self._statuses:
            pid, wait_status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            status = self._statuses.pop(pid)
            with status, contextlib.suppress(BrokenPipeError):  # the harness may be gone
                status.sendall(f"{os.waitstatus_to_exitcode(wait_status)}\n".encode())


def _child(sock: socket.socket, data: Images) -> int:
    signal.set_wakeup_fd(-1)
    os.setsid()
    silence = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(silence, fd)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    channel = Channel(sock, max_bytes=_MAX_JOB_BYTES)
    try:
        job = channel.receive_json()
        _limit(job)
        _TASKS[job["task"]](job, data, channel)
    except RefusedError as refusal:
        channel.send_json({"refused": _one_line(str(refusal)), "limit": refusal.limit})
    except WireError:
        return 1
    return 0


def _limit(job: dict[str, Any]) -> None:
    """Limit address space (not with CUDA, which reserves far more than it uses), files, cores."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if job["device"] == "cpu":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + job["memory_mib"] * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    torch.set_num_threads(job["threads"])


def _probe(job: dict[str, Any], _: Images, channel: Channel) -> None:
    """Report what this worker computes on."""
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    channel.send_json({"cuda": name, "torch": str(torch.__version__), "task": job["task"]})


def _build(job: dict[str, Any], _: Images, channel: Channel) -> None:
    """Build gate: the class exists, builds, maps the input's shape to logits, has gradients."""
    network, _optimizer = _construct(job)
    inputs = torch.rand(2, *job["input_shape"], device=job["device"])
    logits = _guarded(lambda: network(inputs))
    expected = (2, job["n_classes"])
    if type(logits) is not torch.Tensor or tuple(logits.shape) != expected:
        got = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise RefusedError(f"expected logits of shape {expected}, got {got}")
    if logits.dtype != torch.float32:
        raise RefusedError(f"expected float32 logits, got {logits.dtype}")
    loss = logits.square().mean()
    _guarded(loss.backward)
    if all(p.grad is None for p in nn.Module.parameters(network)):
        raise RefusedError("expected parameters that receive a gradient, found none")
    channel.send_json({"n_params": count_params(network)})


def _train(job: dict[str, Any], data: Images, channel: Channel) -> None:
    """Train, say so, then answer each array of images with its logits."""
    network, optimizer = _construct(job)
    recipe = Recipe(**job["recipe"])
    _guarded(
        lambda: train(
            network, optimizer, data, recipe=recipe, seed=job["seed"], device=job["device"]
        ),
    )
    channel.send_json({"n_params": count_params(network)})
    while True:
        images = channel.receive_array()
        channel.send_array(
            _guarded(lambda: predict(network, images, device=job["device"]))  # noqa: B023
        )


_TASKS = {"probe": _probe, "build": _build, "train": _train}


def _construct(job: dict[str, Any]) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(job["seed"])
    channels, recipe = job["input_shape"][0], job["recipe"]

    def construct() -> tuple[nn.Module, torch.optim.Optimizer]:
        module = types.ModuleType("candidate")
        sys.modules["candidate"] = module
        exec(compile(job["source"], "candidate.py", "exec"), module.__dict__)  # noqa: S102
        network = getattr(module, job["class_name"])(job["n_classes"], channels)
        if not isinstance(network, nn.Module):
            raise TypeError(f"{job['class_name']} is not a torch.nn.Module")
        network.to(device=job["device"])
        lay_channels_last(network)
        network(as_input(torch.zeros(2, *job["input_shape"]).to(job["device"])))
        optimizer = module.get_optimizer(network, recipe["lr"], recipe["weight_decay"], True)
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise TypeError("get_optimizer did not return a torch.optim.Optimizer")
        return network, optimizer

    return _guarded(construct)


def _guarded(step: Callable[[], T]) -> T:
    """Run candidate code; whatever it raises becomes a refusal, even SystemExit."""
    try:
        return step()
    except DivergedError as error:
        raise RefusedError(str(error)) from error
    except BaseException as error:
        text = str(error)
        if isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(text):
            raise RefusedError("ran out of its memory budget", limit=True) from error
        raise RefusedError(f"{type(error).__name__}: {text}{_line_of(error)}") from error


def _line_of(error: BaseException) -> str:
    trace, line = error.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "candidate.py":
            line = trace.tb_lineno
        trace = trace.tb_next
    return f" (line {line})" if line else ""


def _one_line(text: str) -> str:
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:_REASON_CHARS]
