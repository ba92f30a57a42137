"""Messages between the harness and a job in a worker: dataclasses here, JSON on the way.

The harness sends one ``Request``; the job answers with ``Answer`` messages and arrays. Requests
come from the harness and are trusted. Answers may come from a process that ran candidate code, so
``read_answer`` checks every field.
"""

import types
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Any, ClassVar, Union, get_args, get_origin, get_type_hints

from harness.config.schema import Recipe
from harness.config.tasks import recipe_of
from harness.sandbox.attack_target import Target

_TAG = "message"
_MAX_NUMBER = 2**63
"""Bound of the magnitude of numbers; larger ones, infinities and NaN are refused."""


class MessageError(Exception):
    """A frame that is not the message it has to be."""


@dataclass(frozen=True, kw_only=True)
class Signature:
    """How the network of a candidate is built, and the shapes that it maps.

    Attributes:
        kind: Name of its task, a package in ``harness/tasks``.
        class_name: Class to build.
        input_shape: Shape of one input as the network gets it.
        n_outputs: Numbers in its answer, such as one per class.
    """

    kind: str
    class_name: str
    input_shape: tuple[int, ...]
    n_outputs: int


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A network and how it is built and trained.

    Attributes:
        source: Python source that defines the class and ``get_optimizer``.
        signature: How it is built.
        recipe: Training recipe, of the task's own class.
        seed: Seed of torch's generators.
    """

    source: str
    signature: Signature
    recipe: Recipe
    seed: int


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a child of the worker does.

    Attributes:
        computes: Whether it computes on the device.
        reads_data: Whether it is given the training data.
    """

    computes: ClassVar[bool] = False
    reads_data: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """Name of the job in messages, such as ``train``."""
        return type(self).__name__.lower()


@dataclass(frozen=True, kw_only=True)
class Probe(Job):
    """Report the machine. Answer: ``Machine``."""


@dataclass(frozen=True, kw_only=True)
class Attack(Job):
    """Attack the host from inside. Answer: ``Attacked``.

    Attributes:
        target: What the harness laid out for the attacks.
        attacks: Names in ``harness.sandbox.attacks.ATTACKS``.
    """

    target: Target
    attacks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Build(Job):
    """Build a candidate, evaluate it once, compute a gradient. Answer: ``Built``.

    Then it sends the FLOPs of its products and convolutions for one input, (1,) int64, if they can
    be counted.
    """

    computes: ClassVar[bool] = True
    candidate: Candidate


@dataclass(frozen=True, kw_only=True)
class Outline(Job):
    """Record the operations of an untrained candidate. Answer: their text as a uint8 array.

    Attributes:
        batch_size: Inputs in the recorded batch.
    """

    computes: ClassVar[bool] = True
    candidate: Candidate
    batch_size: int


@dataclass(frozen=True, kw_only=True)
class Train(Job):
    """Train a candidate.

    Where it resumes, the job answers ``Ready``, gets the saved state as a uint8 array, and answers
    ``Restored``. After each epoch it answers ``Epoch``, offers the network where the recipe keeps
    the best, and gets the most bytes that its state may have; where that is not 0, it sends the
    state as a uint8 array, empty where there is none. At the end it answers ``Trained`` and offers
    the network where the recipe keeps the last. An offer is three arrays: the graph's header and
    its payload, uint8, and the network's own answers to a sample, float32.

    Attributes:
        batch_sizes: Sizes of the batches in which an offered network is recorded.
        resumes: Whether it continues an earlier training.
    """

    computes: ClassVar[bool] = True
    reads_data: ClassVar[bool] = True
    candidate: Candidate
    batch_sizes: tuple[int, ...]
    resumes: bool


@dataclass(frozen=True, kw_only=True)
class Audit(Job):
    """Count and replay an offered network, without running candidate code.

    The job gets the outline and the offer's header and payload, uint8 arrays. It answers
    ``Audited`` and sends its answers to the sample, float32. Then each question is the number of a
    program, or -1 for the first one recalibrated, and an array of stored inputs; the job sends the
    mean floating-point operations per input, (1,) int64, zero if equal to the count before, and
    the answers, float32.

    Attributes:
        signature: How the network was built.
        recipe: How it was trained.
        batch_sizes: Sizes of the batches in which it was recorded.
    """

    computes: ClassVar[bool] = True
    reads_data: ClassVar[bool] = True
    signature: Signature
    recipe: Recipe
    batch_sizes: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Conditions under which the sandbox runs a job.

    Attributes:
        device: ``cpu`` or ``cuda``.
        deterministic: Whether a GPU has to give the same bits each time.
        memory_mib: Memory that the job may use, in MiB.
        threads: Threads to compute with.
        time_limit_s: Wall-clock limit in seconds.
    """

    device: str
    deterministic: bool
    memory_mib: int
    threads: int
    time_limit_s: float


class Answer:
    """What a job answers, other than an array."""


@dataclass(frozen=True, kw_only=True)
class Failure(Answer):
    """The job failed.

    Attributes:
        kind: One of ``harness.sandbox.job.FAILURES``; candidates may claim others.
        reason: One line.
    """

    kind: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Machine(Answer):
    """What a worker computes on.

    Attributes:
        torch: Version of torch.
        cuda: Name of the GPU, None where there is none.
        gpu_mib: Its memory in MiB.
        missing: Why this host cannot confine candidates fully, one reason each.
    """

    torch: str
    cuda: str | None
    gpu_mib: int | None
    missing: tuple[str, ...]

    def recorded(self) -> dict[str, Any]:
        """Return the plain values that a run's manifest has of it."""
        values = {"cuda": self.cuda, "torch": self.torch, "missing": list(self.missing)}
        return values if self.gpu_mib is None else values | {"gpu_mib": self.gpu_mib}


