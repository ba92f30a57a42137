"""What runs on the far side: a warm server that forks one child per job.

Started by exec with an empty environment, in namespaces of its own where the host allows it. The
server imports torch once, holds the training images and their labels, and forks; it never runs
candidate code and never sees validation labels, test labels or keys. A child confines itself,
works, and answers with frames: one that builds or trains runs a candidate, one that audits
replays what a candidate computed and runs none.
"""

import contextlib
import json
import os
import re
import select
import signal
import socket
import sys
import types
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
import torch._dynamo  # else every child pays two seconds for it at its first optimizer step
from torch import nn

from harness.attacks import ATTACKS, Target
from harness.audit import count
from harness.config import Recipe
from harness.containment.child import Confinement
from harness.containment.namespaces import PidNamespaces
from harness.containment.system import PR_SET_CHILD_SUBREAPER, prctl
from harness.graph import GraphError, graph_of
from harness.replay import Replay
from harness.tracing import Recorder
from harness.training import DivergedError, Images, as_input, lay_channels_last, predict, train
from harness.wire import Array, Channel, WireError

_MAX_JOB_BYTES = 1 << 32
_REASON_CHARS = 300
_SAMPLE = 256
"""Training images on which a network and its replay must agree, and that calibrate anew."""
_OUT_OF_MEMORY = re.compile("(can't|cannot) allocate memory|out of memory", re.IGNORECASE)
_MEMORY = "ran out of its memory budget"
_LINUX = sys.platform == "linux"

T = TypeVar("T")


class RefusedError(Exception):
    """The candidate fails here: the kind of failure, and why."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def main(obstacle: str, *, level: str) -> None:
    """Serve until the harness closes the control socket given as the only argument.

    obstacle: why there are no namespaces, empty where there are.
    """
    control = socket.socket(fileno=int(sys.argv[1]))
    confinement = Confinement(exclude=Path(__file__).parent, enforce=_LINUX and level != "limits")
    confinement.prepare()
    _warm_up()
    namespaces = None
    if _LINUX:
        prctl(PR_SET_CHILD_SUBREAPER, 1)  # what outlives a child becomes ours to kill
        if len(list(Path("/proc/self/task").iterdir())) != 1:
            raise SystemExit("the worker server has more than one thread: it cannot fork safely")
    if level == "isolated" and obstacle:
        confinement.missing.append(obstacle)
    elif level == "isolated":
        namespaces = PidNamespaces()
    Server(control, confinement, namespaces).serve()


def _warm_up() -> None:
    """Compute once what every child would set up anew; no backward, for it would start CUDA."""
    torch.set_num_threads(1)
    layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 2))
    inputs = as_input(torch.zeros(2, 3, 8, 8, dtype=torch.uint8))
    recorder = Recorder()
    recorder.record(layers.eval(), inputs)
    replay = Replay(recorder.graph(), device="cpu")
    count(replay, inputs)


class Server:
    """Receives training data once, then forks a child for each pair of sockets it is handed."""

    def __init__(
        self, control: socket.socket, confinement: Confinement, namespaces: PidNamespaces | None
    ) -> None:
        self._control, self._confinement, self._namespaces = control, confinement, namespaces
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
        if self._namespaces is not None:
            self._namespaces.renew()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.setsid()
                code = _child(job, self._data, self._confinement)
            finally:
                os._exit(code)
        job.close()
        _introduce(pid, status)
        self._statuses[pid] = status

    def _reap(self) -> None:
        while True:
            try:
                pid, wait_status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            status = self._statuses.pop(pid, None)
            if status is None:  # a descendant that outlived its parent
                continue
            if self._namespaces is None:
                _kill_orphans(self._statuses)
            with status, contextlib.suppress(BrokenPipeError):  # the harness may be gone
                status.sendall(f"{os.waitstatus_to_exitcode(wait_status)}\n".encode())


def _introduce(pid: int, status: socket.socket) -> None:
    """Tell the harness who the child is: by a descriptor where numbers differ between us."""
    if hasattr(os, "pidfd_open"):
        handle = os.pidfd_open(pid)
        socket.send_fds(status, [f"{pid}\n".encode()], [handle])
        os.close(handle)
    else:
        status.sendall(f"{pid}\n".encode())


def _kill_orphans(known: Container[int]) -> None:
    """Kill what outlived the child that started it: the kernel handed it to this process."""
    if _LINUX:
        listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")
        for pid in map(int, listed.split()):
            if pid not in known:
                os.kill(pid, signal.SIGKILL)


def _child(sock: socket.socket, data: Images, confinement: Confinement) -> int:
    confinement.close_all_but(sock.fileno())
    channel = Channel(sock, max_bytes=_MAX_JOB_BYTES)
    try:
        job = channel.receive_json()
        confinement.enter(
            cuda=job["device"] == "cuda",
            memory_mib=job["memory_mib"],
            cpu_s=job["time_limit_s"] * job["threads"],
        )
        torch.set_num_threads(1 if job["task"] == "build" else job["threads"])
        job["missing"] = confinement.missing
        _TASKS[job["task"]](job, data, channel)
    except RefusedError as refusal:
        channel.send_json({"refused": _one_line(str(refusal)), "kind": refusal.kind})
    except WireError:
        return 1
    return 0


def _probe(job: dict[str, Any], _: Images, channel: Channel) -> None:
    """Report what this worker computes on and what this host cannot confine."""
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    channel.send_json({"cuda": name, "torch": str(torch.__version__), "missing": job["missing"]})


def _attack(job: dict[str, Any], _: Images, channel: Channel) -> None:
    """Attack the host from inside, and tell what stopped each attack, or that nothing did."""
    target = Target(**job["target"])
    channel.send_json({name: ATTACKS[name].run(target) for name in job["attacks"]})


def _build(job: dict[str, Any], _: Images, channel: Channel) -> None:
    """Build gate: the class exists, builds, maps the input's shape to logits, has gradients."""
    network, _optimizer = _construct(job)
    inputs = torch.rand(2, *job["input_shape"], device=job["device"])
    logits = _guarded("forward", lambda: network(inputs))
    _check_logits(logits, (2, job["n_classes"]))
    loss = logits.square().mean()
    _guarded("forward", loss.backward)
    if all(p.grad is None for p in nn.Module.parameters(network)):
        raise RefusedError("construct", "expected parameters that receive a gradient, found none")
    channel.send_json({"built": True})


