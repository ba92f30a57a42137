"""One piece of the seed network's training by the paper's recipe: ``python -m bench.gpu.training``.

It is an ordinary training of the harness with a checkpoint after each epoch. A piece ends after an
epoch, and its last networks are then scored on the validation images, the newest first, while there
is time. The best by validation of all that were scored, in any piece, is scored on the test images:
published is the best validation epoch, too, of all epochs. Networks that were scored, and those
before, are then removed, so that the folder stays small enough to be copied.
"""

import argparse
import hashlib
import json
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from bench.conftest import SEED_NETWORK
from bench.gpu.sizes import DRY, GPU, images_in, thinned
from bench.gpu.steps import PUBLISHED
from harness.config.compose import compose
from harness.config.schema import LEVELS, Config
from harness.errors import MachineError
from harness.evaluation.assessor import training_seed
from harness.evaluation.backend import Backend
from harness.evaluation.checkpoint import Checkpoint, CheckpointFile
from harness.evaluation.executor import LocalThreads
from harness.evaluation.scoring import Scorer
from harness.evolution.candidate import Outcome
from harness.evolution.genome import read_network
from harness.files import make_folder, write_text
from harness.sandbox.job import JobFailed
from harness.terminal import exit_on_error

SCORED = 10
"""Most networks of a piece that are scored: its last."""
_GUESS_S = 12.0
"""Seconds that scoring a network is expected to take, before it was measured."""
_SPARE_S = 15.0
"""Seconds of a piece that are kept for starting and ending."""


class Paused(Exception):
    """The piece has ended, with all of it saved."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When a piece ends, and when the training does."""

    until: float
    """Time of the monotonic clock at which the piece ends, scores included."""
    most_s: float
    """Seconds of training, all pieces together."""

    def ends(self, checkpoint: Checkpoint) -> bool:
        """Return whether the training is complete, or has had its time."""
        return checkpoint.ended or checkpoint.spent_s >= self.most_s


class PausingFile(CheckpointFile):
    """A checkpoint after each epoch; the first after ``train_until`` ends the piece."""

    def __init__(self, path: Path, limits: Limits, train_until: float) -> None:
        super().__init__(path, every_s=0)
        self._limits, self._train_until = limits, train_until

    def load(self) -> Checkpoint | None:
        """Return the checkpoint; ``Paused`` where nothing is left to train."""
        checkpoint = super().load()
        if checkpoint and self._limits.ends(checkpoint):
            raise Paused
        return checkpoint

    def save(self, checkpoint: Checkpoint) -> None:
        """Save; ``Paused`` at the end of the piece or of the training."""
        super().save(checkpoint)
        used = time.monotonic() >= self._train_until
        if checkpoint.epoch and (used or self._limits.ends(checkpoint)):
            raise Paused


class InOneFolder:
    """Stands in for the cache of trainings: one training, with its scores, in a folder of its own.

    Code and machine may be others than those of the pieces before; each piece tells its own.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder, self._limits = folder, limits

    def once(self, inputs: dict[str, Any], train: Callable[[CheckpointFile], Outcome]) -> Outcome:
        """Train on from the checkpoint of the same network, seed, recipe and data."""
        kept = ("genome", "seed", "recipe", "signature", "data")
        text = json.dumps({name: inputs[name] for name in kept}, sort_keys=True)
        place = self._folder / f"training-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        make_folder(place)
        self.checkpoint, self.scores = place / "checkpoint.npz", Scores(place / "scores.json")
        code = hashlib.sha256(str(inputs["code"]).encode()).hexdigest()[:8]
        self.where = {"code": code, **inputs["machine"]}
        scoring_s = _SPARE_S + (SCORED + 1) * self.scores.scoring_s
        return train(PausingFile(self.checkpoint, self._limits, self._limits.until - scoring_s))


class Trainer(LocalThreads):
    """The local executor, with one training's folder in place of the cache."""

    def __init__(self, folder: InOneFolder, confinement: str) -> None:
        super().__init__(confinement=confinement)
        self._one = folder

    def _cache(self, config: Any) -> Any:
        return self._one


class Scores:
    """The pieces so far and the scores of their networks, in a file beside the checkpoint."""

    def __init__(self, path: Path) -> None:
        self._path = path
        content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        self.pieces: list[dict[str, Any]] = content.get("pieces", [])
        self.scoring_s: float = content.get("scoring_s", _GUESS_S)

    def add(self, piece: dict[str, Any]) -> None:
        """Add a piece and save."""
        self.pieces.append(piece)
        content = {"pieces": self.pieces, "scoring_s": self.scoring_s}
        write_text(self._path, json.dumps(content, indent=1) + "\n")

    @property
    def best(self) -> dict[str, Any] | None:
        """The best network by validation, of equal ones the first."""
        scored = [piece["best"] for piece in self.pieces if piece.get("best")]
        return max(scored, key=_rank, default=None)


