"""What a child of the worker does: one function per task.

A child that builds, outlines or trains runs a candidate; one that audits replays what a candidate
computed and runs none. Only those that train or audit are given the training images.
"""

import ctypes
import hashlib
import json
import os
import re
import sys
import types
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from harness.config.schema import Recipe
from harness.sandbox.attacks import ATTACKS, Target
from harness.sandbox.frames import Channel, WireError
from harness.sandbox.shared_data import Images
from harness.typing import Array
from harness.worker.graph import GraphError, graph_of, wiring
from harness.worker.interpreter import Playback
from harness.worker.size import count
from harness.worker.tracing import Recorder
from harness.worker.training import DivergedError, Training, as_input, lay_channels_last, predict

WITH_IMAGES = frozenset({"train", "audit"})
"""Tasks that are given the training images."""
_REASON_CHARS = 300
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")
_ON_THE_DEVICE = frozenset({"build", "outline", "train", "audit"})
_SAMPLE = 256
"""Training images on which a network and its replay must agree; as many calibrate anew."""
_AT_ONCE = 512
_M_PERTURB = -6
"""glibc's ``malloc.h``: freed bytes are overwritten with a value, new ones with its complement."""
_OUT_OF_MEMORY = re.compile(
    "(can't|cannot) allocate memory|out of memory|ALLOC_FAILED|STATUS_NOT_INITIALIZED"
    "|unable to find an engine|unable to find a valid cuDNN|busy or unavailable",
    re.IGNORECASE,
)
"""What torch says of it on a CPU, and in many words on a GPU."""
_MEMORY = "ran out of its memory budget"

T = TypeVar("T")


class RefusedError(Exception):
    """The candidate fails here: the kind of failure, and why."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def perform(job: dict[str, Any], data: Images | None, channel: Channel) -> None:
    """Do what the job says and answer with frames; a candidate that fails is told as a refusal.

    data: the training images, None for tasks that are not among ``WITH_IMAGES``.
    """
    torch.set_num_threads(job["threads"] if job["task"] in WITH_IMAGES else 1)
    if job["device"] == "cuda" and job["task"] in _ON_THE_DEVICE:
        _settle(deterministic=job["deterministic"], trains=job["task"] == "train")
    try:
        _TASKS[job["task"]](job, data, channel)
    except RefusedError as refusal:
        channel.send_json({"refused": _one_line(str(refusal)), "kind": refusal.kind})


def _settle(*, deterministic: bool, trains: bool) -> None:
    """Let a GPU take what is fastest to train, or what gives the same bits each time.

    Networks are scored in full precision, by the same operations in every process.
    """
    torch.backends.cudnn.benchmark = trains and not deterministic
    torch.backends.cudnn.allow_tf32 = trains
    if deterministic:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # else torch refuses matrix products
        torch.use_deterministic_algorithms(True)


def _probe(job: dict[str, Any], _: None, channel: Channel) -> None:
    """Report what this worker computes on and what this host cannot confine."""
    told = {"cuda": None, "torch": str(torch.__version__), "missing": job["missing"]}
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory
        told |= {"cuda": torch.cuda.get_device_name(), "gpu_mib": memory // 2**20}
    channel.send_json(told)


def _attack(job: dict[str, Any], _: None, channel: Channel) -> None:
    """Attack the host from inside, and tell what stopped each attack, or that nothing did."""
    target = Target(**job["target"])
    channel.send_json({name: ATTACKS[name].run(target) for name in job["attacks"]})


def _build(job: dict[str, Any], _: None, channel: Channel) -> None:
    """Build gate: the class exists, builds, maps the input's shape to logits, has gradients."""
    network, _optimizer = _construct(job)
    shape, device = (2, *job["input_shape"]), job["device"]
    inputs = _guarded("forward", lambda: torch.rand(shape, device=device))
    logits = _guarded("forward", lambda: network(inputs))
    _check_logits(logits, (2, job["n_classes"]))
    loss = logits.square().mean()
    _guarded("forward", loss.backward)
    if all(p.grad is None for p in nn.Module.parameters(network)):
        raise RefusedError("construct", "expected parameters that receive a gradient, found none")
    channel.send_json({"built": True})


def _outline(job: dict[str, Any], _: None, channel: Channel) -> None:
    """Send the wiring of a network that has not seen the data: what training did not write."""
    network, _optimizer = _construct(job)
    images = torch.zeros(job["batch_sizes"][0], *job["input_shape"], dtype=torch.uint8)
    recorder = Recorder()
    _guarded("forward", network.eval)
    inputs = _guarded("forward", lambda: as_input(images.to(job["device"])))
    _guarded("audit", lambda: recorder.record(network, inputs))
    text = _guarded("audit", lambda: wiring(recorder.graph()))
    channel.send_array(np.frombuffer(text.encode(), "u1"))


