"""Checks of a composed configuration: what no run can have, a sentence each."""

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from operator import attrgetter
from typing import Any

from harness.config.schema import LEVELS, Config, is_full

CHOICES = {
    "device": ("auto", "cpu", "cuda"),
    "display": ("auto", "live", "plain"),
    "sandbox.level": LEVELS,
    "search.split": ("validation", "test"),
    "final.threshold": ("retrainings", "training"),
    "eot.shows": ("improvements", "improvements_and_ties", "dominating", "undominated"),
    "recipe.schedule": ("decay", "plateau"),
}


def problems(config: Config) -> Iterator[str]:
    """Yield a sentence for each value that no run can have."""
    for name, choices in CHOICES.items():
        if (value := attrgetter(name)(config)) not in choices:
            yield f"{name}: expected one of {', '.join(choices)}, got {value}."
    yield from _misfits(config)
    if config.recipe.schedule == "plateau" and not is_full(config.fidelity):
        yield (
            "fidelity=halving: expected a recipe that ends after recipe.epochs, "
            "recipe.schedule=plateau ends when the loss stops falling. Use fidelity=full, or "
            "recipe.schedule=decay with the number of epochs you want."
        )
    if config.search.split == "test" and not config.search.acknowledge_test_selection:
        yield (
            "search.split: expected validation: a search that is scored on the test split makes "
            "every test score of its run worthless. To demonstrate this, set "
            "search.acknowledge_test_selection=true."
        )


def no_such_setting(name: str, known: Iterable[str], prefix: str = "") -> str:
    """Return a sentence on an unknown setting, with the known one that resembles it, or all.

    Args:
        name: Name of the setting.
        known: Names of the settings of the same section.
        prefix: The section that it was given in, such as ``budget.``.
    """
    known = list(known)
    near = get_close_matches(name, known, n=1)
    hint = f"Did you mean {prefix}{near[0]}?" if near else f"Expected one of {', '.join(known)}."
    return f"{prefix}{name}: there is no such setting. {hint}"


def _misfits(settings: Any, prefix: str = "") -> Iterator[str]:
    """Yield a sentence for each value out of range, and each unknown setting added with ``+``."""
    known = {f.name: f.metadata.get("within") for f in fields(settings)}
    for name, value in vars(settings).items():
        within = known.get(name)
        if name not in known:
            yield no_such_setting(name, known, prefix)
        elif is_dataclass(value):
            yield from _misfits(value, f"{prefix}{name}.")
        elif within and value is not None and not within.least <= value <= within.most:
            yield f"{prefix}{name}: expected {within.words}, got {value}."
