"""Scoring: audit what a training offers and replay it in a clean process; labels stay here.

The process that ran candidate code never sees an image to be scored. The clean one, which runs
none, counts what the offered graph reads and replays it on the images to be scored. So a score and
a size belong to one and the same function.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from harness.sandbox.job import JobFailed, Session
from harness.sandbox.sandbox import Sandbox
from harness.seeding import stream
from harness.tasks.image_classification.datasets import Dataset, Split
from harness.typing import Array

BATCH_SIZES = (64, 48)
"""Batches in which a network is recorded and asked, once each."""
TOLERANCE = {"float64": 1e-3, "float32": 1e-3, "bfloat16": 5e-2, "float16": 1e-2}
"""How far two answers to one image may differ, relative to the spread of its logits, by the
coarsest dtype that the network computes with: at least five times what the networks of
``tests/worker/test_size.py`` show."""
FLIPS = 0.005
"""Share of images whose class may change with the order: near ties within the tolerance."""
CALIBRATION = 0.01
"""Accuracy that running statistics may be worth beyond those that training images give; above
it they count as parameters. Networks measured after one epoch to six lost nothing."""
_LEAST_SPREAD = 1e-2


class Offer(NamedTuple):
    """What the process that trained sends: a graph, and its own logits of a sample."""

    header: Array
    payload: Array
    own: Array


class Scorer:
    """Scores networks on the splits of one data set; JobFailed where they are not to be believed.

    size_px: to what images are resized, None for their own size.
    """

    def __init__(self, sandbox: Sandbox, dataset: Dataset, *, size_px: int | None) -> None:
        self._sandbox, self._dataset, self._size_px = sandbox, dataset, size_px

    def __call__(
        self, offer: Offer, outline: Array, splits: Sequence[str]
    ) -> tuple[dict[str, float], dict[str, int]]:
        """Return the accuracy of an offered network on each split, and what it is made of."""
        limits = self._sandbox.limits
        job = {"task": "audit", "batch_sizes": BATCH_SIZES, "size_px": self._size_px}
        with self._sandbox.run(job, time_limit_s=limits.train_s) as session:
            session.send(outline, offer.header, offer.payload)
            counts = session.receive()
            tolerance = max(TOLERANCE[dtype] for dtype in ("float32", *counts.pop("dtypes")))
            _agree(session.receive_array("f4"), offer.own, tolerance, _NOT_ITS_OWN)
            if limits.flops is not None and counts["flops"] > limits.flops:
                reason = f"expected at most {limits.flops} FLOPs per image, got {counts['flops']}"
                raise _refused("cap", reason)
            images = {name: getattr(self._dataset, name) for name in splits}
            scores = {n: self._score(session, s, tolerance) for n, s in images.items()}
            if counts["n_state"] and not self._calibrates(
                session, images[splits[0]], scores[splits[0]]
            ):
                counts |= {"n_params": counts["n_params"] + counts["n_state"], "n_state": 0}
            return scores, counts

    def _score(self, session: Session, split: Split, tolerance: float) -> float:
        """Score the answers; asked in two orders and two batch sizes, they must be the same.

        The second time, batches are as unlike each other as can be: half of the images stand
        beside those that got the same answer, the other half go from dark to bright.
        """
        order = _shuffled(split)
        one = self._answers(session, split, 0, order)
        by_answer, by_brightness = np.array_split(order, 2)
        by_answer = by_answer[one[by_answer].argmax(axis=1).argsort()]
        by_brightness = by_brightness[split.images[by_brightness].mean(axis=(1, 2, 3)).argsort()]
        other = self._answers(session, split, 1, np.concatenate([by_answer, by_brightness]))
        _agree(one, other, tolerance, _DEPENDS)
        if np.mean(one.argmax(axis=1) != other.argmax(axis=1)) > max(FLIPS, 1 / len(split)):
            raise _refused("audit", _DEPENDS)
        return _share_right(one, split)

    def _calibrates(self, session: Session, split: Split, score: float) -> bool:
        """Whether running statistics computed by the clean process would serve as well."""
        answers = self._answers(session, split, -1, _shuffled(split))
        return _share_right(answers, split) >= score - CALIBRATION

    def _answers(self, session: Session, split: Split, program: int, order: Array) -> Array:
        """Return one program's logits, (n, classes) as the split has them, asked in this order."""
        session.send(program, split.images[order])
        logits = session.receive_array("f4")
        expected = (len(split), self._dataset.n_classes)
        if logits.shape != expected:
            raise _refused("shape", f"expected logits {expected}, got {logits.shape}")
        if not np.isfinite(logits).all():
            raise _refused("nonfinite", "the logits are not all finite")
        return logits[np.argsort(order)]


_NOT_ITS_OWN = (
    "replaying what the network computed does not give its own answers: it must compute the same "
    "operations for every input"
)
_DEPENDS = "the answer to an image depends on the images beside it, their order or their number"


def _shuffled(split: Split) -> Array:
    """Return an order in which position tells nothing about the label."""
    rng = stream(0, "order", split.labels.tobytes().hex())
    order = list(range(len(split)))
    rng.shuffle(order)
    return np.array(order)


def _share_right(logits: Array, split: Split) -> float:
    return float(np.mean(logits.argmax(axis=1) == split.labels))


def _agree(one: Array, other: Array, tolerance: float, reason: str) -> None:
    """Compare by image, relative to how far its own logits lie apart."""
    if one.shape != other.shape:
        raise _refused("audit", reason)
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        raise _refused("nonfinite", "the logits are not all finite")
    spread = np.abs(one - one.mean(axis=1, keepdims=True)).max(axis=1, keepdims=True)
    if (np.abs(one - other) > tolerance * np.maximum(spread, _LEAST_SPREAD)).any():
        raise _refused("audit", reason)


def _refused(kind: str, reason: str) -> JobFailed:
    return JobFailed("audit", kind, reason)
