"""Tasks as the harness sees them, without torch: data sets, scores, and the words for both.

A task is a package in ``harness/tasks``. Its name is the *kind* that a data set, a job and the
record of a run carry. The package holds four constants, each in a module of its own:

- ``recipe.RECIPE``, a subclass of ``harness.config.schema.Recipe``: the task's own settings.
- ``scale.SCALE``, a ``Scale``: numpy, for the harness, which keeps the labels.
- ``wording.WORDING``, a ``Wording``: for prompts, tables and figures.
- ``kind.KIND``, a ``harness.tasks.kind.Kind``: torch, for the worker, which trains.

A class with ``load`` (``Loader``) in the same package or in a third party's gives the data.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, cast

from harness.config.schema import Recipe
from harness.config.tasks import constant_of, recipe_of
from harness.errors import InputError
from harness.sandbox.messages import Signature
from harness.typing import Array


@dataclass(frozen=True, kw_only=True)
class Split:
    """Examples of one split as they are stored.

    Attributes:
        inputs: (n, ...); ``Kind.prepare`` turns them into what networks get.
        labels: (n, ...), int64.
    """

    inputs: Array
    labels: Array

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """The three splits of a data set: a search sees train and validation, never test.

    Attributes:
        kind: Name of its task, a package in ``harness/tasks``.
        name: Name of the data set in tables.
        train: Examples to train on.
        validation: Held-out examples that a search is scored on.
        test: Held-out examples for the end of a run.
        n_outputs: Numbers in a network's answer, such as one per class.
        notes: Warnings that readers of the scores need, such as examples shared by splits.
    """

    kind: str
    name: str
    train: Split
    validation: Split
    test: Split
    n_outputs: int
    notes: tuple[str, ...] = ()

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one stored input."""
        return tuple(self.train.inputs.shape[1:])

    @cached_property
    def sha256(self) -> str:
        """Hash of every input and label in every split, by which data are compared."""
        digest = hashlib.sha256()
        for split in (self.train, self.validation, self.test):
            for array in (split.inputs, split.labels):
                digest.update(repr((array.shape, array.dtype.str)).encode())
                digest.update(array.tobytes())
        return digest.hexdigest()

    @property
    def digest(self) -> str:
        """The first 16 digits of ``sha256``: its name in records and in a run's identity."""
        return self.sha256[:16]


Progress = Callable[[Sequence[Path], str], Iterable[Path]]
"""Yields each of some files and shows how many are done; the text says what is done to them."""


def no_progress(files: Sequence[Path], what: str) -> Iterable[Path]:
    """Yield the files and show nothing."""
    del what
    return files


class Loader(Protocol):
    """Source of a data set: the class that ``conf/task`` names.

    A class may declare the ``kind`` of its data as a class attribute; then an estimate of costs
    need not load them.
    """

    def load(self, progress: Progress = no_progress) -> Dataset:
        """Return the data.

        Raises:
            InputError: The data are not there; the message says how to get them.
        """
        ...


BATCH_SIZES = (64, 48)
"""Batches in which a network is recorded, and asked about all inputs: first and second replay."""


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Inputs to ask a network about a second time, in batches of their own.

    Attributes:
        inputs: (n, ...) stored inputs, in the order in which they are asked about.
        order: (n,) int64; ``inputs[k]`` belongs to example ``order[k]`` of the split.
        binding: (n,) bool; where it is true, the second answer must be the first.
    """

    inputs: Array
    order: Array
    binding: Array


class Scale(Protocol):
    """Scores of a task, from a network's answers and the labels. Stateless.

    A score is one number that goes up; 1 is perfect.
    """

    @property
    def calibration(self) -> float:
        """Score that running statistics may be worth beyond those that training inputs give.

        Above it they count as parameters.
        """
        ...

    def chance(self, dataset: Dataset) -> float:
        """Return the score of a network that has learned nothing; hypervolumes start there."""
        ...

    def signature(
        self, dataset: Dataset, segments: Mapping[str, str], recipe: Any, path: Path
    ) -> Signature:
        """Return how candidates are built, from the segments of the seed network.

        Args:
            dataset: Data that candidates are trained on.
            segments: Source by name of each segment.
            recipe: How candidates are trained, an instance of the task's ``RECIPE``.
            path: File of the seed network, for messages.

        Raises:
            GenomeError: No segment is a class that can be built.
        """
        ...

    def answer_shape(self, signature: Signature) -> tuple[int, ...]:
        """Return the shape of a network's answer to one input."""
        ...

    def second_replays(self, split: Split, order: Array) -> Sequence[Replay]:
        """Return replays that show whether answers depend on what they must not depend on.

        No first answers are given: what a network is asked the second time must not tell it what
        it answered the first time.

        Args:
            split: Examples that were asked about.
            order: (n,) int64, the order of the first replay.
        """
        ...

    def agree(self, one: Array, other: Array, tolerance: float) -> bool:
        """Return whether answers to the same inputs are equal within a relative tolerance."""
        ...

    def decide_alike(self, one: Array, other: Array) -> bool:
        """Return whether answers that agree are worth the same, but for near ties."""
        ...

    def score(self, answers: Array, labels: Array) -> float:
        """Return the score of finite answers in the split's order."""
        ...


