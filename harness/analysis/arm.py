"""Arms: runs of one configuration that differ in their seed alone; how arms differ."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from operator import methodcaller
from pathlib import Path
from typing import Any

from harness.analysis.effort.budgets import differing_limits, limit_text, limits_of
from harness.analysis.run_result import RunResult
from harness.config.identity import (
    ARM_SETTINGS,
    BUDGET_SETTINGS,
    comparison_digest,
    hash_of,
    variant_hash,
)
from harness.record.events import Manifest

HALVED = " (halving)"
"""Marks an arm in which some networks were trained for fewer epochs than the recipe has."""
FOLLOWING = " (search recorded)"
"""Marks an arm whose runs follow a record where others of the same name decide themselves."""
SAW_TEST_DATA = " (selected on test data)"
"""Marks an arm whose numbers say nothing of generalisation."""
_FEWEST_DIGITS = 4
"""Digits of a digest in the name of an arm; more where these do not tell arms apart."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """Runs that differ in their seed alone.

    Attributes:
        name: Distinguishes it from the other arms of its comparison.
        runs: Its runs, finished or not, one at each seed.
        planned: Number of seeds of its comparison.
        shown_as: What readers see in place of its name, None for the name.
        repeats: Further runs at these seeds, which do not count.
    """

    name: str
    runs: tuple[RunResult, ...]
    planned: int
    shown_as: str | None = None
    repeats: tuple[RunResult, ...] = ()

    @property
    def label(self) -> str:
        """What readers see: the name, unless it has another label."""
        return self.shown_as or self.name

    @property
    def by_digest(self) -> bool:
        """Whether a digest of its settings tells it apart from others of its name."""
        manifest = self.runs[0].manifest
        _, marked, mark = self.name.removesuffix(")").rpartition(" (")
        digests = (manifest.variant, variant_hash(manifest.settings))
        long = bool(marked) and len(mark) >= _FEWEST_DIGITS
        return long and any(map(methodcaller("startswith", mark), digests))

    @cached_property
    def finished(self) -> tuple[RunResult, ...]:
        """Its completed runs; only these count."""
        return tuple(run for run in self.runs if run.complete)

    @cached_property
    def identity(self) -> str:
        """Hash of what makes it, equal for the same arm on another task."""
        return hash_of([arm_settings(self.runs[0]), self.follows_record])

    @property
    def follows_record(self) -> bool:
        """Whether the decisions of recorded runs set its course; never in part of its runs."""
        return self.runs[0].follows_record

    @property
    def saw_test_data(self) -> bool:
        """Whether its search was scored on the test split."""
        return self.runs[0].saw_test_data

    @property
    def score_only(self) -> bool:
        """Whether it selects by score alone, so that no measure of sizes judges its search."""
        return self.runs[0].score_only

    @property
    def models(self) -> tuple[str, ...]:
        """The LLMs that answered, by their own account, revision included."""
        return tuple(sorted({model for run in self.runs for model in run.models.values()}))


def arms_of(runs: Sequence[RunResult]) -> list[Arm]:
    """Group runs by arm, in their order; arms of one name are distinguished by their settings.

    Runs that follow a record are another arm than those that decide themselves. Of several runs at
    one seed, one counts, see ``without_repeats``.
    """
    variants: dict[tuple[str, str, bool], list[RunResult]] = {}
    for run in runs:
        settings = variant_hash(run.manifest.settings)  # a record may state another digest
        key = (run.manifest.variant, settings, run.follows_record)
        variants.setdefault(key, []).append(run)
    stated = Counter(variant for variant, _, _ in variants)
    firsts = [group[0] for group in variants.values()]
    deciding = {_marked(run) for run in firsts if not run.follows_record}

    def marked_of(run: RunResult) -> str:
        marked = _marked(run)
        return marked + FOLLOWING if run.follows_record and marked in deciding else marked

    names = Counter(map(marked_of, firsts))
    asking = Counter((marked_of(run), _asked(run)) for run in firsts)
    budgets = _budgets(firsts)
    digests = defaultdict[str, set[str]](set)
    for (variant, settings, _), run in zip(variants, firsts, strict=True):
        digests[marked_of(run)].add(variant if stated[variant] == 1 else settings)

    def name(variant: str, settings: str, run: RunResult) -> str:
        marked = marked_of(run)
        if names[marked] == 1:
            return marked
        if _asked(run) and asking[marked, _asked(run)] == 1:
            return f"{marked} ({_asked(run)})"
        if budget := budgets.get(run.folder):
            return f"{marked} ({budget})"
        digest = variant if stated[variant] == 1 else settings
        return f"{marked} ({digest[: _digits_for(digests[marked])]})"

    planned = len({run.seed for run in runs})
    arms = []
    for (variant, settings, _), group in variants.items():
        counted, repeats = without_repeats(group)
        arms.append(Arm(name=name(variant, settings, group[0]), runs=tuple(counted),
                        planned=planned, repeats=tuple(repeats)))  # fmt: skip
    return arms


def without_repeats(runs: Sequence[RunResult]) -> tuple[list[RunResult], list[RunResult]]:
    """Return one run of each arm and seed, and the others.

    No seed counts twice, and nobody chooses among repetitions: it is the complete run that began
    first; where none is complete, the run that began last.
    """
    kept: dict[tuple[str, int], RunResult] = {}
    for run in sorted(runs, key=lambda run: run.started):
        before = kept.get((run.arm, run.seed))
        if before is None or not before.complete:
            kept[run.arm, run.seed] = run
    counted = [run for run in runs if kept[run.arm, run.seed] is run]
    return counted, [run for run in runs if kept[run.arm, run.seed] is not run]


def _digits_for(digests: set[str]) -> int:
    """Return how many first digits tell all of the digests apart, at least ``_FEWEST_DIGITS``."""
    return next(n for n in count(_FEWEST_DIGITS) if len({d[:n] for d in digests}) == len(digests))


def _budgets(runs: Sequence[RunResult]) -> dict[Path, str]:
    """Return the budget of each run, by folder, where it tells all arms of one name apart."""
    found: dict[Path, str] = {}
    for name in {_marked(run) for run in runs}:
        alike = [run for run in runs if _marked(run) == name]
        for limit in differing_limits(alike)[:1]:
            texts = [limit_text(limit, limits_of(run).get(limit)) for run in alike]
            if len(set(texts)) == len(texts):
                found |= dict(zip((run.folder for run in alike), texts, strict=True))
    return found


def _marked(run: RunResult) -> str:
    """Return an arm's name with the marks that restrict what its numbers say."""
    return run.arm + (HALVED if run.halved else "") + (SAW_TEST_DATA if run.saw_test_data else "")


