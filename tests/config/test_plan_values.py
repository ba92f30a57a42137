"""Values of a stranger's plan that a constructor or a template rejects: one sentence, by name."""

import copy
from functools import reduce
from types import MappingProxyType
from typing import get_type_hints

import pytest

from harness.config.compose import compose
from harness.config.foreign import require_data
from harness.config.strategies import check_arguments
from harness.errors import InputError
from harness.evolution.genome import read_network
from harness.evolution.proposer import Proposer
from harness.runs.estimates.dry_run import dry_run
from tests.conftest import SEED_NETWORK

ARMS = ("full", "regularized_evolution", "drift", "llm_typed", "whole_network_sequential")


@pytest.fixture(scope="module")
def composed():
    small = ["budget.evaluations=2", "sizes.founders=2", "model=openai", "model.name=some_LLM"]
    return {arm: compose([f"+ablation={arm}", *small]) for arm in ARMS}


@pytest.mark.parametrize(
    ("arm", "setting", "value", "told"),
    [
        ("full", "prompts.rules", "$", r"prompts.rules: expected a template .* found \$\."),
        ("full", "prompts.rules", "$nope", r"prompts.rules: expected .*\$imports, \$segment,.* \$nope\."),
        ("full", "prompts.review", "${code", r"prompts.review: expected a template .* found \$\{code"),
        ("full", "prompts.neutral", None, "prompts.neutral: expected a text, got None"),
        ("full", "prompts.characters.expert", [5], r"prompts.characters.expert: expected a text, got \[5\]"),
        ("full", "prompts.matings", {}, "prompts.matings: expected texts by name, at least one, got {}"),
        ("full", "max_tokens", [5, 1], r"proposer.max_tokens: expected the least and .*, got \[5, 1\]"),
        ("full", "max_tokens", [1, 2, 3], r"proposer.max_tokens: expected the least and .*, got \[1, 2, 3\]"),
        ("full", "max_tokens", [-3, 5], "proposer.max_tokens: expected numbers from 1 to 10,000,000, got -3"),
        ("full", "max_tokens", [5, 1e308], "proposer.max_tokens: expected numbers from 1 to 10,000,000"),
        ("full", "max_tokens", [5, float("inf")], "proposer.max_tokens: expected numbers from 1 to 10"),
        ("full", "max_tokens", [5, float("nan")], "proposer.max_tokens: expected the least and"),
        ("full", "temperature", {}, "proposer.temperature.founder: expected the least and .*, got ()"),
        ("full", "temperature.mating", [9, 1], r"proposer.temperature.mating: expected .* got \[9, 1\]"),
        ("full", "top_p", 7, "proposer.top_p: expected numbers from 0 to 1, got 7"),
        ("full", "top_p", None, "proposer.top_p: expected a value of type float, got None"),
        ("full", "review_probability", -1, "proposer.review_probability: expected 0 to 1, got -1"),
        ("full", "repair_attempts", 10**9, "proposer.repair_attempts: expected 0 to 100, got 1000000000"),
        ("full", "selection.n_elites", None, "selection.n_elites: expected a value of type int, got None"),
        ("drift", "selection.n_elites", -1, "selection.n_elites: expected at least 1, got -1"),
        ("regularized_evolution", "selection.sample_share", 1e308, "selection: expected .* got .*1e\\+308"),
        ("llm_typed", "prompts.genes", {"x": "y"}, "prompts.genes: expected the meaning of .*, found none"),
        ("llm_typed", "prompts.place", "$x", r"prompts.place: expected a template .*\$batch.* found \$x"),
        ("llm_typed", "most_measured", -1, "proposer.most_measured: expected at least 0, got -1"),
        ("llm_typed", "max_tokens", 0, "proposer.max_tokens: expected numbers from 1 to 10,000,000, got 0"),
        ("whole_network_sequential", "prompts.rules", "$5", r"prompts.rules: expected .*\$names.* found \$5"),
        ("whole_network_sequential", "prompts.best", "x", "WholePrompts.* unexpected keyword argument 'best'"),
    ],
)  # fmt: skip
def test_a_value_that_a_constructor_or_a_template_rejects_is_named(
    composed, arm, setting, value, told
):
    config = copy.deepcopy(composed[arm])
    first, *parts = setting.split(".")
    nodes = [config.selection] if first == "selection" else [config.proposer]
    *parents, last = parts if first == "selection" else [first, *parts]
    reduce(lambda node, name: node[name], parents, nodes[0])[last] = value
    with pytest.raises(InputError, match=told) as caught:
        _planned(config)
    assert str(caught.value).isprintable()


def _planned(config):
    for name in ("proposer", "selection"):
        check_arguments(name, getattr(config, name))
    dry_run(config, read_network(SEED_NETWORK), share=1.0)


@pytest.mark.parametrize("seed", range(3))
def test_an_estimate_has_no_luck_with_its_share_of_valid_networks(seed):
    """By draws, five of eighteen proposals were valid at one in five."""
    config = compose([
        "ablation=iid_sampling", f"seed={seed}", "budget.evaluations=5", "model=openai",
        "model.name=some_LLM",
    ])  # fmt: skip
    network = read_network(SEED_NETWORK)
    assert dry_run(config, network, share=0.2).spent.calls == 25
    assert dry_run(config, network, share=1.0).spent.calls == 5


@pytest.mark.parametrize("override", ["budget=[null]", "task=0", "task=[]", "network=null"])
def test_an_option_of_conf_is_a_name(override):
    with pytest.raises(InputError, match="an option must be one of the names in conf/"):
        require_data(override)


@pytest.mark.parametrize(
    "override",
    [
        "recipe.lr=nan",
        "final.margin=inf",
        "proposer.max_tokens=[5,-inf]",
        f"budget.tokens={10**400}",
    ],
)
def test_a_number_is_finite(override):
    with pytest.raises(InputError, match="a value is a finite number of at most 64 bits"):
        require_data(override)


def test_a_value_of_the_wrong_type_is_named_with_what_was_expected():
    with pytest.raises(InputError, match=r"^recipe.batch_size: expected an integer, got 'x'\.$"):
        compose(["recipe.batch_size=x"])


class Declares:
    """A proposer whose class declares what each test gives it."""


@pytest.mark.parametrize(
    ("attribute", "sound", "unsound"),
    [
        ("labels", [{}, MappingProxyType({"a": "b"})],
         [("direction",), ["a"], "a", {1: "a"}, {"a": 1}, property(lambda _: {})]),
        ("packages", [(), ["optuna"]], ["optuna", {"optuna": "1"}, [1]]),
        ("max_calls", [None, 0, 7, property(lambda _: 1)], ["7", 1.5, True]),
        ("max_tokens", [None, 4096], ["4096"]),
    ],
)  # fmt: skip
def test_attributes_of_a_proposer_have_the_types_of_the_protocol(
    monkeypatch, attribute, sound, unsound
):
    assert attribute in get_type_hints(Proposer)
    node = {"_target_": f"{__name__}.Declares"}
    for value in sound:
        monkeypatch.setattr(Declares, attribute, value, raising=False)
        check_arguments("proposer", node)
    for value in unsound:
        monkeypatch.setattr(Declares, attribute, value, raising=False)
        told = rf"{__name__}\.Declares\.{attribute}: expected .*; found "
        with pytest.raises(InputError, match=told):
            check_arguments("proposer", node)
