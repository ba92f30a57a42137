"""Identities of runs: no module path decides one, and recorded names lead back to classes."""

import json
import re
from dataclasses import fields, replace

import pytest

from harness.config.foreign import restored
from harness.config.identity import (
    comparison_digest,
    digest_of,
    identity,
    is_free,
    table_hash,
)
from harness.config.strategies import (
    TARGET,
    installed_strategies,
    strategy_class,
    with_import_paths,
    with_stable_names,
)
from tests.conftest import ARMS, SMALL
from tests.support.configs import composed

MODULE_PATH = re.compile(r"\b(?:harness|baselines)(?:\.\w+){2,}")
OWN = re.compile(r"(harness\.baselines|harness)\..*\.(\w+)")
"""The import path of a class of ours: its package, and its name."""


SETTINGS = (*SMALL, "search.acknowledge_test_selection=true")
"""The arm that selects on test data says so; for the others it changes nothing."""


def known(config):
    return identity(config, data="d", network="n", study=None)


def targets(value):
    """Yield the strategies that nested plain values name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from [inner] if key == TARGET else targets(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from targets(inner)


def moved(value):
    """Copy nested plain values as if every strategy's module had been moved."""
    if isinstance(value, dict):
        return {
            k: OWN.sub(r"\1.moved.deep.\2", v) if k == TARGET else moved(v)
            for k, v in value.items()
        }
    return [moved(v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("arm", ARMS)
class TestArm:
    @pytest.fixture
    def config(self, arm):
        return composed(*SETTINGS, f"+ablation={arm}")

    def test_its_identity_holds_no_module_path(self, config):
        assert not MODULE_PATH.findall(json.dumps(known(config)))

    def test_moving_its_modules_changes_no_identity(self, config):
        strategies = {
            f.name: moved(getattr(config, f.name))
            for f in fields(config)
            if isinstance(getattr(config, f.name), dict) and TARGET in getattr(config, f.name)
        }
        assert {"task", "proposer", "selection", "model", "fidelity"} <= set(strategies)
        other = replace(config, **strategies)
        assert list(targets(other.proposer)) != list(targets(config.proposer))
        assert known(other) == known(config)

    def test_what_is_recorded_leads_back_to_its_classes(self, config):
        recorded = json.loads(json.dumps(known(config)))
        names = list(targets(recorded))
        assert names
        for name in names:
            path = installed_strategies()[name]
            assert strategy_class(path).__name__ == name.partition(".")[2]
        assert (
            known(restored(recorded, [], kind="image_classification"))
            | {"data": "d", "network": "n"}
            == recorded
        )
        assert list(targets(with_import_paths(recorded["proposer"], "proposer"))) == list(
            targets(config.proposer)
        )


@pytest.mark.parametrize(("strict", "shows"), [(False, "undominated"), (True, "dominating")])
def test_which_examples_a_run_of_0_1_0_showed_is_read_as_todays_setting(strict, shows):
    recorded = {"_target_": "harness.Guided", "eot_strict": strict, "top_p": 0.1}
    today = {"_target_": "harness.Guided", "eot_shows": shows, "top_p": 0.1}
    assert with_stable_names(recorded) == today == with_stable_names(today)


def test_all_arms_have_identities_of_their_own_and_one_comparison():
    identities = [known(composed(*SETTINGS, f"+ablation={arm}")) for arm in ARMS]
    assert len({digest_of(one) for one in identities}) == len(ARMS)
    assert len({comparison_digest(one) for one in identities}) == 1


@pytest.mark.parametrize(
    ("override", "free"),
    [
        ("runs_dir=x", True), ("device=cuda", True), ("workers=2", True), ("display=plain", True),
        ("tracking=wandb", True), ("executor=local", True), ("executor.cache=false", True),
        ("model.base_url=http://x", True), ("model.key_env=KEY", True), ("wait_s=1", True),
        ("model=openai", False), ("model.name=x", False), ("network.path=x.py", False),
        ("task.path=x", False), ("study=x.zip", False), ("recipe.epochs=1", False),
        ("+profile=ge2024", False), ("selection.score_only=true", False),
    ],
)  # fmt: skip
def test_what_leaves_a_reproduction_as_it_is_follows_from_the_roles(override, free):
    assert is_free(override) == free


def test_limits_that_a_run_does_not_have_leave_its_identity_as_it_was_without_them():
    plain = known(composed(*SETTINGS))
    assert "seconds" not in plain["budget"]
    assert {"prices", "training_price"}.isdisjoint(plain)
    priced = known(composed(*SETTINGS, "budget.cost=1", "training_price=2", "budget.seconds=3"))
    assert (priced["budget"]["seconds"], priced["training_price"]) == (3, 2)
    assert comparison_digest(priced) != comparison_digest(plain)
    assert table_hash(priced) == table_hash(plain)
    assert table_hash(plain) != table_hash(known(composed(*SETTINGS, "recipe.epochs=7")))


def test_a_record_whose_cost_was_of_the_llm_alone_is_restored_as_that():
    recorded = known(composed(*SETTINGS, "budget.cost=1", "training_price=2"))
    del recorded["training_price"]
    config = restored(recorded, [], kind="image_classification")
    assert (config.budget.cost, config.training_price) == (1, None)
    assert known(config) | {"data": "d", "network": "n"} == recorded
