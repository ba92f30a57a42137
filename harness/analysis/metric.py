"""The type of a metric: one number of a run, with its aggregate, notation and uses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from harness.analysis import aggregation
from harness.analysis.aggregation import Aggregate, Value
from harness.analysis.curves.trajectory import Point
from harness.analysis.run_result import RunResult
from harness.analysis.statistics.intervals import Interval
from harness.tasks.base import Wording

RESULTS, SEARCH, COST = "found", "searched", "took"
"""Names of the tables of metrics, as JSON has them."""
SHARE, CURRENCY = "share of 1", "currency of conf/prices"
"""Units of unrounded scores and shares, and of costs."""
COUNT = "count"
"""Number format of counts and of their means: whole, or with one decimal below 100."""


class Quantity(Enum):
    """What a metric is a number of, which decides its factor and its unit."""

    SCORE = auto()
    """A score of the task, written as the task says."""
    SHARE = auto()
    """A share of 1, written in %."""
    NUMBER = auto()


@dataclass(frozen=True, kw_only=True)
class Within:
    """Limits of a metric; None where there is none.

    Attributes:
        parameters: Consider networks of at most so many parameters.
        generation: Consider the search up to this generation; the founders are generation 0.
    """

    parameters: int | None = None
    generation: int | None = None


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number of a run, and how it is aggregated, written, compared and claimed.

    Attributes:
        name: Key in CSV and JSON, and in ``claims.yaml``.
        heading: Heading of its column.
        phrase: Its name in a sentence, a title or the label of an axis.
        value: Its value in a run, None where the run has none.
        table: ``RESULTS``, ``SEARCH``, ``COST`` or None, for a metric without a column.
        aggregate: Its value over an arm's finished runs.
        of_seed: Its values for a run's seed network, if it has a cell in that row.
        by_llm: Whether it has a cell in the rows of single LLMs of an ensemble.
        within_size: Its value among networks of at most so many parameters, if it has one.
        by_generation: Whether it has a value after each generation.
        after: Its value after each evaluation, for figures of anytime performance.
        quantity: What it is a number of.
        spec: Format specification of a number, or ``COUNT``; scores are written as the task says.
        number_unit: Unit of a ``Quantity.NUMBER`` in unrounded data, empty for a pure number.
        whole: Whether it is a whole number in each run.
        meaning: What it is in one run, where ``phrase`` is about an arm or does not say when it is
            missing.
        lower_is_better: Whether a smaller value is better.
        signed: Whether it is a difference.
        relevant: Least difference between arms that matters by default, where there is one.
        neither: Verdict on two arms that both have 0 at every seed, where 0 is a failure.
        partial: Whether some re-trainings behind its value in a run failed.
        comparable: Whether arms can be compared by it (``--measure``).
        counts_size: Whether it counts sizes of networks, so that no arm which selects by score
            alone is compared by it.
        claimable: Whether a published number can be a claim about it.
        aliases: Other names of it that ``claims.yaml`` may use.
        of_whole: Whether only the end of a whole run may decide it: what is selected, re-trained or
            averaged over the budget. A cut run may lack such a value.
        note: Footnote of its table; a template that may use the names in ``notes.facts.facts_of``.
    """

    name: str
    heading: str
    phrase: str
    value: Callable[[RunResult], float | None]
    table: str | None = None
    aggregate: Aggregate = aggregation.mean
    of_seed: Callable[[RunResult], Sequence[float]] | None = None
    by_llm: bool = False
    within_size: Callable[[RunResult, int], float | None] | None = None
    by_generation: bool = False
    after: Callable[[Point], float | None] | None = None
    quantity: Quantity = Quantity.NUMBER
    spec: str = ",.0f"
    number_unit: str = ""
    whole: bool = False
    meaning: str = ""
    lower_is_better: bool = False
    signed: bool = False
    relevant: float | None = None
    neither: str = ""
    partial: Callable[[RunResult], bool] = lambda _: False
    comparable: bool = False
    counts_size: bool = False
    claimable: bool = True
    aliases: tuple[str, ...] = ()
    of_whole: bool = False
    note: str = ""

    @property
    def unit(self) -> str:
        """Its unit in unrounded data."""
        return self.number_unit if self.quantity is Quantity.NUMBER else SHARE

    @property
    def limits(self) -> frozenset[str]:
        """The limits of ``Within`` that it supports."""
        supported = {"parameters": self.within_size is not None, "generation": self.by_generation}
        return frozenset(name for name, is_supported in supported.items() if is_supported)

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest value that it can have."""
        if self.signed or self.quantity is Quantity.NUMBER:
            return float("-inf"), float("inf")
        return 0.0, 1.0

    def is_named(self, name: str, wording: Wording) -> bool:
        """Return whether a name is its own, an alias, or either with the task's word for score."""
        return name.replace(wording.score, "score") in {self.name, *self.aliases}

    def names(self, score: str) -> str:
        """Return its name, and in brackets the other names that are understood, for a message.

        Args:
            score: The task's word for score.
        """
        own = (self.name, *self.aliases)
        others = dict.fromkeys((*self.aliases, *(name.replace("score", score) for name in own)))
        also = ", ".join(name for name in others if name != self.name)
        return f"{self.name} (or {also})" if also else self.name

    def value_within(self, run: RunResult, within: Within) -> float | None:
        """Return its value in a run under limits, None where the run has none or lacks a part."""
        if within.generation is not None:
            if run.generations <= within.generation:
                return None
            run = run.up_to(within.generation)
        if within.parameters is not None:
            assert self.within_size is not None
            return self.within_size(run, within.parameters)
        return self.value_if_whole(run)

    def value_if_whole(self, run: RunResult) -> float | None:
        """Return its value in a run, None also where some re-trainings behind it failed."""
        return None if self.partial(run) else self.value(run)

    def fails(self, run: RunResult) -> bool:
        """Return whether a run has no value, or a part of it is missing, or 0 where that fails."""
        value = self.value_if_whole(run)
        return value is None or (bool(self.neither) and not value)

    def is_lost(self, run: RunResult) -> bool:
        """Return whether a run has a value that is not known where it is cut."""
        if not self.of_whole or run.cut is None or self.value(run) is not None:
            return False
        return self.value(run.whole) is not None

    def over(self, runs: Sequence[RunResult]) -> Value:
        """Return its aggregate over runs, None where there is no run or one lost its value."""
        return self.over_counted(runs)[0]

    def over_counted(self, runs: Sequence[RunResult]) -> tuple[Value, int]:
        """Return its aggregate over runs as ``over`` does, and of how many runs it is."""
        if any(map(self.is_lost, runs)):
            return None, 0
        values = [self.value(run) for run in runs]
        leaves_out = values.count(None) if self.aggregate in aggregation.LEAVING_OUT else 0
        return self._aggregated(values, runs), len(runs) - leaves_out

    def over_seed_networks(self, runs: Sequence[RunResult]) -> Value:
        """Return its aggregate over the seed networks of runs, None where it has none."""
        if self.of_seed is None:
            return None
        return self._aggregated([value for run in runs for value in self.of_seed(run)], runs)

    def _aggregated(self, values: Sequence[float | None], runs: Sequence[RunResult]) -> Value:
        value = self.aggregate(values, runs)
        return value.within(*self.bounds) if isinstance(value, Interval) else value
