"""Evaluation: train a network once, in pieces where it is interrupted, and have it scored.

The process that runs candidate code trains and then offers a graph of what its network computes
(``harness.worker.graph``); ``harness.evaluation.scoring`` says what it is worth.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from types import MappingProxyType
from typing import Any

import numpy as np

from harness.config.schema import Recipe
from harness.evaluation.cache import FORGETFUL, Bookmark, Checkpoint, Trainings, code_digest
from harness.evaluation.device_slots import Device
from harness.evaluation.gates import Interface, build_job
from harness.evaluation.scoring import BATCH_SIZES, Offer, Scorer
from harness.evolution.candidate import MACHINE_DEPENDENT, Evaluation, Outcome, rejection_of
from harness.evolution.genome import Genome
from harness.sandbox.job import JobFailed, Session
from harness.sandbox.sandbox import Sandbox
from harness.sandbox.shared_data import Images
from harness.tasks.image_classification.datasets import Dataset
from harness.typing import Array

MOST_STATE_BYTES = 1 << 28
"""A training whose state is larger is not saved in between."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One training of one network, and the splits that it is scored on."""

    genome: Genome
    recipe: Recipe
    splits: Sequence[str]
    seed: int


Hear = Callable[[int, float, float | None], None]
"""Told of each epoch: which, seconds spent so far, and its score where the best is kept."""


def unheard(epoch: int, spent_s: float, score: float | None) -> None:
    """Tell nobody."""


