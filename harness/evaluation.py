"""Evaluation: train in the sandbox, score outside it.

The worker returns logits for images whose labels it never had; accuracy is computed here.
"""

import time

import numpy as np

from harness.config import Recipe
from harness.data import Dataset, Split
from harness.genome import Genome
from harness.population import Evaluation, Fate, Rejection
from harness.sandbox import Refused, Sandbox, Session
from harness.validation import Interface, build_job
from harness.wire import Array


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
        job = build_job("train", genome, self._interface, self._recipe, seed=seed)
        start = time.monotonic()
        try:
            with self._sandbox.run(job, time_limit_s=self._sandbox.limits.train_s) as session:
                n_params = _count(session.receive())
                train_s = time.monotonic() - start
                logits = _logits(session, split.images, self._interface.n_classes)
        except Refused as refused:
            return refused.rejection
        if isinstance(logits, Rejection):
            return logits
        accuracy = float(np.mean(logits.argmax(axis=1) == split.labels))
        return Evaluation(accuracy=accuracy, n_params=n_params, train_s=round(train_s, 3))


def _count(answer: object) -> int:
    count = answer.get("n_params") if isinstance(answer, dict) else None
    if not isinstance(count, int) or count < 1:
        raise Refused(Rejection(gate="train", reason="sent no parameter count"))
    return count


def _logits(session: Session, images: Array, n_classes: int) -> Array | Rejection:
    logits = session.ask(images)
    expected = (len(images), n_classes)
    if not isinstance(logits, np.ndarray) or logits.dtype != np.float32:
        return Rejection(gate="train", reason="expected float32 logits, got something else")
    if logits.shape != expected:
        return Rejection(gate="train", reason=f"expected logits {expected}, got {logits.shape}")
    if not np.isfinite(logits).all():
        return Rejection(gate="train", reason="the logits are not all finite")
    return logits
