"""Jobs of a worker's child: one function for each message of ``harness.sandbox.messages``.

A child that builds, outlines or trains runs a candidate; one that audits replays what a candidate
computed and runs none. Only those that train or audit are given the training data. A door to torch.
"""

import ctypes
import functools
import hashlib
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from harness.config.schema import Recipe
from harness.sandbox.attacks import ATTACKS
from harness.sandbox.frames import Channel
from harness.sandbox.messages import (
    Answer,
    Attack,
    Attacked,
    Audit,
    Audited,
    Build,
    Built,
    Candidate,
    Conditions,
    Epoch,
    Job,
    Machine,
    Outline,
    Probe,
    Ready,
    Restored,
    Train,
    Trained,
    answer,
)
from harness.sandbox.shared_data import SharedData
from harness.tasks.kind import Kind, kind_of
from harness.typing import Array
from harness.worker.candidate import CandidateError, check_answers, construct, guarded
from harness.worker.graph import GraphError, received, wiring, written
from harness.worker.interpreter import Interpreter
from harness.worker.size import count
from harness.worker.tracing import Recorder
from harness.worker.training import Training, predict

_SAMPLE = 256
"""Training inputs on which a network and its replay must agree; as many recalibrate."""
_AT_ONCE = 512
_M_PERTURB = -6
"""glibc's ``malloc.h``: freed bytes are overwritten with a value, new ones with its complement."""


class Context:
    """What a job has besides its message: its conditions, its data, and a channel to answer on."""

    def __init__(
        self,
        conditions: Conditions,
        channel: Channel,
        *,
        data: SharedData | None,
        missing: tuple[str, ...],
    ) -> None:
        self.device, self.channel = conditions.device, channel
        self.missing = missing
        self._data = data

    @property
    def data(self) -> SharedData:
        """The training data."""
        if self._data is None:
            raise LookupError("expected training data, this job was given none")
        return self._data

    def answer(self, message: Answer) -> None:
        """Send one message."""
        self.channel.send_json(answer(message))


def perform(job: Job, conditions: Conditions, context: Context) -> None:
    """Do a job and send its answers; a candidate's failure is an answer, too."""
    torch.set_num_threads(conditions.threads if job.reads_data else 1)
    if conditions.device == "cuda" and job.computes:
        _settle(deterministic=conditions.deterministic, trains=isinstance(job, Train))
    try:
        _HANDLERS[type(job)](job, context)
    except CandidateError as error:
        context.answer(error.failure())


def _settle(*, deterministic: bool, trains: bool) -> None:
    """Let a GPU take what is fastest to train, or what gives the same bits each time.

    Networks are scored in full precision, by the same operations in every process.
    """
    torch.backends.cudnn.benchmark = trains and not deterministic
    torch.backends.cudnn.allow_tf32 = trains
    if deterministic:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # else torch refuses matrix products
        torch.use_deterministic_algorithms(True)


def _probe(_: Probe, context: Context) -> None:
    """Report what this worker computes on and what this host cannot confine."""
    cuda, gpu_mib = None, None
    if torch.cuda.is_available():
        gpu_mib = torch.cuda.get_device_properties(0).total_memory // 2**20
        cuda = torch.cuda.get_device_name()
    version = str(torch.__version__)
    context.answer(Machine(torch=version, cuda=cuda, gpu_mib=gpu_mib, missing=context.missing))


def _attack(job: Attack, context: Context) -> None:
    """Attack the host from inside, and report what stopped each attack."""
    stopped = {name: ATTACKS[name].run(job.target) for name in job.attacks}
    context.answer(Attacked(stopped=stopped))


def _build(job: Build, context: Context) -> None:
    """Build gate; then FLOPs, whose failure refuses nothing."""
    network = _check_built(job.candidate, context.device)
    context.answer(Built())
    kind = kind_of(job.candidate.signature.kind)
    inputs = kind.random(1, job.candidate.signature, context.device)
    with FlopCounterMode(display=False) as counter:
        guarded("forward", lambda: network.eval()(inputs))
    context.channel.send_array(np.array([counter.get_total_flops()], "i8"))


