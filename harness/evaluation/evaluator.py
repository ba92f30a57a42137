"""Evaluation: train a network once, across interruptions, and have its result scored.

The process that runs candidate code trains, and then offers a graph of what its network computes
(``harness.worker.graph``). ``harness.evaluation.scoring`` scores that graph in a clean process.
"""

import contextlib
import math
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.config.schema import Recipe
from harness.evaluation.cache import TrainingCache
from harness.evaluation.checkpoint import Checkpoint, CheckpointFile
from harness.evaluation.device_slots import Device
from harness.evaluation.scoring import Offer, Scorer
from harness.evaluation.training_job import CannotRestore, RemoteTraining, failure
from harness.evolution.candidate import MACHINE_DEPENDENT, Evaluation, Outcome, rejection_of
from harness.evolution.genome import Genome
from harness.record.code.digests import code_of_training
from harness.sandbox.job import JobFailed
from harness.sandbox.messages import Candidate, Outline, Signature, Train
from harness.sandbox.sandbox import Sandbox
from harness.sandbox.shared_data import SharedData
from harness.tasks.base import BATCH_SIZES, Dataset
from harness.typing import Array

OnEpoch = Callable[[int, float, float | None], None]
"""Called after each epoch: its number, seconds so far, None. With ``recipe.keep_best``, called once
more for each epoch after training: its number, seconds of scoring so far, its score."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One training of one network, and the splits that it is scored on."""

    genome: Genome
    recipe: Recipe
    splits: Sequence[str]
    seed: int


