"""Which runs may be compared, grouped into arms, and the paired differences between arms."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.analysis.arm import Arm, arms_of, differing, states_its_settings
from harness.analysis.effort.budgets import describe_differing
from harness.analysis.metric import Metric
from harness.analysis.run_result import Cut, RunResult
from harness.analysis.statistics.family import Difference, are_equal, compared_both_ways
from harness.analysis.statistics.paired import differences
from harness.config.identity import (
    comparison_hash,
    digest_of,
    table_hash,
    unrecorded_settings,
)
from harness.config.schema import Final
from harness.errors import InputError, RecordError
from harness.record.events import Manifest
from harness.tasks.base import Wording
from harness.text import reason_of

REFERENCE = "full"
"""Arm that others are compared with by default."""
_DIGITS = 12
"""Digits of a hash that are part of a name."""
_UNDECLARED: str = unrecorded_settings(Final)["measure"]
"""Metric by which arms are compared where the runs declared none, as those of 0.1.0."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs that share task, seed network and recipe, by arm; their budgets may differ.

    Attributes:
        title: Data, evaluations and seeds.
        arms: The arms, in the order of their first runs.
        reference: Arm that the others are compared with; None if no arm can be.
        default: Name of the arm that is the reference where there is no ``full``.
        apart: Settings in which these runs differ from those of the first comparison.
        incomplete: Arms without a complete run, which are left out of ``arms``, unless none has one
            or it is the reference.
    """

    title: str
    arms: tuple[Arm, ...]
    reference: Arm | None
    default: str | None = None
    apart: tuple[str, ...] = ()
    incomplete: tuple[Arm, ...] = ()

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
    def reference_is_declared(self) -> bool:
        """Whether the reference is ``full`` or the first arm of a command, not of all that ran."""
        if self.reference is None:
            return False
        return self.reference_is_full or self.reference.name == self.default

    @property
    def reference_is_full(self) -> bool:
        """Whether the reference is ``full``, under whatever name."""
        return self.reference is not None and REFERENCE in {
            self.reference.name,
            _ablation(self.reference),
        }

    @property
    def reference_is_default(self) -> bool:
        """Whether the reference is the one that a table has without ``--reference``."""
        return self.reference is _reference(self.arms, None, self.default)

    def compared_by(self, metric: Metric) -> tuple[Arm, ...]:
        """Return the others, without arms that select by score alone if the metric counts sizes."""
        if not metric.counts_size:
            return self.others
        if self.reference is not None and self.reference.score_only:
            return ()
        return tuple(arm for arm in self.others if not arm.score_only)


def comparisons(
    runs: Sequence[RunResult],
    *,
    reference: str | None = None,
    default: str | None = None,
    ordered: bool = False,
) -> list[Comparison]:
    """Split runs into those that may be compared, in the order of their first runs.

    Args:
        runs: Any runs.
        reference: See ``compare``.
        default: See ``compare``.
        ordered: Whether the order of the runs is that of arms and seeds; else it is that of their
            start, which is chance where jobs run at the same time.

    Raises:
        InputError: One of the comparisons has no arm of the reference's name.
        RecordError: Two runs state one digest of settings, data or networks that differ.
    """
    groups: dict[tuple[str, str], list[RunResult]] = {}
    for run in runs if ordered else sorted(runs, key=lambda run: run.started):
        groups.setdefault(table_key(run.manifest), []).append(run)
    _require_true_digests([*groups.values()])
    first = next(iter(groups.values()), [])
    return [
        replace(
            compare(group, reference=reference, default=default),
            apart=() if group is first else tuple(differing(first[0], group[0])),
        )
        for group in groups.values()
    ]


def _require_true_digests(groups: Sequence[Sequence[RunResult]]) -> None:
    """Raise RecordError if what differs has one digest: its digits are few enough to search for."""
    by_name: dict[str, RunResult] = {}
    for group in groups:
        one = by_name.setdefault(table_name(group[0].manifest), group[0])
        if one is not group[0]:
            raise _one_digest(one, group[0], reason_of("; ".join(differing(one, group[0]))))
        for name in ("data", "network"):
            stated = {run.manifest.hashes.get(name): run for run in group}
            stated.pop(None, None)  # an earlier record
            if len(stated) > 1:
                one, other, *_ = stated.values()
                raise _one_digest(one, other, f"the hash of its {name} is another")


def _one_digest(one: RunResult, other: RunResult, found: str) -> RecordError:
    return RecordError(
        f"{one.folder} and {other.folder}: expected that one digest stands for equal settings, "
        f"data and networks, but in the second run {found}. Such a pair is made by search; leave "
        f"one of the runs out."
    )


def table_key(manifest: Manifest) -> tuple[str, str]:
    """Return what runs of one table have in common: the settings that arms share, budgets aside.

    A record of version 0.1.0, whose digest nobody can compute again, shares a table with those that
    state the same digest and have the same budget.
    """
    if states_its_settings(manifest):
        return "", table_hash(manifest.settings)
    return manifest.comparison, comparison_hash(manifest.settings)


def table_name(manifest: Manifest) -> str:
    """Return a name for what runs of one table have in common."""
    stated, settings = table_key(manifest)
    return digest_of([stated, settings[:_DIGITS]])


def compare(
    runs: Sequence[RunResult], *, reference: str | None = None, default: str | None = None
) -> Comparison:
    """Return one comparison of runs that may be compared.

    Args:
        runs: One run or more.
        reference: Name of the reference arm; by default ``full``, under whatever name a substitute
            for its LLM gives it, or else the default.
        default: Name of an arm, by default the first one.

    Raises:
        InputError: There is no arm of the reference's name.
    """
    every = arms_of(runs)
    standard = _reference(every, reference, default)
    some = any(arm.finished for arm in every)
    arms = [arm for arm in every if arm.finished or arm is standard or not some]
    runs = [run for arm in arms for run in arm.runs]
    planned = len({run.seed for run in runs})
    shown = {arm.name: replace(arm, planned=planned) for arm in arms}
    budgets = sorted({run.manifest.settings["budget"]["evaluations"] for run in runs})
    most = f"up to {budgets[0]}" if len(budgets) == 1 else f"at most {budgets[0]} to {budgets[-1]}"
    return Comparison(
        title=f"{runs[0].manifest.data.name}: {most} evaluations per run, "
        f"{seeds_text([run.seed for run in runs])}",
        arms=tuple(shown.values()),
        reference=shown[standard.name] if standard else None,
        default=default,
        incomplete=tuple(arm for arm in every if arm.name not in shown),
    )


def paired_differences(comparison: Comparison, metric: Metric) -> Iterator[tuple[Arm, Difference]]:
    """Yield each other arm with its differences from the reference, as one family of tests.

    An arm without a pair is no member of the family, unless no arm has one.
    Pairs are runs at one seed that both arms finished. A finished run without a value, or with one
    that lacks a failed re-training, counts as worse than any value; where there is one,
    ``left_out`` is the estimate without it. A pair that both fail is no evidence that two arms are
    equal: the other pairs have to show that by themselves.

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
    paired = [arm for arm in others if reference.keys() & by_seed[arm.name].keys()] or others
    family = [by_seed[arm.name] for arm in paired]
    found = compared_both_ways(
        [differences(one, reference, missing=worst) for one in family],
        [differences(one, reference) for one in family],
        margin=comparison.relevant(metric),
    )
    for arm, values, one in zip(paired, family, found, strict=True):
        either = {
            seed: value
            for seed, value in values.items()
            if not (metric.neither and value == 0 == reference.get(seed))
        }
        pairs = differences(either, reference, missing=worst)
        equivalent = one.equivalent
        if equivalent and len(pairs) < one.n:
            equivalent = are_equal(pairs, comparison.relevant(metric), tests=len(family))
        yield arm, replace(one, equivalent=equivalent, neither=one.n - len(pairs))


def declared_measure(run: RunResult) -> str | None:
    """Return the primary measure that a run is configured with, None without one."""
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


def _reference(arms: Sequence[Arm], name: str | None, default: str | None) -> Arm | None:
    able = {arm.name: arm for arm in arms if not arm.saw_test_data}
    if name is not None and name not in able:
        raise InputError(
            f"reference: expected an arm of the table, one of {', '.join(able)}, got {name}."
        )
    if name is not None or REFERENCE in able:
        return able[name or REFERENCE]
    fulls = (arm for arm in able.values() if _ablation(arm) == REFERENCE)
    return next(fulls, None) or able.get(default or "") or next(iter(able.values()), None)


def _ablation(arm: Arm) -> str | None:
    """Return the choice of ``ablation=`` that made an arm, None where none is on record."""
    ablation: str | None = arm.runs[0].manifest.settings.get("ablation")
    return ablation