def _check_built(candidate: Candidate, device: str) -> nn.Module:
    """Check that the class exists, builds, maps inputs to answers, and has gradients; return it."""
    signature, kind = candidate.signature, kind_of(candidate.signature.kind)
    network, _optimizer = construct(candidate, kind, device=device)
    inputs = guarded("forward", lambda: kind.random(2, signature, device))
    answers = guarded("forward", lambda: network(inputs))
    check_answers(answers, (2, *kind.answer_shape(signature)), kind=kind)
    loss = answers.square().mean()
    guarded("forward", loss.backward)
    if all(p.grad is None for p in nn.Module.parameters(network)):
        raise CandidateError("construct", "expected parameters that receive a gradient, found none")
    return network


def _outline(job: Outline, context: Context) -> None:
    """Send the wiring of a network that has not seen the data: what training did not write."""
    signature, kind = job.candidate.signature, kind_of(job.candidate.signature.kind)
    network, _optimizer = construct(job.candidate, kind, device=context.device)
    recorder = Recorder()
    guarded("forward", network.eval)
    inputs = guarded("forward", lambda: kind.blank(job.batch_size, signature, context.device))
    guarded("audit", lambda: recorder.record(network, inputs))
    text = guarded("audit", lambda: wiring(recorder.graph()))
    context.channel.send_array(np.frombuffer(text.encode(), "u1"))


def _train(job: Train, context: Context) -> None:
    """Train, from a saved state where there is one, and answer after every epoch."""
    candidate, data, device, channel = job.candidate, context.data, context.device, context.channel
    recipe, kind = candidate.recipe, kind_of(candidate.signature.kind)
    network, optimizer = construct(candidate, kind, device=device)
    sample = guarded("forward", lambda: _prepared(data.inputs[:_SAMPLE], kind, recipe, device))
    training = guarded(
        "forward",
        lambda: Training(
            network, optimizer, data, kind=kind, recipe=recipe, seed=candidate.seed, device=device
        ),
    )
    if job.resumes:
        context.answer(Ready())  # a failure so far comes in its place
        context.answer(Restored(complete=_restored(training, channel.receive_array())))
    epochs = training.epochs()
    while epoch := guarded("forward", lambda: next(epochs, None)):
        context.answer(Epoch(number=epoch))
        if recipe.keep_best:
            _offer(network, sample, candidate, job.batch_sizes, channel)
        if most_bytes := channel.receive_json():
            channel.send_array(_state_of(training, most_bytes))
    peak = torch.cuda.max_memory_reserved() / 2**20 if device == "cuda" else 0
    context.answer(Trained(gpu_mib=peak))
    if not recipe.keep_best:
        _offer(network, sample, candidate, job.batch_sizes, channel)


def _state_of(training: Training, most_bytes: int) -> Array:
    """Return the training's state; empty where it is too large or cannot be had."""
    try:
        state = training.state()
    except Exception:  # noqa: BLE001 - the candidate's; it trains on, and would start again
        state = np.empty(0, "u1")
    return state if state.nbytes <= most_bytes else np.empty(0, "u1")


def _restored(training: Training, state: Array) -> bool:
    """Restore a state, and return whether the candidate's parts could be restored."""
    try:
        training.restore(state)
    except Exception:  # noqa: BLE001 - the candidate's; it starts again
        return False
    return True