class Stopwatch:
    """Measures the wall time of a training, whether it succeeds or fails.

    Attributes:
        seconds: Its duration; 0 before it ends.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._start = 0.0

    @property
    def now(self) -> float:
        """Seconds so far."""
        return time.monotonic() - self._start

    @contextlib.contextmanager
    def running(self, earlier_s: float) -> Iterator[None]:
        """Measure until the end of the block.

        Args:
            earlier_s: Seconds that the same training took before.
        """
        self._start = time.monotonic() - earlier_s
        try:
            yield
        finally:
            self.seconds = round(self.now, 3)


class Evaluator:
    """Trains genomes on one data set with one recipe.

    The sandbox gets the training data once. Validation inputs go to a clean process after training;
    test inputs do so only through ``final``, or if the search is scored on them.

    Args:
        sandbox: Runs the jobs.
        device: Grants slots on the device.
        dataset: The data.
        signature: How networks are built, and the shapes that they map.
        recipe: How networks are trained.
        seed_network: The network whose training tells how much GPU memory a candidate takes.
        machine: What the outcome depends on of this machine.
        cache: Outcomes of earlier trainings; None to train in any case.
        on_epoch: Called after each epoch.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        device: Device,
        dataset: Dataset,
        signature: Signature,
        recipe: Recipe,
        *,
        seed_network: Genome,
        machine: Mapping[str, Any],
        cache: TrainingCache | None,
        on_epoch: OnEpoch | None = None,
    ) -> None:
        self._sandbox, self._device, self._dataset = sandbox, device, dataset
        self._signature, self._recipe = signature, recipe
        self._seed_network, self._machine = seed_network, machine
        self._cache, self._on_epoch = cache, on_epoch
        self._data = SharedData(inputs=dataset.train.inputs, labels=dataset.train.labels)
        self._scorer = Scorer(sandbox, dataset, signature, recipe)
        sandbox.hold(self._data)

    def search(
        self, genome: Genome, *, seed: int, split: str = "validation", epochs: int | None = None
    ) -> Outcome:
        """Train with this seed and score on one split; see ``backend.Trainer``."""
        recipe = self._recipe if epochs is None else replace(self._recipe, epochs=epochs)
        return self._evaluate(Trial(genome=genome, recipe=recipe, splits=[split], seed=seed))

    def final(self, genome: Genome, *, seed: int) -> Outcome:
        """Train with this seed and score on test and validation split; for the end of a run."""
        splits = ["test", "validation"]
        return self._evaluate(Trial(genome=genome, recipe=self._recipe, splits=splits, seed=seed))

    def _evaluate(self, trial: Trial) -> Outcome:
        """Train in a slot of the device, unless any run has done this training before."""

        def work(checkpoints: CheckpointFile) -> Outcome:
            return self._device.run(lambda: self._outcome(trial, checkpoints))

        if self._cache is not None:
            return self._cache.once(self._inputs(trial), work)
        with tempfile.TemporaryDirectory() as folder:
            return work(CheckpointFile(Path(folder) / "training.npz", every_s=math.inf))

    def _inputs(self, trial: Trial) -> dict[str, Any]:
        """Return everything that decides the outcome of a training."""
        return {
            "genome": trial.genome.sha256,
            "seed": trial.seed,
            "splits": trial.splits,
            "recipe": vars(trial.recipe),
            "signature": vars(self._signature),
            "data": self._dataset.sha256,
            "limits": vars(self._sandbox.limits),
            "machine": dict(self._machine),
            "code": code_of_training(),
        }

    def _outcome(self, trial: Trial, checkpoints: CheckpointFile) -> Outcome:
        clock = Stopwatch()
        try:
            return self._train_and_score(trial, checkpoints, clock)
        except JobFailed as failed:
            return rejection_of(failed, train_s=clock.seconds)

    def _train_and_score(
        self, trial: Trial, checkpoints: CheckpointFile, clock: Stopwatch
    ) -> Outcome:
        self._sandbox.require(self._data)
        candidate = Candidate(
            source=trial.genome.source,
            signature=self._signature,
            recipe=trial.recipe,
            seed=trial.seed,
        )
        begun = checkpoints.load() or checkpoints.start_over(self._outline(candidate))
        try:
            self._train(trial, candidate, begun, checkpoints, clock)
        except CannotRestore:
            begun = checkpoints.start_over(begun.outline, spent_s=clock.seconds)
            self._train(trial, candidate, begun, checkpoints, clock)
        offers = checkpoints.offers
        with clock.running(clock.seconds):
            network = (
                self._best(offers, begun.outline) if trial.recipe.keep_best else next(iter(offers))
            )
        scores, counts = self._scorer(network, begun.outline, trial.splits)
        return Evaluation(
            score=scores[trial.splits[0]],
            validation=scores["validation"] if len(trial.splits) > 1 else None,
            train_s=clock.seconds,
            **counts,
        )

    def _train(
        self,
        trial: Trial,
        candidate: Candidate,
        begun: Checkpoint,
        checkpoints: CheckpointFile,
        clock: Stopwatch,
    ) -> None:
        """Train from a checkpoint, and keep what was offered.

        That is the last network, or with ``recipe.keep_best`` the network of each epoch. From the
        end of a training on no process runs the candidate, in later commands neither, so that none
        learns how long audits take.
        """
        spent_s = begun.spent_s
        if begun.ended:
            clock.seconds = spent_s
            return
        resumes = begun.state.size > 0
        job = Train(candidate=candidate, batch_sizes=BATCH_SIZES, resumes=resumes)
        limit_s = self._sandbox.limits.train_s
        with (
            clock.running(spent_s),
            self._sandbox.run(job, time_limit_s=limit_s, spent_s=spent_s) as running,
        ):
            training = RemoteTraining(running, trial.recipe, epoch=begun.epoch)
            if resumes:
                training.restore(begun.state)
            while training.next_epoch():
                if trial.recipe.keep_best:
                    checkpoints.offers.add(training.network())
                state = training.state(wanted=checkpoints.is_due)
                spent_s = clock.now
                if self._on_epoch:
                    self._on_epoch(training.epoch, spent_s, None)
                if state is not None:
                    checkpoints.save(
                        replace(begun, epoch=training.epoch, state=state, spent_s=spent_s)
                    )
            if trial.genome == self._seed_network:  # other candidates could state what they like
                self._device.learn(training.peak_mib or 0)
            if not trial.recipe.keep_best:
                checkpoints.offers.add(training.network())
        ended = replace(begun, epoch=training.epoch, state=np.empty(0, "u1"), ended=True)
        checkpoints.save(replace(ended, spent_s=clock.seconds))

    def _best(self, offers: Iterable[Offer], outline: Array) -> Offer:
        """Return the network with the highest validation score, of equal ones the first.

        Args:
            offers: The networks of all epochs.
            outline: Their wiring before training, (n_bytes,) uint8.
        """
        best, highest, refused = None, -math.inf, failure("ended its training without a network")
        start = time.monotonic()
        for epoch, offer in enumerate(offers, start=1):
            score, spent_s = None, time.monotonic() - start
            try:
                rated, _ = self._scorer(offer, outline, ["validation"], spent_s=spent_s)
                score = rated["validation"]
            except JobFailed as failed:
                if failed.kind in MACHINE_DEPENDENT:
                    raise
                refused = failed  # another epoch's may be accepted
            if score is not None and score > highest:
                best, highest = offer, score
            if self._on_epoch:
                self._on_epoch(epoch, time.monotonic() - start, score)
        if best is None:
            raise refused
        return best

    def _outline(self, candidate: Candidate) -> Array:
        """Return the wiring of the network before training, uint8; empty if it has none to show."""
        job = Outline(candidate=candidate, batch_size=BATCH_SIZES[0])
        try:
            with self._sandbox.run(job, time_limit_s=self._sandbox.limits.build_s) as running:
                return running.receive_array("u1")
        except JobFailed as failed:
            if failed.kind in MACHINE_DEPENDENT:
                raise
            return np.empty(0, "u1")
