"""Differences of arms from a reference, the rows of the comparison table as values."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from harness.analysis.comparison import Comparison, comparisons, paired_differences
from harness.analysis.run_result import RunResult
from harness.reporting.comparison_tables import measure_of
from harness.reporting.difference_tables import difference_rows, standing_of
from harness.reporting.formatting import flat
from harness.text import counted


@dataclass(frozen=True, kw_only=True)
class Difference:
    """An arm less the reference at the seeds that both completed.

    Its numbers are those of the comparison table, unrounded, under the names that CSV has there.
    None is a number that so few pairs cannot give.

    Attributes:
        comparison: Data, evaluations and seeds.
        arm: Name of the arm.
        reference: Name of the arm that it is compared with.
        measure: Metric by which they are compared.
        primary: Whether the runs are configured with this measure and reference.
        pairs: Seeds that both completed.
        difference: Hodges-Lehmann estimate, in the unit of the measure; infinite where most pairs
            miss a value.
        difference_low: Lower end of its 95 % interval.
        difference_high: Upper end.
        mean_difference: Mean difference.
        mean_difference_low: Lower end of its 95 % interval (Student).
        mean_difference_high: Upper end.
        superiority: Share of seeds at which the arm is ahead, ties half.
        superiority_low: Lower end of its 95 % interval (Clopper and Pearson).
        superiority_high: Upper end.
        p_alone: p of the exact signed-rank test, for this comparison alone.
        p: The same, adjusted for all arms of the table by Holm's method.
        detectable_sd: Difference that so many pairs find with 80 % probability, in standard
            deviations.
        detectable: The same, in the unit of the measure.
        verdict: ``better``, ``worse``, ``no relevant difference``, ``neither saves`` or
            ``inconclusive``.
        known_pairs: Pairs in which neither run misses a value, which counts as worse than any.
        known_difference: Hodges-Lehmann estimate of these pairs alone.
    """

    comparison: str
    arm: str
    reference: str
    measure: str
    primary: bool
    pairs: int
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    mean_difference: float | None
    mean_difference_low: float | None
    mean_difference_high: float | None
    superiority: float | None
    superiority_low: float | None
    superiority_high: float | None
    p_alone: float | None
    p: float | None
    detectable_sd: float | None
    detectable: float | None
    verdict: str
    known_pairs: int
    known_difference: float | None

    def __repr__(self) -> str:
        number = "unknown" if self.difference is None else f"{self.difference:+.4g}"
        return (
            f"<{self.arm} less {self.reference}, {self.measure}: {number}, "
            f"{counted(self.pairs, 'pair')}, {self.verdict}>"
        )


def differences_of(
    runs: Sequence[RunResult], *, reference: str | None = None, measure: str | None = None
) -> list[Difference]:
    """Return the differences of all comparisons among runs, see ``Runs.compare``."""
    found = comparisons(runs, reference=reference)
    return [one for comparison in found for one in _differences(comparison, measure)]


def _differences(comparison: Comparison, measure: str | None) -> Iterator[Difference]:
    if comparison.reference is None:
        return
    metric = measure_of(comparison, measure)
    standing, _ = standing_of([comparison], metric)
    for arm, found in paired_differences(comparison, metric):
        shown, *known = (flat(row) for row in difference_rows(arm, found, metric))
        numbers: dict[str, Any] = {one.name: shown.get(one.name) for one in fields(Difference)}
        yield Difference(
            **numbers
            | {
                "comparison": comparison.title,
                "arm": arm.name,
                "reference": comparison.reference.name,
                "measure": metric.name,
                "primary": standing == "primary",
                "known_pairs": known[0]["pairs"] if known else shown["pairs"],
                "known_difference": (known[0] if known else shown).get("difference"),
            }
        )