def _train(job: dict[str, Any], data: Images, channel: Channel) -> None:
    """Train, from the state that comes where one does, and tell of every epoch and of the end.

    After an epoch comes the network, where the best is kept, and what the training would go on
    from, where the harness asks for it; at the end the network, where the last one is kept.
    """
    network, optimizer = _construct(job)
    recipe, seed, device = Recipe(**job["recipe"]), job["seed"], job["device"]
    sample = _guarded("forward", lambda: _prepared(data.images[:_SAMPLE], job))
    training = _guarded(
        "forward",
        lambda: Training(network, optimizer, data, recipe=recipe, seed=seed, device=device),
    )
    if job["goes_on"]:
        channel.send_json("ready")  # a refusal so far comes in its place
        channel.send_json(_restored(training, channel.receive_array()))
    epochs = training.epochs()
    while epoch := _guarded("forward", lambda: next(epochs, None)):
        channel.send_json(epoch)
        if recipe.keep_best:
            _offer(network, sample, job, channel)
        if most_bytes := channel.receive_json():
            channel.send_array(_state_of(training, most_bytes))
    peak = torch.cuda.max_memory_reserved() / 2**20 if device == "cuda" else 0
    channel.send_json({"gpu_mib": peak})
    if not recipe.keep_best:
        _offer(network, sample, job, channel)


def _state_of(training: Training, most_bytes: int) -> Array:
    """Return what it would go on from; nothing where that is too large or cannot be had."""
    try:
        state = training.state()
    except Exception:  # noqa: BLE001 - theirs; it trains on, and would begin anew
        state = np.empty(0, "u1")
    return state if state.nbytes <= most_bytes else np.empty(0, "u1")


def _restored(training: Training, state: Array) -> bool:
    """Go on from there, and say whether the candidate's parts could be restored."""
    try:
        training.restore(state)
    except Exception:  # noqa: BLE001 - theirs; it is begun anew
        return False
    return True


def _offer(network: nn.Module, sample: torch.Tensor, job: dict[str, Any], channel: Channel) -> None:
    """Send the network's graph, its bytes, and the network's own logits of the sample."""
    recorder = Recorder()
    _guarded("forward", network.eval)
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False):
        for size in job["batch_sizes"]:
            batch = sample[torch.arange(size) % len(sample)]
            logits = _guarded("audit", lambda: recorder.record(network, batch))  # noqa: B023
            _check_logits(logits, (size, job["n_classes"]))
        graph = _guarded("audit", recorder.graph)
        size = job["batch_sizes"][0]
        own = _guarded("forward", lambda: predict(network, sample, batch_size=size))
    channel.send_array(np.frombuffer(json.dumps(graph.header()).encode(), "u1"))
    channel.send_array(graph.payload())
    channel.send_array(own)


def _audit(job: dict[str, Any], data: Images, channel: Channel) -> None:
    """Count a graph and replay it on the sample, then on whatever images come.

    Each request names one of the programs, or -1 for the first one recalibrated.
    """
    _forget_what_is_freed()
    device = job["device"]
    outline = channel.receive_array().tobytes().decode(errors="replace")
    header, payload = channel.receive_array(), channel.receive_array()
    sample = _guarded("audit", lambda: _prepared(data.images[:_SAMPLE], job))
    calibration = _guarded("audit", lambda: _prepared(_drawn(data, payload), job))

    def audited() -> tuple[list[tuple[Playback, int]], dict[str, Any], Array]:
        playback = Playback(graph_of(_parsed(header), payload), device=device)
        if [p.batch_size for p in playback.graph.programs] != job["batch_sizes"]:
            raise GraphError(f"expected programs for batches of {job['batch_sizes']}")
        counts, recalibrated = count(playback, calibration, outline=outline)
        choices = [(playback, k) for k in range(len(playback.graph.programs))]
        told = vars(counts) | {"dtypes": playback.dtypes()}
        return [*choices, (recalibrated, 0)], told, playback.logits(sample, program=0)

    choices, told, answers = _guarded("audit", audited)
    channel.send_json(told)
    channel.send_array(answers)
    while True:
        playback, program = choices[channel.receive_json()]
        images = channel.receive_array()
        pieces = np.array_split(images, -(-len(images) // _AT_ONCE))  # resized, all would be large
        parts = [
            _guarded("audit", lambda: playback.logits(_prepared(p, job), program=program))  # noqa: B023
            for p in pieces
        ]
        channel.send_array(np.concatenate(parts))


def _forget_what_is_freed() -> None:
    """Let the allocator overwrite what is freed and clear what is new: no operation may read it.

    Only glibc can; elsewhere this does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_PERTURB, 0xFF)


def _parsed(header: Array) -> Any:
    try:
        return json.loads(header.tobytes())
    except (ValueError, RecursionError) as error:
        raise GraphError(f"the graph is malformed ({type(error).__name__})") from error


_TASKS: dict[str, Callable[..., None]] = {
    "probe": _probe,
    "attack": _attack,
    "build": _build,
    "outline": _outline,
    "train": _train,
    "audit": _audit,
}


def _prepared(images: Array, job: dict[str, Any]) -> torch.Tensor:
    return as_input(torch.from_numpy(images.copy()).to(job["device"]), size_px=job["size_px"])


def _drawn(data: Images, payload: Array) -> Array:
    """Draw training images that nobody knew before the network was complete."""
    seed = int.from_bytes(hashlib.sha256(payload.tobytes()).digest()[:8])
    rng = np.random.default_rng(seed)
    images: Array = data.images[rng.permutation(len(data.images))[:_SAMPLE]]
    return images


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
    text = _ADDRESS.sub("0x...", text)  # another at each run, and the reason may be shown to an LLM
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:_REASON_CHARS]
