"""``arms.yaml``: the comparisons of a reproduction, with their arms, seeds and settings."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.config.foreign import require_data
from harness.config.schema import MISSING
from harness.errors import InputError

ARMS = "arms.yaml"
DEVICES = ("cpu", "gpu")
PLANNED = frozenset({"seed", "ablation", "compare"})
"""Settings that the arms and seeds of ``arms.yaml`` decide."""
NAME = re.compile(r"[\w-]+")
"""Valid names: they are used on the command line and as names of files."""
_MOST_SEED, _MOST_RUNS = 1 << 63, 10_000


@dataclass(kw_only=True)
class Takes:
    """Resources that the runs of a comparison need."""

    device: str = "cpu"
    """``cpu`` or ``gpu``."""
    llm: bool = False
    """Whether an LLM must answer; recorded answers need none."""
    hours: float | None = None
    """Measured hours of that device for all of its runs; null if unknown."""


@dataclass(kw_only=True)
class Plan:
    """One comparison: arms, seeds, and the settings that they share."""

    arms: list[str] = MISSING
    seeds: list[int] = MISSING
    overrides: list[str] = field(default_factory=list)
    data: str | None = None
    """Digest of the data set, as tables name it; null accepts any."""
    takes: Takes = field(default_factory=Takes)


@dataclass(kw_only=True)
class ArmsFile:
    """The schema of ``arms.yaml``."""

    comparisons: dict[str, Plan] = MISSING


def is_planned(override: str) -> bool:
    """Return whether the arms and seeds of ``arms.yaml`` decide a setting."""
    return re.split(r"\W", override.lstrip("+~"), maxsplit=1)[0] in PLANNED


def problems_of_plans(plans: Mapping[str, Plan]) -> Iterator[str]:
    """Yield the problems of plans by name, each to be preceded by the path of the mapping."""
    if not plans:
        yield ": expected at least one."
    for name, plan in plans.items():
        if not NAME.fullmatch(name):
            yield f".{name}: expected a name of letters, digits, - and _."
        yield from (f".{name}{problem}" for problem in _problems_of_runs(plan))
        for override in plan.overrides:
            yield from (f".{name}.overrides: {p}" for p in _problems_of_override(override))
        if plan.takes.device not in DEVICES:
            among = ", ".join(DEVICES)
            yield f".{name}.takes.device: expected one of {among}, got {plan.takes.device}."
        if plan.takes.hours is not None and plan.takes.hours < 0:
            yield f".{name}.takes.hours: expected hours, or null, got {plan.takes.hours}."


def _problems_of_runs(plan: Plan) -> Iterator[str]:
    """Yield the problems of a plan's arms and seeds."""
    if not plan.arms or len(set(plan.arms)) < len(plan.arms):
        yield ".arms: expected at least one arm, without duplicates."
    for arm in plan.arms:
        if not NAME.fullmatch(arm):
            yield f".arms: expected names in conf/ablation, got {arm}."
    if not plan.seeds or len(set(plan.seeds)) < len(plan.seeds) or min(plan.seeds) < 0:
        yield ".seeds: expected at least one seed, without duplicates, none below 0."
    elif max(plan.seeds) >= _MOST_SEED:
        yield f".seeds: expected numbers below 2**63, got {max(plan.seeds)}."
    if len(plan.arms) * len(plan.seeds) > _MOST_RUNS:
        yield f": expected at most {_MOST_RUNS:,} runs."


def _problems_of_override(override: object) -> Iterator[str]:
    if not isinstance(override, str) or is_planned(override):
        yield (
            f"expected a setting such as recipe.epochs=3, and none of "
            f"{', '.join(sorted(PLANNED))}, which arms and seeds set; got {override}."
        )
        return
    try:
        require_data(override)
    except InputError as error:
        yield str(error)
