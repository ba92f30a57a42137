"""Every YAML in conf/ composes, and what it names can be built."""

import importlib
import inspect
import re
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml
from hydra.utils import get_object

from harness.config import compose as composing
from harness.config.compose import compose
from harness.config.foreign import require_installed
from harness.config.paths import CONF
from harness.config.strategies import build
from harness.errors import InputError
from harness.runs.spec import specify
from harness.tasks.image_classification.wording import WORDING
from harness.testing.proposers import ProposerContract
from tests.conftest import ARMS, ROOT
from tests.support.configs import composed

OF_A_PROPOSER = {"llm_typed.yaml", "whole_network.yaml"}
"""Prompts that the YAML of a proposer in ``conf/proposer`` composes into its own node."""
FILES = sorted(
    p.relative_to(CONF)
    for p in CONF.rglob("*.yaml")
    if p.name not in {"config.yaml", "none.yaml"}
    and not (p.parent.name == "prompts" and p.name in OF_A_PROPOSER)
)
STRATEGIES = ("task", "proposer", "model", "selection")


def override(file):
    group = file.parent.as_posix()
    return f"{'+' if group in {'ablation', 'profile'} else ''}{group}={file.stem}"


@pytest.mark.parametrize("file", FILES, ids=str)
def test_composes_and_instantiates(file, tmp_path, monkeypatch):
    for provider in ("openai", "ollama", "vllm", "lm_studio", "anthropic", file.stem):
        monkeypatch.setenv(f"{provider.upper()}_API_KEY", "any")
        monkeypatch.setenv(f"{provider.upper()}_MODEL", "some-model")
    answers = [] if file.parent.name == "model" else ["model=scripted"]  # not every arm is recorded
    answers += ["search.acknowledge_test_selection=true"]
    arm = ["+ablation=full"] if file.parent.name == "proposer" else []
    config = compose([override(file), *arm, *answers, f"runs_dir={tmp_path}"])
    model = build(config.model)
    for name in STRATEGIES:
        node = getattr(config, name)
        built = build(node, model=model, wording=WORDING, chance=0.1)
        assert type(built) is get_object(node["_target_"])
    for value in (config.budget.evaluations, config.sizes.founders, config.recipe.epochs):
        assert value > 0
    assert config.prompts["categories"]


def test_every_strategy_class_is_reachable_from_a_yaml():
    """A class that no YAML names cannot be run."""
    named = {yaml.safe_load((CONF / f).read_text()).get("_target_") for f in FILES}
    named |= {
        yaml.safe_load((CONF / f).read_text()).get("model", {}).get("_target_")
        for f in FILES
        if f.parent.name == "model"
    }
    from harness.llm import model, offline, openai_client
    from harness.tasks.image_classification import datasets

    models = (model, offline, openai_client)
    for module, method in ((datasets, "load"), *((module, "complete") for module in models)):
        for name, cls in inspect.getmembers(module, inspect.isclass):
            if hasattr(cls, method) and not getattr(cls, "_is_protocol", False):
                assert f"{module.__name__}.{name}" in named


@pytest.mark.parametrize("arm", ARMS)
def test_an_ablation_differs_from_full_in_what_it_lists_alone(arm):
    said = ["model=exchange", "search.acknowledge_test_selection=true"]
    full, other = (vars(composed(*arms, *said)) for arms in ([], [f"+ablation={arm}"]))
    listed = yaml.safe_load((CONF / "ablation" / f"{arm}.yaml").read_text())
    exchanged = {key.split("/")[-1] for group in listed.pop("defaults", []) for key in group}
    for name, value in full.items():
        one, another = (
            {k: v for k, v in given.items() if k != "model"} if name == "proposer" else given
            for given in (value, other[name])
        )
        if one != another:
            assert name in {*listed, *exchanged, "arm", "model"}
    assert other["arm"] == other["ablation"] == arm


