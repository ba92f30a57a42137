"""Which runs may be compared, grouped into arms, and the paired differences between arms."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.analysis.arm import Arm, arms_of, differing, states_its_settings
from harness.analysis.effort.budgets import describe_differing
from harness.analysis.metric import Metric
from harness.analysis.run_result import Cut, RunResult
from harness.analysis.statistics.family import Difference, compared_both_ways
from harness.analysis.statistics.paired import differences
from harness.config.identity import comparison_digest, table_digest, unrecorded_settings
from harness.config.schema import Final
from harness.errors import InputError
from harness.record.events import Manifest
from harness.tasks.base import Wording

REFERENCE = "full"
"""Arm that others are compared with by default."""
_UNDECLARED: str = unrecorded_settings(Final)["measure"]
"""Metric by which arms are compared where the runs declared none, as those of 0.1.0."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs that share task, seed network and recipe, by arm; their budgets may differ.

    Attributes:
        title: Data, evaluations and seeds.
        arms: The arms, in the order of their first runs.
        reference: Arm that the others are compared with; None if no arm can be.
        apart: Settings in which these runs differ from those of the first comparison.
    """

    title: str
    arms: tuple[Arm, ...]
    reference: Arm | None
    apart: tuple[str, ...] = ()

    @property
    def runs(self) -> tuple[RunResult, ...]:
        """All runs, arm by arm."""
        return tuple(run for arm in self.arms for run in arm.runs)

    @property
    def primary(self) -> str:
        """Name of the primary measure, which these runs are configured with."""
        return declared_measure(self.runs[0]) or _UNDECLARED

    def relevant(self, metric: Metric) -> float | None:
        """Return the least difference of a metric that matters, None without one.

        That of the primary measure may be declared in the configuration.
        """
        declared: float | None = self.runs[0].manifest.settings["final"].get("relevant")
        if declared is not None and metric.is_named(self.primary, self.wording):
            return declared
        return metric.relevant

    @property
    def cut(self) -> Cut | None:
        """The effort at which its runs are cut, None for runs as they ended."""
        return self.runs[0].cut

    @property
    def shortened(self) -> tuple[Arm, ...]:
        """The arms of which a cut left out proposals."""
        return tuple(arm for arm in self.arms if any(run.shortened for run in arm.runs))

    @property
    def differing_budgets(self) -> str | None:
        """A sentence that says which budgets its arms have, None where they have one."""
        return describe_differing({arm.name: arm.runs[0] for arm in self.arms})

    @property
    def wording(self) -> Wording:
        """Words of the task that all of its runs share."""
        return self.arms[0].runs[0].wording

    @property
    def others(self) -> tuple[Arm, ...]:
        """Arms to compare with the reference: those whose search did not see the test split."""
        if self.reference is None:
            return ()
        return tuple(
            arm for arm in self.arms if arm is not self.reference and not arm.saw_test_data
        )

    @property
    def reference_is_default(self) -> bool:
        """Whether the reference is the one that a table has without ``--reference``."""
        return self.reference is _reference(self.arms, None)

    def compared_by(self, metric: Metric) -> tuple[Arm, ...]:
        """Return the others, without arms that select by score alone if the metric counts sizes."""
        if not metric.counts_size:
            return self.others
        if self.reference is not None and self.reference.score_only:
            return ()
        return tuple(arm for arm in self.others if not arm.score_only)


def comparisons(runs: Sequence[RunResult], *, reference: str | None = None) -> list[Comparison]:
    """Split runs into those that may be compared, in the order of their first runs.

    Raises:
        InputError: One of the comparisons has no arm of the reference's name.
    """
    groups: dict[tuple[str, str], list[RunResult]] = {}
    for run in sorted(runs, key=lambda run: run.started):
        groups.setdefault(table_key(run.manifest), []).append(run)
    first = next(iter(groups.values()), [])
    return [
        replace(
            compare(group, reference=reference),
            apart=() if group is first else tuple(differing(first[0], group[0])),
        )
        for group in groups.values()
    ]


def table_key(manifest: Manifest) -> tuple[str, str]:
    """Return what runs of one table have in common: the settings that arms share, budgets aside.

    A record of version 0.1.0, whose digest nobody can compute again, shares a table with those that
    state the same digest and have the same budget.
    """
    if states_its_settings(manifest):
        return "", table_digest(manifest.settings)
    return manifest.comparison, comparison_digest(manifest.settings)


def compare(runs: Sequence[RunResult], *, reference: str | None = None) -> Comparison:
    """Return one comparison of runs that may be compared.

    Args:
        runs: One run or more.
        reference: Name of the reference arm; by default ``full``, or else the first arm.

    Raises:
        InputError: There is no arm of the reference's name.
    """
    arms = arms_of(runs)
    budgets = sorted({run.manifest.settings["budget"]["evaluations"] for run in runs})
    most = f"up to {budgets[0]}" if len(budgets) == 1 else f"at most {budgets[0]} to {budgets[-1]}"
    return Comparison(
        title=f"{runs[0].manifest.data.name}: {most} evaluations per run, "
        f"{seeds_text([run.seed for run in runs])}",
        arms=tuple(arms),
        reference=_reference(arms, reference),
    )


def paired_differences(comparison: Comparison, metric: Metric) -> Iterator[tuple[Arm, Difference]]:
    """Yield each other arm with its differences from the reference, as one family of tests.

    Pairs are runs at one seed that both arms finished. A finished run without a value, or with one
    that lacks a failed re-training, counts as worse than any value; where there is one,
    ``left_out`` is the estimate without it.

    Args:
        comparison: Runs that may be compared.
        metric: The metric to compare by, see ``Comparison.compared_by``.
    """
    if comparison.reference is None:
        return
    worst = math.inf if metric.lower_is_better else -math.inf
    others = comparison.compared_by(metric)
    by_seed = {
        arm.name: {run.seed: metric.value_if_whole(run) for run in arm.finished}
        for arm in (comparison.reference, *others)
    }
    reference = by_seed.pop(comparison.reference.name)
    found = compared_both_ways(
        [differences(one, reference, missing=worst) for one in by_seed.values()],
        [differences(one, reference) for one in by_seed.values()],
        margin=comparison.relevant(metric),
    )
    yield from zip(others, found, strict=True)


def declared_measure(run: RunResult) -> str | None:
    """Return the primary measure that a run declared before it started, None without one."""
    measure: str | None = run.manifest.settings["final"].get("measure")
    return measure


def seeds_text(seeds: Sequence[int]) -> str:
    """Return ``seed 0``, ``seeds 0 to 4`` or ``seeds 0, 2, 5``."""
    known = sorted(set(seeds))
    if len(known) == 1:
        return f"seed {known[0]}"
    if known[-1] - known[0] == len(known) - 1:
        return f"seeds {known[0]} to {known[-1]}"
    return f"seeds {', '.join(map(str, known))}"


def _reference(arms: Sequence[Arm], name: str | None) -> Arm | None:
    able = {arm.name: arm for arm in arms if not arm.saw_test_data}
    if name is not None and name not in able:
        raise InputError(
            f"--reference: expected an arm of the table, one of {', '.join(able)}, got {name}."
        )
    return able.get(name or REFERENCE) or next(iter(able.values()), None)