def _offer(
    network: nn.Module,
    sample: torch.Tensor,
    candidate: Candidate,
    batch_sizes: tuple[int, ...],
    channel: Channel,
) -> None:
    """Send the network's graph, its bytes, and the network's own answers to the sample."""
    kind = kind_of(candidate.signature.kind)
    shape = kind.answer_shape(candidate.signature)
    recorder = Recorder()
    guarded("forward", network.eval)
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False):
        for size in batch_sizes:
            batch = sample[torch.arange(size) % len(sample)]
            answers = guarded("audit", lambda: recorder.record(network, batch))  # noqa: B023
            check_answers(answers, (size, *shape), kind=kind)
        graph = guarded("audit", recorder.graph)
        own = guarded("forward", lambda: predict(network, sample, batch_size=batch_sizes[0]))
    channel.send_array(np.frombuffer(written(graph).encode(), "u1"))
    channel.send_array(graph.payload())
    channel.send_array(own)


def _audit(job: Audit, context: Context) -> None:
    """Count a graph and replay it on the sample, then on all inputs that come."""
    _overwrite_freed_memory()
    channel, data, device = context.channel, context.data, context.device
    kind = kind_of(job.signature.kind)
    shape = kind.answer_shape(job.signature)
    outline = channel.receive_array().tobytes().decode(errors="replace")
    header, payload = channel.receive_array(), channel.receive_array()
    drawn = _drawn(data, header, payload)
    graph = guarded("audit", lambda: received(header, payload))

    def prepared(stored: Array) -> torch.Tensor:
        return _prepared(stored, kind, job.recipe, device)

    sample = guarded("audit", lambda: prepared(data.inputs[:_SAMPLE]))
    calibration = guarded("audit", lambda: prepared(drawn))

    def audited() -> tuple[list[tuple[Interpreter, int]], Audited, Array]:
        interpreter = Interpreter(graph, device=device)
        if [p.batch_size for p in interpreter.graph.programs] != list(job.batch_sizes):
            raise GraphError(f"expected programs for batches of {list(job.batch_sizes)}")
        counts, recalibrated = count(interpreter, calibration, outline=outline)
        programs = [(interpreter, k) for k in range(len(interpreter.graph.programs))]
        sizes = Audited(**vars(counts), dtypes=tuple(interpreter.dtypes()))
        answers = interpreter.answers(sample, program=0, shape=shape)
        return [*programs, (recalibrated, 0)], sizes, answers

    choices, sizes, answers = guarded("audit", audited)
    context.answer(sizes)
    channel.send_array(answers)
    while True:
        interpreter, program = choices[channel.receive_json()]
        stored = channel.receive_array()
        pieces = np.array_split(stored, -(-len(stored) // _AT_ONCE))  # prepared, all are too large
        flops: list[int] = []
        answered = functools.partial(
            interpreter.answers,
            program=program,
            shape=shape,
            tally=flops.append if interpreter.flops_vary(program) else None,
        )
        parts = [guarded("audit", lambda: answered(prepared(piece))) for piece in pieces]  # noqa: B023
        channel.send_array(np.array([sum(flops) // max(len(flops), 1)], "i8"))
        channel.send_array(np.concatenate(parts))


def _overwrite_freed_memory() -> None:
    """Let the allocator overwrite what is freed and clear what is new: no operation may read it.

    Only glibc can; elsewhere this does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_PERTURB, 0xFF)


def _prepared(stored: Array, kind: Kind, recipe: Recipe, device: str) -> torch.Tensor:
    return kind.prepare(torch.from_numpy(stored.copy()).to(device), recipe)


def _drawn(data: SharedData, header: Array, payload: Array) -> Array:
    """Draw training inputs that nobody could know before the network was complete."""
    digest = hashlib.sha256(header.data)
    digest.update(payload.data)
    rng = np.random.default_rng(int.from_bytes(digest.digest()[:8]))
    inputs: Array = data.inputs[rng.permutation(len(data.inputs))[:_SAMPLE]]
    return inputs


_HANDLERS: dict[type[Job], Callable[[Any, Context], None]] = {
    Probe: _probe,
    Attack: _attack,
    Build: _build,
    Outline: _outline,
    Train: _train,
    Audit: _audit,
}