GUIDED = {
    "crossover_as_published": {"proposer._target_": "harness.baselines.llm_variants.CrossoverAsPublished",
                               "rates.mate_identical": True},
    "drift": {"selection._target_": "harness.baselines.selection.Drift"},
    "eot_with_numbers": {"proposer.eot_numbers": True},
    "eot_with_ties": {"proposer.eot_shows": "improvements_and_ties"},
    "feedback": {"proposer.feedback": True},
    "full": {},
    "iid_sampling": {"selection._target_": "harness.baselines.selection.FromTheSeed",
                     "proposer.eot_probability": 0.0, "rates.p_mate": 0.0,
                     "proposer.temperature.mutation": [0.05, 0.4]},
    "neutral_persona": {
        "proposer.characters": ["neutral", "plain_robin", "plain_alex", "plain_kim"]
    },
    "no_crossover": {"rates.p_mate": 0.0},
    "no_crp": {"proposer.characters": ["neutral"]},
    "no_elitism": {"selection.elitism": False},
    "no_eot": {"proposer.eot_probability": 0.0},
    "no_eot_no_crp": {"proposer.eot_probability": 0.0, "proposer.characters": ["neutral"]},
    "no_mutation": {"rates.p_mutate": 0.0},
    "one_category": {"proposer.categories": ["hyperparameters"]},
    "only_dr_magoo": {"proposer.characters": ["dr_magoo"]},
    "only_expert": {"proposer.characters": ["expert"]},
    "only_innovative_scientist": {"proposer.characters": ["innovative_scientist"]},
    "sequential_sampling": {"proposer._target_": "harness.baselines.llm_variants.SequentialSampling",
                            "selection._target_": "harness.baselines.selection.BestSoFar",
                            "proposer.eot_probability": 0.0, "rates.p_mate": 0.0},
    "shuffled_eot": {"proposer._target_": "harness.baselines.llm_variants.ShuffledExamples"},
    "single_objective": {"selection.score_only": True},
    "steady_state": {"schedule._target_": "harness.evolution.schedule.SteadyState",
                     "schedule.under_way": 8, "schedule.workers": 4, "schedule.answer": 0.3},
    "test_selection": {"search.split": "test"},
}  # fmt: skip
"""What each arm that asks an LLM may change of the full method, to the last setting."""


def leaves(value, name=""):
    """Every setting by its dotted name."""
    if not isinstance(value, dict):
        return {name: value}
    return {
        k: v
        for key, part in value.items()
        for k, v in leaves(part, f"{name}.{key}".lstrip(".")).items()
    }


@pytest.mark.parametrize("arm", sorted(GUIDED))
def test_an_ablation_differs_from_full_in_what_is_written_here_alone(arm):
    said = ["model=scripted", "search.acknowledge_test_selection=true"]
    full, other = (
        leaves(asdict(composed(f"+ablation={name}", *said))) for name in ("full", arm)
    )  # fmt: skip
    differing = {k: other.get(k) for k in full.keys() | other.keys() if full.get(k) != other.get(k)}
    gone = {k for k in differing if k not in other and k.startswith("selection.")}
    assert {k: v for k, v in differing.items() if k not in {"ablation", "arm", *gone}} == GUIDED[
        arm
    ]
    assert not gone or "selection._target_" in GUIDED[arm]


def test_what_an_arm_removes_or_adds_is_one_thing():
    """Exempt: the paper's third arm, a defect of two parts, and samplers that do not evolve.

    A schedule is one thing with its arguments.
    """
    exempt = {"no_eot_no_crp", "crossover_as_published", "iid_sampling", "sequential_sampling",
              "steady_state"}  # fmt: skip
    assert {arm for arm, changes in GUIDED.items() if len(changes) > 1} == exempt


PROPOSERS_OF_THEIR_OWN = {"llm_typed", "whole_network_best_of_n", "whole_network_sequential"}
"""Arms that ask an LLM with prompts of their own; no part of GE is left in them."""


def test_every_arm_that_asks_an_llm_is_written_there():
    said = ["model=scripted", "search.acknowledge_test_selection=true"]
    asking = {a for a in ARMS if "model" in composed(f"+ablation={a}", *said).proposer}
    assert asking == GUIDED.keys() | PROPOSERS_OF_THEIR_OWN


@pytest.mark.parametrize("arm", ARMS)
def test_an_arm_has_installed_classes_alone(arm):
    config = composed(
        f"+ablation={arm}", "model=scripted", "search.acknowledge_test_selection=true"
    )
    for name in composing.STRATEGIES:
        require_installed(name, getattr(config, name))


def test_every_proposer_keeps_the_contract():
    """A class that a YAML names is built by a subclass of the contract."""
    for path in ROOT.glob("tests/*/test_*.py"):
        if "Contract)" in path.read_text():  # defines subclasses
            importlib.import_module(f"tests.{path.parent.name}.{path.stem}")
    tested = set()
    unseen = [ProposerContract]
    while unseen:
        unseen += (cls := unseen.pop()).__subclasses__()
        made = cls.__dict__.get("proposer")
        if made is not None and cls is not ProposerContract:
            tested.add(type(made.__wrapped__(cls())))
    said = ["model=scripted", "search.acknowledge_test_selection=true"]
    targets = {composed(f"+ablation={arm}", *said).proposer["_target_"] for arm in ARMS}
    assert {get_object(target) for target in targets} == tested


@pytest.mark.parametrize("arm", ["full", "no_eot", "no_crossover"])
@pytest.mark.parametrize("model", ["pool", "scripted"])
def test_answers_to_other_prompts_mark_the_arms_name(arm, model):
    assert compose([f"+ablation={arm}", f"model={model}"]).arm == f"guided~{model}:{arm}"
    assert compose(["+ablation=random_mutation", f"model={model}"]).arm == "random_mutation"