class Evaluator:
    """Trains genomes on one data set with one recipe.

    The sandbox is given the training images and labels once; validation images go to a clean
    process after training, test images only through ``final`` or where the search asks for them.
    seed_network: by whose training a GPU's memory is judged. trainings: what was trained before.
    machine: what of this machine a result depends on. save_every_s: how often a long training
    leaves what it needs to go on.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        device: Device,
        dataset: Dataset,
        interface: Interface,
        recipe: Recipe,
        *,
        seed_network: Genome,
        trainings: Trainings = FORGETFUL,
        machine: Mapping[str, Any] = MappingProxyType({}),
        save_every_s: float = 300,
        hear: Hear = unheard,
    ) -> None:
        self._sandbox, self._device, self._dataset = sandbox, device, dataset
        self._interface, self._recipe = interface, recipe
        self._seed_network, self._trainings, self._machine = seed_network, trainings, machine
        self._save_every_s, self._hear = save_every_s, hear
        self._images = Images(images=dataset.train.images, labels=dataset.train.labels)
        self._scorer = Scorer(sandbox, dataset, size_px=recipe.size_px)
        sandbox.hold(self._images)

    def search(
        self, genome: Genome, *, seed: int, split: str = "validation", epochs: int | None = None
    ) -> Outcome:
        """Train with this seed and score on the validation split, or on what was asked for.

        epochs: how many, where it is not the recipe's number.
        """
        recipe = self._recipe if epochs is None else replace(self._recipe, epochs=epochs)
        return self._evaluate(Trial(genome=genome, recipe=recipe, splits=[split], seed=seed))

    def final(self, genome: Genome, *, seed: int) -> Outcome:
        """Train with this seed and score on test and validation split; for the end of a run."""
        splits = ["test", "validation"]
        return self._evaluate(Trial(genome=genome, recipe=self._recipe, splits=splits, seed=seed))

    def _evaluate(self, trial: Trial) -> Outcome:
        """Train unless this very training was done before, by any run."""
        known = {
            "genome": trial.genome.digest,
            "seed": trial.seed,
            "splits": trial.splits,
            "recipe": vars(trial.recipe),
            "interface": [*vars(self._interface).values()],
            "data": self._dataset.digest,
            "limits": vars(self._sandbox.limits),
            "machine": dict(self._machine),
            "code": code_digest(),
        }

        def train(bookmark: Bookmark) -> Outcome:
            return self._device.run(lambda: self._outcome(trial, bookmark))

        return self._trainings.once(known, train)

    def _outcome(self, trial: Trial, bookmark: Bookmark) -> Outcome:
        try:
            return self._score(trial, bookmark)
        except JobFailed as failure:
            return rejection_of(failure)

    def _score(self, trial: Trial, bookmark: Bookmark) -> Outcome:
        """Train; take the last network, or the best on validation; audit and score it."""
        self._sandbox.require(self._images)
        job = build_job("train", trial.genome, self._interface, trial.recipe, seed=trial.seed)
        job["batch_sizes"] = BATCH_SIZES
        outline = self._outline(job)
        try:
            offer, train_s = self._trained(job, trial, outline, bookmark)
        except _CannotGoOn:
            bookmark.clear()
            offer, train_s = self._trained(job, trial, outline, bookmark)
        scores, counts = self._scorer(offer, outline, trial.splits)
        return Evaluation(
            score=scores[trial.splits[0]],
            validation=scores["validation"] if len(trial.splits) > 1 else None,
            train_s=train_s,
            **counts,
        )

    def _trained(
        self, job: Mapping[str, Any], trial: Trial, outline: Array, bookmark: Bookmark
    ) -> tuple[Offer, float]:
        """Train, from where an earlier process stopped; return the network and the seconds.

        The network is the last one, or where the recipe keeps the best that of the best epoch.
        """
        found, keeps_best = bookmark.load(), trial.recipe.keep_best
        epoch, spent_s = (found.epoch, found.spent_s) if found else (0, 0.0)
        best = (found.score, Offer(*found.network)) if found and found.network else None
        refused: JobFailed | None = None
        start, saved = time.monotonic() - spent_s, time.monotonic()
        job = {**job, "goes_on": found is not None}
        limit_s = self._sandbox.limits.train_s
        with self._sandbox.run(job, time_limit_s=limit_s, spent_s=spent_s) as session:
            if found:
                _hand_over(session, found.state)
            while self._another(session, trial, after=epoch):
                epoch, score = epoch + 1, None
                offer = self._offer(session) if keeps_best else None
                state = self._state(session, due=bookmark.keeps and self._is_due(saved))
                if offer is not None:
                    try:
                        score = self._scorer(offer, outline, ["validation"])[0]["validation"]
                        best = max(best or (-1.0, offer), (score, offer), key=itemgetter(0))
                    except JobFailed as failure:
                        if failure.kind in MACHINE_DEPENDENT:
                            raise
                        refused = failure  # no epoch to keep; another may be
                self._hear(epoch, time.monotonic() - start, score)
                if state is not None and state.size:
                    saved = time.monotonic()
                    bookmark.save(
                        Checkpoint(
                            epoch=epoch,
                            state=state,
                            spent_s=saved - start,
                            score=best[0] if best else 0.0,
                            network=best[1] if best else (),
                        )
                    )
            if not keeps_best:
                best = (0.0, self._offer(session))
        if best is None:
            raise refused or _broken("ended its training without a network")
        return best[1], round(time.monotonic() - start, 3)

    def _is_due(self, saved: float) -> bool:
        return time.monotonic() - saved >= self._save_every_s

    def _another(self, session: Session, trial: Trial, *, after: int) -> bool:
        """Hear of the next epoch's end; False where it is the end of all, told with what it took.

        Each epoch is told once and in order: every one more would be another try at validation.
        """
        session.renew()
        told = session.receive_json()
        if isinstance(told, dict) and isinstance(told.get("gpu_mib"), (int, float)):
            if trial.genome == self._seed_network:  # others could say what they like
                self._device.learn(told["gpu_mib"])
            return False
        if type(told) is not int or told != after + 1 or after >= trial.recipe.epochs:
            raise _broken(f"expected to be told of epoch {after + 1}, or of the end")
        return True

    def _offer(self, session: Session) -> Offer:
        return Offer(*(session.receive_array(dtype) for dtype in ("u1", "u1", "f4")))

    def _state(self, session: Session, *, due: bool) -> Array | None:
        """Ask for what training would go on from, where it is time; empty where it has none."""
        session.send(MOST_STATE_BYTES if due else 0)
        if not due:
            return None
        session.renew()
        return session.receive_array("u1")

    def _outline(self, job: Mapping[str, object]) -> Array:
        """Return how the network is wired before it sees an image; empty where it cannot tell."""
        limit = self._sandbox.limits.build_s
        try:
            with self._sandbox.run({**job, "task": "outline"}, time_limit_s=limit) as session:
                return session.receive_array("u1")
        except JobFailed as failure:
            if failure.kind in MACHINE_DEPENDENT:
                raise
            return np.empty(0, "u1")


class _CannotGoOn(Exception):  # noqa: N818 - no error: it is begun anew
    """The candidate's parts could not be restored."""


def _hand_over(session: Session, state: Array) -> None:
    """Give a training what it goes on from; a refusal comes in place of its readiness."""
    if session.receive_json() != "ready":
        raise _broken("expected to be told that it is ready to go on")
    session.send(state)
    if session.receive_json() is not True:
        raise _CannotGoOn


def _broken(reason: str) -> JobFailed:
    return JobFailed("train", "protocol", reason)