def _asked(run: RunResult) -> str:
    """Return the LLM that a run was configured to ask, empty where its configuration has none."""
    return str(run.manifest.settings.get("proposer", {}).get("model", {}).get("name", ""))


def differing(one: RunResult, other: RunResult) -> list[str]:
    """Return the shared settings in which two runs differ, so that no table holds both.

    Budgets are among them where one of the runs is of version 0.1.0, see ``comparison.table_key``.
    """
    was, now = (dict(_settings(run.manifest.settings)) for run in (one, other))
    found = {
        name: f"{name} is {now.get(name)}, not {was.get(name)}"
        for name in sorted(was.keys() | now.keys())
        if was.get(name) != now.get(name)
    }
    if all(states_its_settings(run.manifest) for run in (one, other)):
        found = {n: t for n, t in found.items() if n.partition(".")[0] not in BUDGET_SETTINGS}
    return list(found.values())


def states_its_settings(manifest: Manifest) -> bool:
    """Return whether a manifest states the digest of its settings; those of 0.1.0 cannot."""
    return manifest.comparison == comparison_digest(manifest.settings)


def differing_arm_settings(one: RunResult, other: RunResult) -> list[str]:
    """Return the names of the settings by which two runs are of different arms."""
    was, now = (leaves_of(arm_settings(run)) for run in (one, other))
    return [name for name in sorted(was.keys() | now.keys()) if was.get(name) != now.get(name)]


def distinguishing(runs: Sequence[RunResult]) -> list[dict[str, Any]]:
    """Return the settings of each run, by dotted name, that are not equal in all; None is unset."""
    limits = ({n: run.manifest.settings.get(n) for n in BUDGET_SETTINGS} for run in runs)
    known = [leaves_of(arm_settings(run) | more) for run, more in zip(runs, limits, strict=True)]
    names = sorted({name for one in known for name in one})
    differ = [name for name in names if any(one.get(name) != known[0].get(name) for one in known)]
    return [{name: one.get(name) for name in differ} for one in known]


def leaves_of(known: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by dotted name."""
    return dict(leaf for name, value in known.items() for leaf in _settings(value, name))


def arm_settings(run: RunResult) -> dict[str, Any]:
    """Return the settings that make a run's arm, equal for one arm on several tasks."""
    known = run.manifest.settings
    return {name: known.get(name) for name in sorted(ARM_SETTINGS - {"seed"})} | {"arm": run.arm}


def _settings(known: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the settings that all arms share, by dotted name."""
    if not isinstance(known, dict) or not known:
        yield name, known
        return
    for key, value in known.items():
        if name or key not in ARM_SETTINGS | {"study"}:
            yield from _settings(value, f"{name}.{key}" if name else key)
