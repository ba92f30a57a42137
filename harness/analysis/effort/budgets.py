"""Budgets of arms that stand in one table, in words."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.analysis.run_result import RunResult

UNITS = {
    "llm_calls": "LLM calls", "prompt_tokens": "tokens in", "completion_tokens": "tokens out",
    "train_s": "seconds of training", "seconds": "seconds of training and LLM", "cost": "in cost",
}  # fmt: skip
"""Units of limits that are not named after them."""
_IMPLIED = {"proposals": "evaluations"}
"""Limits that by default follow another, which says enough where both differ."""


def limits_of(run: RunResult) -> dict[str, float]:
    """Return the limits of a run's budget that are set, by name."""
    budget: Mapping[str, Any] = run.manifest.settings["budget"]
    return {name: limit for name, limit in budget.items() if limit is not None}


def limit_text(name: str, limit: float | None) -> str:
    """Return ``106 evaluations``, or ``no limit on evaluations``."""
    unit = UNITS.get(name, name)
    if limit is None:
        return f"no limit on {unit.removeprefix('in ')}"
    return f"{limit:,} {unit}"


def differing_limits(runs: Sequence[RunResult]) -> list[str]:
    """Return the names of the limits in which runs differ."""
    budgets = [limits_of(run) for run in runs]
    names = dict.fromkeys(name for budget in budgets for name in budget)
    found = [name for name in names if len({budget.get(name) for budget in budgets}) > 1]
    return [name for name in found if _IMPLIED.get(name) not in found]


def describe_differing(arms: Mapping[str, RunResult]) -> str | None:
    """Return ``Budgets differ: nas 106 evaluations, others 24.``, None where they do not.

    Args:
        arms: A run of each arm, by the arm's name.
    """
    parts = []
    for name in differing_limits(list(arms.values())):
        by_arm = {arm: limits_of(run).get(name) for arm, run in arms.items()}
        parts.append(", ".join(_groups(name, by_arm)))
    return f"Budgets differ: {'; '.join(parts)}." if parts else None


def _groups(name: str, by_arm: Mapping[str, float | None]) -> Iterator[str]:
    """Yield the arms of each limit, those of the most common one last and as ``others``."""
    ((common, n),) = Counter(by_arm.values()).most_common(1)
    limits = [limit for limit in dict.fromkeys(by_arm.values()) if limit != common]
    for k, limit in enumerate([*limits, common]):
        names = ", ".join(arm for arm, its_limit in by_arm.items() if its_limit == limit)
        others = limit == common and n > 1
        if k and limit is not None:
            text = f"{limit:,}"
        else:
            text = "no limit" if k else limit_text(name, limit)
        yield f"{'others' if others else names} {text}"