@dataclass(frozen=True, kw_only=True)
class Wording:
    """Words and number formats for the score and the examples of one task.

    Attributes:
        score: Name of the score in a sentence, such as ``accuracy``.
        short: Name of the score in the heading of a column, such as ``acc.``.
        unit: Unit of a shown score, such as ``%``.
        times: Factor from a stored score to a shown one.
        digits: Decimals of a shown score.
        points: Unit of a difference of two shown scores.
        short_points: The same in the heading of a column.
        as_good: Comparison of equals, such as ``as accurate``.
        best: Superlative, such as ``the most accurate``, without its article.
        example: One input of the network, such as ``image``.
        an_example: The same with its indefinite article.
        examples: Several of them.
        answers: A network's output, such as ``logits``.
    """

    score: str
    short: str
    unit: str
    times: float
    digits: int
    points: str
    short_points: str
    as_good: str
    best: str
    example: str
    an_example: str
    examples: str
    answers: str

    @property
    def validation_score(self) -> str:
        """Name of the score on the validation split."""
        return f"validation {self.score}"

    @property
    def test_score(self) -> str:
        """Name of the score on the test split."""
        return f"test {self.score}"

    @property
    def validation_examples(self) -> str:
        """Name of the held-out examples that a search sees."""
        return f"validation {self.examples}"

    @property
    def test_examples(self) -> str:
        """Name of the held-out examples that no search sees."""
        return f"test {self.examples}"

    def number(self, score: float) -> str:
        """Return a stored score as a number in the shown unit, without the unit: ``93.21``."""
        return f"{self.times * score:.{self.digits}f}"

    def text(self, score: float) -> str:
        """Return a stored score with its unit: ``93.21%``."""
        return f"{self.number(score)}{self.unit}"

    def difference(self, difference: float) -> str:
        """Return a difference of two stored scores: ``+0.25 percentage points``."""
        return f"{self.times * difference:+.{self.digits}f} {self.points}"

    def change(self, before: float, after: float) -> str:
        """Return a change of score as a prompt has it: ``from 93.00% to 93.25% (+0.25 ...)``."""
        difference = self.difference(after - before) if after != before else "unchanged"
        return f"from {self.text(before)} to {self.text(after)} ({difference})"


def scale_of(kind: str) -> Scale:
    """Return the scale of a task."""
    return cast("Scale", constant_of(kind, "scale", "SCALE"))


def wording_of(kind: str) -> Wording:
    """Return the words of the task that a run's manifest names as ``data.kind``.

    Raises:
        InputError: This version has no such task.
    """
    return cast("Wording", constant_of(kind, "wording", "WORDING"))


def require_own_recipe(dataset: Dataset, recipe: Recipe) -> None:
    """Raise InputError unless a recipe has the settings of the data set's task."""
    own = recipe_of(dataset.kind)
    if not isinstance(recipe, own):
        raise InputError(
            f"task: expected a recipe with the settings of {dataset.kind}, the task of "
            f"{dataset.name}, got {type(recipe).__name__}. In the YAML in conf/task, override "
            f"/task_settings@recipe: {dataset.kind}."
        )