@dataclass(frozen=True, kw_only=True)
class Attacked(Answer):
    """What stopped each attack, by its name; empty text where the attack succeeded."""

    stopped: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Built(Answer):
    """The candidate passed the build gate."""


@dataclass(frozen=True, kw_only=True)
class Ready(Answer):
    """The candidate is built and waits for its saved state."""


@dataclass(frozen=True, kw_only=True)
class Restored(Answer):
    """Whether the candidate's parts could be restored."""

    complete: bool


@dataclass(frozen=True, kw_only=True)
class Epoch(Answer):
    """An epoch ended, numbered from 1."""

    number: int


@dataclass(frozen=True, kw_only=True)
class Trained(Answer):
    """The training ended, with the most memory of a GPU that it reserved, in MiB."""

    gpu_mib: float


@dataclass(frozen=True, kw_only=True)
class Audited(Answer):
    """Sizes of an offered network; ``harness.worker.size`` has the rules.

    Attributes:
        n_params: Parameters, where running statistics that training inputs give serve as well.
        n_state: Elements of the running statistics that ``n_params`` leaves out.
        n_params_with_state: Parameters, where they do not.
        flops: Floating-point operations for one input.
        dtypes: Floating-point dtypes that it computes with.
    """

    n_params: int
    n_state: int
    n_params_with_state: int
    flops: int
    dtypes: tuple[str, ...]


_JOBS: Mapping[str, type[Job]] = {
    kind.__name__.lower(): kind for kind in (Probe, Attack, Build, Outline, Train, Audit)
}
_ANSWERS: Mapping[str, type[Answer]] = {
    kind.__name__.lower(): kind
    for kind in (Failure, Machine, Attacked, Built, Ready, Restored, Epoch, Trained, Audited)
}


def request(job: Job, conditions: Conditions) -> dict[str, Any]:
    """Return the JSON value that asks a worker for a job."""
    return {_TAG: job.name, "job": asdict(job), "conditions": asdict(conditions)}


def read_request(frame: Any) -> tuple[Job, Conditions]:
    """Return what ``request`` was given."""
    return _read(_JOBS[frame[_TAG]], frame["job"]), _read(Conditions, frame["conditions"])


def answer(message: Answer) -> dict[str, Any]:
    """Return the JSON value of an answer."""
    return {_TAG: type(message).__name__.lower(), **asdict(message)}  # type: ignore[call-overload]


def read_answer(frame: Any) -> Answer:
    """Return what ``answer`` was given.

    Raises:
        MessageError: The frame is anything else.
    """
    kind = frame.get(_TAG) if isinstance(frame, dict) else None
    if not isinstance(kind, str) or kind not in _ANSWERS:
        raise MessageError("expected an answer of a job, got another JSON value")
    content = {name: value for name, value in frame.items() if name != _TAG}
    hints = get_type_hints(_ANSWERS[kind])
    if content.keys() != {field.name for field in fields(_ANSWERS[kind])}:  # type: ignore[arg-type]
        raise MessageError(f"expected the fields of the answer {kind}, got others")
    for name, value in content.items():
        if not _fits(value, hints[name]):
            raise MessageError(f"expected another type in the field {name} of the answer {kind}")
    message: Answer = _read(_ANSWERS[kind], content)
    return message


def _read(kind: Any, content: Mapping[str, Any]) -> Any:
    """Construct a dataclass from JSON values, and the dataclasses among its fields."""
    hints = get_type_hints(kind)
    if hints.get("recipe") is Recipe:
        hints["recipe"] = recipe_of(content["signature"]["kind"])
    values = dict(content)
    for name, value in values.items():
        if is_dataclass(hints[name]):
            values[name] = _read(hints[name], value)
        elif isinstance(value, list):
            values[name] = tuple(value)
    return kind(**values)


def _fits(value: Any, hint: Any) -> bool:
    """Return whether a JSON value has the type of a field."""
    if get_origin(hint) in {Union, types.UnionType}:
        return any(_fits(value, option) for option in get_args(hint))
    if get_origin(hint) is tuple:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if hint is float or hint is int:
        return type(value) in {int, hint} and abs(value) < _MAX_NUMBER  # False for NaN
    if get_origin(hint) is not None:
        return isinstance(value, dict) and all(isinstance(v, str) for v in value.values())
    return type(value) is hint