def main() -> None:
    """Do one piece and write the figures of all."""
    arguments = _arguments()
    sizes = DRY if arguments.dry_run else GPU
    limits = Limits(until=time.monotonic() + arguments.seconds, most_s=60 * arguments.train_minutes)
    with exit_on_error():
        dataset = thinned(images_in(arguments.images), *sizes.most)
        config = compose([
            "task=image_folder", "recipe=ge2024", f"device={sizes.device}", "sandbox.level=limits",
            "limits.train_s=360000", "display=plain", *sizes.overrides,
        ])  # fmt: skip
        one = InOneFolder(arguments.folder, limits)
        with closing(Trainer(one, arguments.confinement)) as executor:
            backend = executor.open(config, dataset, read_network(SEED_NETWORK))
            figures = _piece(backend, config, one, limits)
    figures |= {
        "images": {name: len(getattr(dataset, name)) for name in ("train", "validation", "test")},
        "data": dataset.digest,
        "recipe": vars(config.recipe),
    }
    write_text(arguments.figures, json.dumps(figures, indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("folder", type=Path, help="where the training is kept between pieces")
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="time of this piece")
    parser.add_argument("--train-minutes", type=float, required=True, help="of all pieces")
    parser.add_argument("--confinement", default=LEVELS[-1], choices=LEVELS)
    parser.add_argument("--figures", type=Path, required=True, help="file to write")
    parser.add_argument("--dry-run", action="store_true")
    return parser.parse_args()


def _piece(backend: Backend, config: Config, one: InOneFolder, limits: Limits) -> dict[str, Any]:
    """Train and score for as long as there is time; return the figures of all pieces."""
    try:
        outcome = backend.evaluate.search(
            read_network(SEED_NETWORK), seed=training_seed(config.seed)
        )
    except Paused:
        pass
    else:
        raise MachineError(f"expected a training that is paused, it ended: {outcome}")
    file = CheckpointFile(one.checkpoint, every_s=0)
    checkpoint = file.load()
    pieces = one.scores.pieces
    pieces[:] = [piece for piece in pieces if piece["epoch"] <= checkpoint.epoch]
    if not pieces or pieces[-1]["epoch"] != checkpoint.epoch:
        piece = {
            "epoch": checkpoint.epoch,
            "train_s": round(checkpoint.spent_s, 1),
            "where": one.where,
        }
        one.scores.add(piece | _scored(backend.evaluate._scorer, file, checkpoint, one, limits))
    _forget_networks(one.checkpoint, checkpoint)
    scoring_s = (SCORED + 1) * one.scores.scoring_s
    left_s = max(0.0, limits.most_s - checkpoint.spent_s) + scoring_s
    return {
        "published": PUBLISHED,
        "left_s": 0.0 if limits.ends(checkpoint) else round(left_s, 1),
        "recipe ended": checkpoint.ended,
        "pieces": pieces,
    }


def _scored(
    scorer: Scorer, file: CheckpointFile, checkpoint: Checkpoint, one: InOneFolder, limits: Limits
) -> dict[str, Any]:
    """Score the last networks on validation, the best of all so far on test."""
    offers = list(deque(file.offers, maxlen=SCORED))
    validation: dict[int, float] = {}
    best, best_offer = one.scores.best, None
    for epoch, offer in zip(count(checkpoint.epoch, -1), reversed(offers), strict=False):
        start = time.monotonic()
        if validation and start + 2 * one.scores.scoring_s > limits.until - _SPARE_S:
            break
        try:
            rated, sizes = scorer(offer, checkpoint.outline, ["validation"])
        except JobFailed as failed:
            raise MachineError(f"epoch {epoch}: {failed.reason}") from None
        one.scores.scoring_s = time.monotonic() - start
        validation[epoch] = rated["validation"]
        found = {"epoch": epoch, "validation": rated["validation"]} | sizes
        if best is None or _rank(found) > _rank(best):
            best, best_offer = found, offer
    if best_offer is not None:
        tested, _ = scorer(best_offer, checkpoint.outline, ["test"])
        best["test"] = tested["test"]
    return {"validation": validation, "best": best, "test": best["test"]}


def _rank(scored: dict[str, Any]) -> tuple[float, int]:
    """Order networks by validation accuracy; of equal ones the first is the best."""
    return scored["validation"], -scored["epoch"]


def _forget_networks(path: Path, checkpoint: Checkpoint) -> None:
    """Let a checkpoint stand without networks; whatever ends this between two lines, it is whole."""
    fresh = CheckpointFile(path.with_name("fresh.npz"), every_s=0)
    fresh.offers.clear()
    fresh.save(checkpoint)
    path.with_name("fresh.npz").replace(path)
    fresh.offers.clear()
    CheckpointFile(path, every_s=0).offers.keep(0)


if __name__ == "__main__":
    main()
