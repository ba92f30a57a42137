"""Scoring: audit the network that a training offers and replay it in a clean process.

The process that ran candidate code never sees an input to be scored. The clean one, which runs
none, counts what the offered graph reads and replays it on the inputs to be scored. So a score and
a size belong to one and the same function. Labels stay in this process.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from harness.config.schema import Recipe
from harness.sandbox.job import JobFailed, RunningJob
from harness.sandbox.messages import Audit, Audited, Signature
from harness.sandbox.sandbox import Sandbox
from harness.seeding import stream
from harness.tasks.base import BATCH_SIZES, Dataset, Split, scale_of, wording_of
from harness.typing import Array

TOLERANCE = {"float64": 1e-3, "float32": 1e-3, "bfloat16": 5e-2, "float16": 1e-2}
"""Largest relative difference of two answers to one input, by the coarsest dtype that the network
computes with: at least five times what the networks of ``tests/worker/test_size.py`` show."""
_NOT_ITS_OWN = (
    "replaying what the network computed does not give its own answers: it must compute the same "
    "operations for every input"
)


class Offer(NamedTuple):
    """What the process that trained sends: a graph, and its own answers to a sample."""

    header: Array
    payload: Array
    own: Array


class Scorer:
    """Scores networks on the splits of one data set.

    Args:
        sandbox: Runs the audits.
        dataset: The data.
        signature: How the networks were built.
        recipe: How they were trained.
    """

    def __init__(
        self, sandbox: Sandbox, dataset: Dataset, signature: Signature, recipe: Recipe
    ) -> None:
        self._sandbox, self._dataset, self._signature = sandbox, dataset, signature
        self._scale, self._wording = scale_of(dataset.kind), wording_of(dataset.kind)
        self._job = Audit(signature=signature, recipe=recipe, batch_sizes=BATCH_SIZES)

    def __call__(
        self, offer: Offer, outline: Array, splits: Sequence[str], *, spent_s: float = 0.0
    ) -> tuple[dict[str, float], dict[str, int]]:
        """Audit and score an offered network.

        Args:
            offer: The network.
            outline: Its wiring before training, (n_bytes,) uint8.
            splits: Names of the splits to score on.
            spent_s: Share of the time limit that was used up before, in seconds.

        Returns:
            The score on each split, and ``n_params``, ``n_state`` and ``flops``.

        Raises:
            JobFailed: The network is not to be believed, or too large.
        """
        limits = self._sandbox.limits
        with self._sandbox.run(self._job, time_limit_s=limits.train_s, spent_s=spent_s) as job:
            job.send(outline, offer.header, offer.payload)
            sizes = job.receive_answer(Audited)
            tolerance = max(TOLERANCE[dtype] for dtype in ("float32", *sizes.dtypes))
            self._require_equal(job.receive_array("f4"), offer.own, tolerance, _NOT_ITS_OWN)
            self._require_few(sizes.flops)
            chosen = {name: getattr(self._dataset, name) for name in splits}
            scored = {name: self._score(job, split, tolerance) for name, split in chosen.items()}
            scores = {name: score for name, (score, _) in scored.items()}
            # FLOPs may depend on values, and be higher on scored inputs than on training inputs.
            flops = max(sizes.flops, *(flops for _, flops in scored.values()))
            self._require_few(flops)
            n_params, n_state = sizes.n_params, sizes.n_state
            if n_state and not self._calibrates(job, chosen[splits[0]], scores[splits[0]]):
                n_params, n_state = sizes.n_params_with_state, 0
            return scores, {"n_params": n_params, "n_state": n_state, "flops": flops}

    def _require_few(self, flops: int) -> None:
        most = self._sandbox.limits.flops
        if most is not None and flops > most:
            example = self._wording.example
            raise _refused("cap", f"expected at most {most} FLOPs per {example}, got {flops}")

    def _score(self, job: RunningJob, split: Split, tolerance: float) -> tuple[float, int]:
        """Score the first replay, and check that other batches give the same answers.

        The first replay runs program 0 in a random order. The second runs program 1, which has
        another batch size, in orders that depend on the inputs alone. So neither program knows
        what else is in the other's batch, nor what the other answered, and both give one answer
        only where the input decides it. The share of differences that the scale allows is the
        share of answers that may depend on a batch.

        Both may still use what every batch of the split shows, such as the mean of all inputs, and
        what no batch of a replay shows is not seen.

        Returns:
            The score, and the mean FLOPs per input of the first replay.
        """
        order = _shuffled(split)
        first, flops = self._first_answers(job, split, 0, order)
        second, binding = np.zeros_like(first), np.zeros(len(split), dtype=bool)
        for replay in self._scale.second_replays(split, order):
            second[replay.order], _ = self._answers(job, 1, replay.inputs)
            binding[replay.order] = replay.binding
        one, other = first[binding], second[binding]
        wording = self._wording
        depends = (
            f"the answer to {wording.an_example} depends on the {wording.examples} in its batch, "
            f"their order or their number"
        )
        self._require_equal(one, other, tolerance, depends)
        if not self._scale.decide_alike(one, other):
            raise _refused("audit", depends)
        return self._scale.score(first, split.labels), flops

    def _calibrates(self, job: RunningJob, split: Split, score: float) -> bool:
        """Return whether running statistics that the clean process computed serve as well."""
        answers, _ = self._first_answers(job, split, -1, _shuffled(split))
        return self._scale.score(answers, split.labels) >= score - self._scale.calibration

    def _first_answers(
        self, job: RunningJob, split: Split, program: int, order: Array
    ) -> tuple[Array, int]:
        """Return answers to a whole split in its own order, asked in another, and the FLOPs."""
        asked, flops = self._answers(job, program, split.inputs[order])
        return asked[np.argsort(order)], flops

    def _answers(self, job: RunningJob, program: int, inputs: Array) -> tuple[Array, int]:
        """Return one program's answers, and its FLOPs per input.

        Args:
            job: The audit.
            program: Number of the program, -1 for the recalibrated one.
            inputs: (n, ...) stored inputs in the order in which they are asked about.
        """
        job.send(program, inputs)
        flops, answers = job.receive_array("i8"), job.receive_array("f4")
        expected = (len(inputs), *self._scale.answer_shape(self._signature))
        name = self._wording.answers
        if answers.shape != expected:
            raise _refused("shape", f"expected {name} {expected}, got {answers.shape}")
        if not np.isfinite(answers).all():
            raise _refused("nonfinite", f"the {name} are not all finite")
        return answers, int(flops.max(initial=0))

    def _require_equal(self, one: Array, other: Array, tolerance: float, reason: str) -> None:
        if one.shape != other.shape:
            raise _refused("audit", reason)
        if not (np.isfinite(one).all() and np.isfinite(other).all()):
            raise _refused("nonfinite", f"the {self._wording.answers} are not all finite")
        if not self._scale.agree(one, other, tolerance):
            raise _refused("audit", reason)


def _shuffled(split: Split) -> Array:
    """Return an order in which the position says nothing about the label, (n,) int64."""
    rng = stream(0, "order", split.labels.tobytes().hex())
    order = list(range(len(split)))
    rng.shuffle(order)
    return np.array(order)


def _refused(kind: str, reason: str) -> JobFailed:
    return JobFailed("audit", kind, reason)
