"""Tasks as the harness sees them, without torch: data sets, scores, and the words for both.

A task is a package in ``harness/tasks``. Its name is the *kind* that a data set and the record of
a run carry.
"""

import importlib
from dataclasses import dataclass
from typing import cast

from harness.errors import InputError


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
        examples: Several of them.
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
    examples: str

    @property
    def validation_score(self) -> str:
        """Name of the score on the validation split."""
        return f"validation {self.score}"

    @property
    def test_score(self) -> str:
        """Name of the score on the test split."""
        return f"test {self.score}"

    @property
    def training_examples(self) -> str:
        """Name of the examples that networks are trained on."""
        return f"training {self.examples}"

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


def wording_of(kind: str) -> Wording:
    """Return the words of the task that a run's manifest names as ``data.kind``.

    Raises:
        InputError: This version has no such task.
    """
    try:
        module = importlib.import_module(f"harness.tasks.{kind}.wording")
    except ImportError:
        raise InputError(
            f"expected a run of a task in harness/tasks, got one of {kind!r}. Read it with the "
            f"version that recorded it."
        ) from None
    return cast("Wording", module.WORDING)