def test_a_profile_is_the_ground_that_an_ablation_differs_from_in_any_order():
    for order in (1, -1):
        config = compose(["+ablation=no_crossover", "+profile=ge2024", "model=scripted"][::order])
        assert (config.sizes.founders, config.rates.p_mate) == (32, 0.0)
        assert config.recipe.size_px == 224
    for arm in ARMS:
        said = ["search.acknowledge_test_selection=true", "model=scripted"]
        budget = compose(["+profile=ge2024", f"+ablation={arm}", *said]).budget
        assert (budget.evaluations, budget.generations) == (192, None)  # equal for all arms


def test_every_value_of_the_papers_profile_says_where_it_comes_from():
    for file in ("profile/ge2024.yaml", "recipe/ge2024.yaml"):
        for line in (CONF / file).read_text().splitlines():
            if re.match(r" *(- )?[\w/ ]+: \S", line) and not line.startswith("#"):
                assert re.search(r"# (paper|code|unknown)\b", line), line


def test_without_an_ablation_the_arm_is_full():
    assert compose([]) == compose(["+ablation=full"])
    assert compose([]).compare == ["full", "random_mutation", "nas", "width"]


def test_evaluations_bound_proposals():
    assert compose(["budget.evaluations=7"]).budget.proposals == 35


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["+ablation=no_such"], "no_such"),
        (["no_such=1"], "no_such"),
        (["budget.evaluations=many"], "many"),
        (["recipe.epoch=3"], "epoch"),
        (
            ["+recipe.epoch=3"],
            "recipe.epoch: there is no such setting. Did you mean recipe.epochs?",
        ),
        (["+no_such=1"], "no_such: there is no such setting. Expected one of ablation, arm, seed,"),
        (["task=no_such"], "no_such"),
        (["proposer.no_such=3"], "no_such"),
        (["task.size=abc"], "task.size: expected a value of type int, got abc"),
        (["+proposer.no_such=3"], "expected an argument of harness.llm.guided.Guided"),
        (["+ablation=no_eot", "proposer=random_mutation"], "eot_probability"),
        (["model=openai", "model.name=x", "proposer.model={name: y}"], "expected a copy of model"),
        (["+ablation=full", "proposer.model=null"], "expected a copy of model"),
        (["proposer=random_mutation"], "which names the arm"),
        (["+ablation=no_crp", "proposer=random_mutation"], "characters"),
        (["+ablation=full", "+ablation=no_eot"], "ablation"),
        (["+ablation=nas", "proposer=none", "proposer._target_=null"], "proposer"),
        (["+ablation=no_eot", "proposer=none"], "expected an arm that sets proposer._target_"),
        (["+ablation=test_selection", "model=scripted"], "search.acknowledge_test_selection=true"),
        (["search.i_select_on_test_data=true"], "expected search.acknowledge_test_selection"),
        (["eot.strict=true"], "eot.strict: expected eot.shows"),
        (["eot.shows=ties"], "eot.shows: expected one of improvements, improvements_and_ties"),
        (["device=tpu"], "expected one of auto, cpu, cuda, got tpu"),
        (["workers=0"], "workers: expected a number from 1 to 1,000, got 0"),
        (["rates.p_mate=1.5"], "rates.p_mate: expected a share from 0 to 1, got 1.5"),
        (["task=null"], "task=null: there is no such option. Expected one of cifar10, digits"),
    ],
)
def test_mistakes_are_one_sentence(overrides, told):
    with pytest.raises(InputError) as error:
        compose(overrides)
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.exit_status == 2


class TestIdentity:
    @pytest.fixture
    def of(self, digits, network, monkeypatch):
        monkeypatch.setenv("OPENAI_API_KEY", "any")
        return lambda *overrides: (
            specify(composed("+ablation=random_mutation", *overrides), digits, network).identity
        )

    @pytest.mark.parametrize(
        "override",
        ["runs_dir=elsewhere", "workers=2", "llm_workers=1", "tracking=wandb", "display=plain",
         "wait_s=1", "compare=[]", "model=pool"],
    )  # fmt: skip
    def test_what_cannot_change_the_outcome_is_no_part(self, of, override):
        assert of(override) == of()

    @pytest.mark.parametrize(
        "override",
        ["seed=1", "recipe.epochs=9", "budget.evaluations=9", "limits.threads=2",
         "rates.p_mate=0.1", "final.seeds=5", "device=cpu"],
    )  # fmt: skip
    def test_what_can_change_it_is(self, of, override):
        assert of(override) != of()

    def test_the_llm_is_part_of_an_arm_that_asks_it(self, digits, network, monkeypatch):
        monkeypatch.setenv("OPENAI_API_KEY", "any")

        def known(name):
            config = compose(["model=openai", f"model.name={name}"])
            return specify(config, digits, network).identity

        assert known("a") != known("b")

    def test_no_path_is_in_it(self, of, digits, network):
        recorded = specify(compose(["model=recorded", "+ablation=full"]), digits, network).identity
        for identity in (of(), recorded):
            assert str(ROOT) not in repr(identity)
            assert str(Path.home()) not in repr(identity)
