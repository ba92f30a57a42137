"""Settings of a stranger's plan changed at random: each is refused by name, or planned."""

import dataclasses
import functools
import json
import time
from pathlib import Path

import pytest

from harness.claims.reproduction import read_reproduction
from harness.config.compose import compose
from harness.config.identity import PLANNABLE, role_of
from harness.config.paths import CONF
from harness.errors import InputError
from harness.evolution.genome import read_network
from harness.runs.estimates.dry_run import dry_run
from tests.support.fuzzing import fuzz
from tests.support.paper import write_paper

_MOST_S = 60.0
_SMALL = (
    "model=openai", "model.name=some_LLM", "budget.evaluations=3", "budget.proposals=6", "sizes.founders=2",
    "sizes.offspring=2", "rates.p_mate=0.5",
)  # fmt: skip
_ARMS = sorted(
    path.stem for path in (CONF / "ablation").glob("*.yaml")
    # Two are slow, and one needs an acknowledgement.
    if path.stem not in {"recombination", "optuna_nsga2", "optuna_tpe", "test_selection"}
)  # fmt: skip
_CLAIMS = """
title: A paper
sections:
  one: {title: One, source: Table 1, comparison: mine, measure: saved,
        claims: [{name: one, says: one, arm: %s, published: 1}]}
"""
_VALUES = (
    None, True, False, 0, -1, 1, 2, 3, 1000, 10**9, 2**63, 10**40, 0.0, 0.5, -0.5, 1.5, 1e308, 1e-308, float("inf"), float("nan"), "", "x",
    "$", "$$", "$nope", "$5", "${x", "$segment $imports $code", "$code" * 50, "a\nb", "\u202e", "../x", "x" * 500,
    [], [[]], [None], [5, 1], [1, 2, 3], ["x"], [0.1], [1e308, 1e308], [-3, -2], {}, {"x": 1}, {"x": {}}, {"x": [5, 1]},
    {"mutation": [1, 2]}, {"rules": "$"}, {"first": {"weight": 0}}, {"members": {}},
)  # fmt: skip


@functools.cache
def leaves(arm):
    """Every setting of an arm that a plan may set, with its value: as a whole, and what it holds."""
    config = dataclasses.asdict(compose([f"+ablation={arm}", *_SMALL]))

    def within(value, name):
        if role_of(name) not in PLANNABLE:
            return
        yield name, value
        if isinstance(value, dict):
            for key, inner in value.items():
                if not key.startswith("_"):
                    yield from within(inner, f"{name}.{key}")

    return [one for name, value in config.items() for one in within(value, name)]


def written(value):
    """Return a value as an override has it."""
    match value:
        case dict():
            return "{" + ",".join(f"{key}:{written(inner)}" for key, inner in value.items()) + "}"
        case list():
            return "[" + ",".join(map(written, value)) + "]"
        case str():
            return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return (
        "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    )


def chosen(rng, items):
    return items[int(rng.integers(0, len(items)))]


def changed_value(value, rng, others):
    """Return a value after a change that often keeps its type."""
    what = rng.random()
    if what < 0.2 and isinstance(value, list) and value:
        return chosen(rng, (value[::-1], value[:1], value * 2, [*value, chosen(rng, _VALUES)]))
    if what < 0.2 and isinstance(value, str):
        return chosen(
            rng, (f"{value} $nope", f"{value}$", value.replace("$", "$$$"), value.upper())
        )
    if what < 0.2 and isinstance(value, int | float):
        return chosen(rng, (-value, value * 10, value / 3, value + 1, str(value)))
    if what < 0.4:
        return chosen(rng, others)[1]  # of another setting
    return chosen(rng, _VALUES)


@pytest.mark.timeout(0)
def test_changed_settings_of_a_plan_are_refused_by_name_or_planned(tmp_path):
    seen = {"refused": 0, "planned": 0}

    def attempt(rng):
        arm = chosen(rng, _ARMS if rng.random() < 0.7 else ["full"])
        settings = leaves(arm)
        key, value = chosen(rng, settings)
        while key in {"ablation", "arm", "seed"}:
            key, value = chosen(rng, settings)
        override = f"{key}={written(changed_value(value, rng, settings))}"
        plan = {
            "arms": [arm],
            "seeds": [0],
            "overrides": [*_SMALL, override],
            "takes": {"llm": True},
        }
        arms = json.dumps({"comparisons": {"mine": plan}})
        start = time.process_time()
        try:
            folder = write_paper(tmp_path / "paper", arms=arms, claims=_CLAIMS % arm)
            config = read_reproduction(folder).config("mine", arm, 0)
            dry_run(config, read_network(Path(config.network.path)), share=1.0)
            seen["planned"] += 1
        except InputError as error:
            told = str(error)
            seen["refused"] += 1
            assert any(word in told for word in ("xpected", "Could not")), (override, told)
            assert any(name in told for name in key.split(".")[-2:]), (override, told)
            assert len(told) <= 1500, (override, told)
        except Exception as error:
            raise AssertionError(override) from error
        assert time.process_time() - start < _MOST_S, override

    n = fuzz(attempt)
    print(f"{n} plans: {seen}")
    assert n