def _train(job: dict[str, Any], data: Images, channel: Channel) -> None:
    """Train, and offer the network at the end, or after every epoch where the best is kept."""
    network, optimizer = _construct(job)
    recipe, device = Recipe(**job["recipe"]), job["device"]
    sample = _sample(data, device)

    def offer() -> None:
        _offer(network, sample, job, channel)

    after_epoch = offer if recipe.keep_best else None
    _guarded(
        "forward",
        lambda: train(
            network,
            optimizer,
            data,
            recipe=recipe,
            seed=job["seed"],
            device=device,
            after_epoch=after_epoch,
        ),
    )
    if not recipe.keep_best:
        offer()


def _offer(network: nn.Module, sample: torch.Tensor, job: dict[str, Any], channel: Channel) -> None:
    """Send the network's graph, its bytes, and the network's own logits of the sample."""
    recorder = Recorder()
    _guarded("forward", network.eval)
    for size in job["batch_sizes"]:
        batch = sample[torch.arange(size) % len(sample)]
        logits = _guarded("audit", lambda: recorder.record(network, batch))  # noqa: B023
        _check_logits(logits, (size, job["n_classes"]))
    graph = _guarded("audit", recorder.graph)
    own = _guarded("forward", lambda: predict(network, sample, batch_size=job["batch_sizes"][0]))
    channel.send_array(np.frombuffer(json.dumps(graph.header()).encode(), "u1"))
    channel.send_array(graph.payload())
    channel.send_array(own)


