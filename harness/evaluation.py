"""Evaluation: train in one process, replay in a clean one, score here.

The process that runs candidate code trains and then offers a graph of what its network computes
(``harness.graph``). It never sees an image to be scored. A second process, which runs no
candidate code, counts what the graph reads and replays it on the images to be scored; labels
never leave this process. So a score and a size belong to one and the same function.
"""

import time
from typing import NamedTuple

import numpy as np

from harness.config import Recipe
from harness.data import Dataset, Split
from harness.genome import Genome
from harness.population import Evaluation, Fate, Rejection
from harness.sandbox import Refused, Sandbox, Session, retried
from harness.seeding import stream
from harness.validation import Interface, build_job
from harness.wire import Array

BATCH_SIZES = (64, 48)
"""Batches in which a network is recorded and asked, once each."""
TOLERANCE = {"float64": 1e-3, "float32": 1e-3, "bfloat16": 5e-2, "float16": 1e-2}
"""How far two answers to one image may differ, relative to the largest logit, by the coarsest
dtype that the network computes with. Honest networks differ by 2e-6 in float32, 8e-3 in bfloat16
and 1e-3 in float16 (``tests/test_audit.py`` prints it)."""


class Offer(NamedTuple):
    """What the process that trained sends: a graph, and its own logits of a sample."""

    header: Array
    payload: Array
    own: Array


class Evaluator:
    """Trains genomes on one data set with one recipe.

    The sandbox is given the training images and labels once; validation images go to a worker
    after it has trained, test images only through ``final``.
    """

    def __init__(
        self, sandbox: Sandbox, dataset: Dataset, interface: Interface, recipe: Recipe
    ) -> None:
        self._sandbox, self._dataset = sandbox, dataset
        self._interface, self._recipe = interface, recipe
        self._known: dict[tuple[str, int, int], Fate] = {}
        sandbox.hold(dataset.train.images, dataset.train.labels)

    def search(self, genome: Genome, *, seed: int) -> Fate:
        """Train with this seed and score on the validation split."""
        return self._evaluate(genome, self._dataset.validation, seed=seed)

    def final(self, genome: Genome, *, seed: int) -> Fate:
        """Train with this seed and score on the test split; only for the end of a run."""
        return self._evaluate(genome, self._dataset.test, seed=seed)

    def _evaluate(self, genome: Genome, split: Split, *, seed: int) -> Fate:
        """Train unless this very training was done before, by another arm of the command."""
        key = (genome.digest, id(split), seed)
        if key not in self._known:
            self._known[key] = self._train(genome, split, seed=seed)
        return self._known[key]

    def _train(self, genome: Genome, split: Split, *, seed: int) -> Fate:
        try:
            return retried(lambda: self._score(genome, split, seed=seed))
        except Refused as refused:
            return refused.rejection

    def _score(self, genome: Genome, split: Split, *, seed: int) -> Fate:
        """Train; take the last network, or the best on validation; audit and score it."""
        job = build_job("train", genome, self._interface, self._recipe, seed=seed)
        job["batch_sizes"] = BATCH_SIZES
        n_offers = self._recipe.epochs if self._recipe.keep_best else 1
        start = time.monotonic()
        chosen: tuple[float, Offer] | None = None
        with self._sandbox.run(job, time_limit_s=self._sandbox.limits.train_s) as session:
            for _ in range(n_offers):
                offer = Offer(*(session.receive_array(dtype) for dtype in ("u1", "u1", "f4")))
                score = self._audited(offer, self._dataset.validation)[0] if n_offers > 1 else 0.0
                if chosen is None or score > chosen[0]:
                    chosen = score, offer
        assert chosen is not None
        train_s = round(time.monotonic() - start, 3)
        accuracy, counts = self._audited(chosen[1], split)
        return Evaluation(accuracy=accuracy, train_s=train_s, **counts)

    def _audited(self, offer: "Offer", split: Split) -> tuple[float, dict[str, int]]:
        """Return the accuracy of an offered network, and what it is made of."""
        limits = self._sandbox.limits
        with self._sandbox.run({"task": "audit"}, time_limit_s=limits.train_s) as session:
            session.send(offer.header, offer.payload)
            counts = session.receive()
            tolerance = max(TOLERANCE[dtype] for dtype in ("float32", *counts.pop("dtypes")))
            _agree(session.receive_array("f4"), offer.own, tolerance, _NOT_ITS_OWN)
            if limits.flops is not None and counts["flops"] > limits.flops:
                reason = f"expected at most {limits.flops} FLOPs per image, got {counts['flops']}"
                raise _refused("cap", reason)
            return self._accuracy(session, split, tolerance), counts

    def _accuracy(self, session: Session, split: Split, tolerance: float) -> float:
        """Score the answers; asked in two orders and two batch sizes, they must be the same."""
        shape = (len(split), self._interface.n_classes)
        answers: list[Array] = []
        for program in range(len(BATCH_SIZES)):
            order = _order(split, program)
            session.send(program, split.images[order])
            logits = session.receive_array("f4")
            if logits.shape != shape:
                raise _refused("shape", f"expected logits {shape}, got {logits.shape}")
            if not np.isfinite(logits).all():
                raise _refused("nonfinite", "the logits are not all finite")
            answers.append(logits[np.argsort(order)])
        _agree(answers[0], answers[1], tolerance, _DEPENDS)
        return float(np.mean(answers[0].argmax(axis=1) == split.labels))


_NOT_ITS_OWN = (
    "replaying what the network computed does not give its own answers: it must compute the same "
    "operations for every input"
)
_DEPENDS = "the answer to an image depends on the images beside it, their order or their number"


def _order(split: Split, program: int) -> Array:
    """Return an order in which position tells nothing about the label."""
    rng = stream(0, "order", split.labels.tobytes().hex(), program)
    order = list(range(len(split)))
    rng.shuffle(order)
    return np.array(order)


def _agree(one: Array, other: Array, tolerance: float, reason: str) -> None:
    if one.shape != other.shape:
        raise _refused("audit", reason)
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        raise _refused("nonfinite", "the logits are not all finite")
    if np.abs(one - other).max() > tolerance * max(1.0, np.abs(one).max()):
        raise _refused("audit", reason)


def _refused(kind: str, reason: str) -> Refused:
    return Refused(Rejection(gate="audit", kind=kind, reason=reason))
