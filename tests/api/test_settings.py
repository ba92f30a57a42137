"""Keyword arguments mean what they say, in Hydra's syntax."""

from pathlib import Path

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from harness.api.settings import overrides_of
from harness.config.compose import compose, expanded
from harness.errors import InputError

PARSER = OverridesParser.create()


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_a_text_is_read_back(text):
    """Whatever it holds: quotes, backslashes, commas, words that Hydra reads as something else."""
    (override,) = overrides_of([], {"network": text})
    assert PARSER.parse_override(override).value() == text


@given(st.integers() | st.floats(allow_nan=False) | st.booleans() | st.lists(st.text("ab ,'\\")))
def test_other_values_are_read_back(value):
    (override,) = overrides_of([], {"x": value})
    found = PARSER.parse_override(override).value()
    assert found == value
    assert type(found) is type(value)


def test_settings_are_overrides():
    assert overrides_of(
        ["recipe.epochs=1"],
        {
            "ablation": "no_eot", "seed": 3, "compare": [], "runs_dir": Path("my runs"), "device": None,
            "budget": {"evaluations": np.int64(4), "cost": None}, "profile": "ge2024",
        },
    ) == [
        "recipe.epochs=1", "ablation=no_eot", "seed=3", "compare=[]", "runs_dir='my runs'",
        "budget.evaluations=4", "budget.cost=null", "profile=ge2024",
    ]  # fmt: skip


def test_several_arms_and_seeds_are_a_sweep():
    overrides = overrides_of([], {"ablation": ["no_eot", "no_crp"], "seed": range(2)})
    configs = [compose(one) for one in expanded(["--multirun", *overrides])]
    assert [(config.ablation, config.seed) for config in configs] == [
        ("no_eot", 0), ("no_eot", 1), ("no_crp", 0), ("no_crp", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("overrides", "settings", "message"),
    [
        (["--help"], {}, "--help: expected an override"),
        (["-m"], {}, "-m: expected an override"),
        ([3], {}, "3: expected an override"),
        ([], {"seed": []}, "seed: expected one value or more, found none."),
        ([], {"model": object()}, "model: expected a number, a text, a path, a list or a mapping, got object."),
    ],
)  # fmt: skip
def test_what_is_no_setting_is_refused(overrides, settings, message):
    with pytest.raises(InputError) as error:
        overrides_of(overrides, settings)
    assert str(error.value).startswith(message)