def _audit(job: dict[str, Any], data: Images, channel: Channel) -> None:
    """Count a graph and replay it on the sample, then on whatever images come.

    Each request names one of the programs, or -1 for the first one recalibrated.
    """
    device = job["device"]
    header, payload = channel.receive_array(), channel.receive_array()
    sample = _sample(data, device)

    def audited() -> tuple[list[tuple[Replay, int]], dict[str, Any], Array]:
        replay = Replay(graph_of(_parsed(header), payload), device=device)
        if [p.batch_size for p in replay.graph.programs] != job["batch_sizes"]:
            raise GraphError(f"expected programs for batches of {job['batch_sizes']}")
        counts, recalibrated = count(replay, sample)
        choices = [(replay, k) for k in range(len(replay.graph.programs))]
        told = vars(counts) | {"dtypes": replay.dtypes()}
        return [*choices, (recalibrated, 0)], told, replay.logits(sample, program=0)

    choices, told, answers = _guarded("audit", audited)
    channel.send_json(told)
    channel.send_array(answers)
    while True:
        replay, program = choices[channel.receive_json()]
        asked = as_input(torch.from_numpy(channel.receive_array()).to(device))
        logits = _guarded("audit", lambda: replay.logits(asked, program=program))  # noqa: B023
        channel.send_array(logits)


def _parsed(header: Array) -> Any:
    try:
        return json.loads(header.tobytes())
    except (ValueError, RecursionError) as error:
        raise GraphError(f"the graph is malformed ({type(error).__name__})") from error


_TASKS = {"probe": _probe, "attack": _attack, "build": _build, "train": _train, "audit": _audit}


def _sample(data: Images, device: str) -> torch.Tensor:
    return as_input(torch.from_numpy(data.images[:_SAMPLE].copy()).to(device))


def _construct(job: dict[str, Any]) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(job["seed"])
    channels, recipe = job["input_shape"][0], job["recipe"]
    module = types.ModuleType("candidate")
    sys.modules["candidate"] = module
    code = _guarded("syntax", lambda: compile(job["source"], "candidate.py", "exec"))
    _guarded("import", lambda: exec(code, module.__dict__))  # noqa: S102

    def construct() -> tuple[nn.Module, torch.optim.Optimizer]:
        network = getattr(module, job["class_name"])(job["n_classes"], channels)
        if not isinstance(network, nn.Module):
            raise TypeError(f"{job['class_name']} is not a torch.nn.Module")
        network.to(device=job["device"])
        lay_channels_last(network)
        network(as_input(torch.zeros(2, *job["input_shape"]).to(job["device"])))
        lay_channels_last(network)  # what only now has a shape
        optimizer = module.get_optimizer(network, recipe["lr"], recipe["weight_decay"], True)
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise TypeError("get_optimizer did not return a torch.optim.Optimizer")
        return network, optimizer

    return _guarded("construct", construct)


def _check_logits(logits: Any, expected: tuple[int, int]) -> None:
    if type(logits) is not torch.Tensor or tuple(logits.shape) != expected:
        got = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise RefusedError("shape", f"expected logits of shape {expected}, got {got}")
    if logits.dtype != torch.float32:
        raise RefusedError("dtype", f"expected float32 logits, got {logits.dtype}")


def _guarded(kind: str, step: Callable[[], T]) -> T:
    """Run candidate code; whatever it raises becomes a refusal, even SystemExit."""
    try:
        return step()
    except (RefusedError, WireError):
        raise
    except DivergedError as error:
        raise RefusedError("diverged", str(error)) from error
    except GraphError as error:
        if _OUT_OF_MEMORY.search(str(error)):
            raise RefusedError("memory", _MEMORY) from error
        raise RefusedError("audit", str(error)) from error
    except BaseException as error:
        name, text = _names_and_says(error)
        if issubclass(type(error), MemoryError) or _OUT_OF_MEMORY.search(text):
            raise RefusedError("memory", _MEMORY) from error
        raise RefusedError(kind, f"{name}: {text}{_line_of(error)}") from error


def _names_and_says(error: BaseException) -> tuple[str, str]:
    """Return an exception's type and text, which are the candidate's and may fail in turn."""
    try:
        return f"{type(error).__name__}", f"{error}"
    except BaseException:  # noqa: BLE001 - whatever it raises
        return "an exception", "that cannot be printed"


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
