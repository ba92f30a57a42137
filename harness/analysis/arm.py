"""Arms: runs of one configuration that differ in their seed alone; how arms differ."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.analysis.effort.budgets import differing_limits, limit_text, limits_of
from harness.analysis.run_result import HALVED, SAW_TEST_DATA, RunResult
from harness.config.identity import (
    ARM_SETTINGS,
    BUDGET_SETTINGS,
    comparison_digest,
    digest_of,
    variant_digest,
)
from harness.record.events import Manifest


@dataclass(frozen=True, kw_only=True)
class Arm:
    """Runs that differ in their seed alone.

    Attributes:
        name: Distinguishes it from the other arms of its comparison.
        runs: Its runs, finished or not.
        planned: Number of seeds of its comparison.
    """

    name: str
    runs: tuple[RunResult, ...]
    planned: int

    @cached_property
    def finished(self) -> tuple[RunResult, ...]:
        """Its completed runs; only these count."""
        return tuple(run for run in self.runs if run.complete)

    @cached_property
    def identity(self) -> str:
        """Digest of the settings that make it, equal for the same arm on another task."""
        return digest_of(arm_settings(self.runs[0]))

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
    """Group runs by arm, in their order; arms of one name are distinguished by their settings."""
    variants: dict[tuple[str, str], list[RunResult]] = {}
    for run in runs:
        settings = variant_digest(run.manifest.settings)  # a record may state another digest
        variants.setdefault((run.manifest.variant, settings), []).append(run)
    stated = Counter(variant for variant, _ in variants)
    names = Counter(_marked(group[0]) for group in variants.values())
    asking = Counter((_marked(group[0]), _asked(group[0])) for group in variants.values())
    budgets = _budgets([group[0] for group in variants.values()])

    def name(variant: str, settings: str, run: RunResult) -> str:
        marked = _marked(run)
        if names[marked] == 1:
            return marked
        if _asked(run) and asking[marked, _asked(run)] == 1:
            return f"{marked} ({_asked(run)})"
        if budget := budgets.get(run.folder):
            return f"{marked} ({budget})"
        return f"{marked} ({(variant if stated[variant] == 1 else settings)[:4]})"

    planned = len({run.seed for run in runs})
    return [
        Arm(name=name(*variant, group[0]), runs=tuple(group), planned=planned)
        for variant, group in variants.items()
    ]


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
    was, now = (
        dict(leaf for name, value in arm_settings(run).items() for leaf in _settings(value, name))
        for run in (one, other)
    )
    return [name for name in sorted(was.keys() | now.keys()) if was.get(name) != now.get(name)]


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
