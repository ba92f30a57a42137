"""Overrides as users type them: unknown settings, wrong types and ranges, each named."""

import itertools
from dataclasses import fields, is_dataclass
from typing import get_args, get_type_hints

import pytest

from harness.config.arguments import out_of_range
from harness.config.compose import (
    as_hydra_takes,
    compose,
    compose_comparison,
    compose_jobs,
    expanded,
)
from harness.config.schema import Config
from harness.config.strategies import build
from harness.config.tasks import KINDS, recipe_of
from harness.errors import InputError
from harness.runs.estimates.total_cost import estimate
from harness.tasks.image_classification.wording import WORDING
from tests.support.configs import composed

OPENAI = ("model=openai", "model.name=some-model")
UNKNOWN = {
    "buget.evaluations=3": "buget: there is no such setting. Did you mean budget?",
    "budget.costs=0.5": "budget.costs: there is no such setting. Did you mean budget.cost?",
    "budget={evaluatons:3}": "budget.evaluatons: there is no such setting. Did you mean "
    "budget.evaluations?",
    "recipe.lrr=1": "recipe.lrr: there is no such setting. Did you mean recipe.lr?",
    "epochs=3": "epochs: there is no such setting. Did you mean recipe.epochs?",
    "evaluations=3": "Did you mean budget.evaluations?",
    "WANDB_MODE=offline": "before the command: WANDB_MODE=VALUE python",
    "tracking.tags=[x]": "tracking.tags: there is no such setting.",
    "tracking.project=x": "Choose an option that has it: tracking=wandb.",
    "tracking.mode.x=1": "tracking.mode has no settings of its own",
    "prompts.neutrall=x": "Did you mean prompts.neutral?",
    "hydra.job.nme=x": "Did you mean hydra.job.name?",
    "prices={a:{promt:1,completion:2}}": "Did you mean prices.a.prompt?",
    "prices.a.prompt=1": "expected prices={NAME:{prompt:PRICE,completion:PRICE}}",
    "seed=0,1": "seed: expected one value, got several. Add -m to run a job for each of them.",
    "network=mine.py": "network=mine.py: expected an option, found a file. Use network.path=mine.py.",
    "task.siz=3": "task.siz",
    "fidelity.nope=3": "fidelity.nope",
}


@pytest.mark.parametrize(
    "typed", [f"+{one}" for one in UNKNOWN] + ["budget.costs=0.5", "++budget.costs=0.5"]
)
def test_an_unknown_setting_is_refused_with_the_nearest_known_one(typed):
    with pytest.raises(InputError) as error:
        compose([typed])
    assert UNKNOWN[typed.lstrip("+")] in str(error.value)
    assert "append" not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("command", [estimate, lambda o: compose_comparison(compose([]), o)])
def test_every_command_refuses_it(command):
    with pytest.raises(InputError, match=r"Did you mean budget\.cost\?"):
        command(["+budget.costs=0.5"])


def test_a_setting_that_a_compared_arm_does_not_have_is_told_of_that_arm():
    given = ["ablation=width", "compare=[full,random_mutation]", "proposer.halvings=2"]
    with pytest.raises(InputError) as error:
        compose_jobs([given])
    told = str(error.value)
    assert told.startswith("full, which is in compare: proposer.halvings: there is no such setting")
    assert 'Run width alone with "compare=[]", or leave full out of compare.' in told
    assert compose_jobs([[*given, "compare=[]"]])[0][0].proposer["halvings"] == 2


@pytest.mark.parametrize(
    ("arm", "other", "listed"),
    [("nas", "width", "nas has none; width has halvings"),
     ("width", "nas", "width has halvings; nas has none")],
)  # fmt: skip
@pytest.mark.parametrize("typed", ["proposer.step=4", "proposer.halvngs=4"])
def test_settings_that_differ_by_arm_are_listed_by_arm(typed, arm, other, listed):
    """A setting that resembles one of another arm would be refused, too."""
    given = [f"ablation={arm}", f"compare=[{other}]", typed, "proposer.other=1"]
    with pytest.raises(InputError) as error:
        compose_jobs([given])
    name = typed.partition("=")[0]
    assert str(error.value) == (
        f"{name}: there is no such setting. Settings in proposer: {listed}."
    )


def test_a_sweep_refuses_it_in_each_job():
    for job in expanded(["--multirun", "seed=0,1", "+buget.evaluations=3,4"]):
        with pytest.raises(InputError, match=r"Did you mean budget\?"):
            compose(job)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("network.path=", "network.path: expected a path, found none after '='."),
        ("study=", "study: expected a path, found none after '='."),
        ("budget.evaluations=three", "budget.evaluations: expected an integer, got 'three'."),
        ("budget.evaluations=3.5", "budget.evaluations: expected an integer, got 3.5."),
        ("budget.evaluations=null", "budget.evaluations: expected an integer, got null."),
        ("budget.evaluations=true", "budget.evaluations: expected an integer, got true."),
        ("budget.evaluations=[1]", "budget.evaluations: expected an integer, got [1]."),
        ("budget.tokens=many", "budget.tokens: expected an integer or null, got 'many'."),
        ("budget.cost=much", "budget.cost: expected a number or null, got 'much'."),
        ("seed=abc", "seed: expected an integer, got 'abc'."),
        ("seed=", "seed: expected an integer, got ''."),
        ("compare=full", "compare: expected a list such as [full,nas], got 'full'."),
        ("compare=null", "compare: expected a list such as [full,nas], got null."),
        (
            "compare=[full,no_eott]",
            "compare=no_eott: there is no such option. Did you mean no_eot?",
        ),
        ("deterministic=maybe", "deterministic: expected true or false, got 'maybe'."),
        ("recipe.lr=abc", "recipe.lr: expected a number, got 'abc'."),
        ("recipe.flip=x", "recipe.flip: expected true or false, got 'x'."),
        ("runs_dir=null", "runs_dir: expected text, got null."),
        ("prices={a:{prompt:x,completion:2}}", "prices.a.prompt: expected a number, got 'x'."),
        (
            "budget=3",
            "budget=3: there is no such option. Expected one of small, or settings by name, such as budget.NAME=VALUE.",
        ),
        ("model=nope", "model=nope: there is no such option. Did you mean openai?"),
        ("ablation=no_eott", "ablation=no_eott: there is no such option. Did you mean no_eot?"),
        ("seed", "seed: expected SETTING=VALUE."),
        ("=3", "=3: expected SETTING=VALUE."),
        ("~seed", "~seed: settings cannot be removed."),
        ("~budget.cost", "~budget.cost: settings cannot be removed."),
        ("model=openai", "Set model.name=NAME, or OPENAI_MODEL in the environment."),
        ("model=groq", "Set model.name=NAME, or GROQ_MODEL in the environment."),
        ("model=ensemble", "Set model.members.first.model.name=NAME, or OPENAI_MODEL"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_what_was_expected(override, told, monkeypatch):
    for variable in ("OPENAI_MODEL", "GROQ_MODEL"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(InputError) as error:
        compose([override])
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "override",
    ["recipe.lr=-1", "recipe.lr=0", "recipe.lr=nan", "recipe.lr=inf", "recipe.weight_decay=-1",
     "recipe.warmup_steps=-1", "seed=-1", "seed=9223372036854775808", "limits.train_s=-1",
     "limits.build_s=0", "limits.flops=-5", "budget.tokens=-1", "budget.generations=-1",
     "save_every_s=-1", "wait_s=-1", "llm_workers=100000", "workers=0", "task.split_seed=-3",
     "task.size=0"],
)  # fmt: skip
def test_a_number_out_of_its_range_is_refused_by_its_own_name(override):
    with pytest.raises(InputError, match=f"^{override.partition('=')[0]}: expected a"):
        compose([override])


def test_the_arguments_of_a_model_have_ranges_in_an_ensemble_too():
    with pytest.raises(InputError, match=r"^model\.timeout_s: expected a number above 0, got -1"):
        compose([*OPENAI, "model.timeout_s=-1"])
    members = [f"model.members.{one}.model.name=some-model" for one in ("first", "second")]
    with pytest.raises(InputError, match=r"^model\.members\.first\.model\.attempts: expected"):
        compose(["model=ensemble", *members, "model.members.first.model.attempts=0"])
    assert compose([*OPENAI, "+model.extra={size:-1}"]).model["extra"] == {"size": -1}


def numbers(schema, section=""):
    """Yield each number of a schema with its range."""
    hints = get_type_hints(schema)
    for one in fields(schema):
        hint = hints[one.name]
        for inner in (hint, *get_args(hint)):
            if is_dataclass(inner):
                yield from numbers(inner, f"{section}{one.name}.")
        if {int, float} & {hint, *get_args(hint)}:
            yield f"{section}{one.name}", one.metadata.get("within")


def test_every_number_of_the_schema_has_a_range():
    schemas = (Config, *map(recipe_of, KINDS))
    every = dict(itertools.chain.from_iterable(map(numbers, schemas)))
    assert len(every) > 40
    assert not [name for name, within in every.items() if within is None]


REFUSING = {
    "fidelity": ["fidelity=halving"],
    "model": ["model=openai", "model.name=some-model"],
    "proposer": ["model=scripted", "model.answers=[x]"],
    "selection": ["ablation=regularized_evolution"],
    "task": ["task=image_folder", "task.path=x"],
    "tracking": ["tracking=wandb"],
}
"""What composes the node of each group that has numbers."""


def construct(config, group, node):
    """Check the ranges of a node and construct it, as a run does before any work."""
    for refusal in out_of_range(group, node):
        raise InputError(refusal)
    model = build(config.model) if group == "proposer" else None
    build(node, wording=WORDING, chance=0.1, model=model)


@pytest.mark.parametrize("group", REFUSING)
def test_every_number_of_a_strategy_has_a_range(group, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    config = compose(REFUSING[group])
    numbers = [k for k, v in getattr(config, group).items() if type(v) in {int, float}]
    assert numbers
    for name in numbers:
        with pytest.raises(InputError, match=f"{name}: expected|{name} .*(got |=)-3"):
            construct(config, group, getattr(config, group) | {name: -3})


@pytest.mark.parametrize("plus", ["", "+", "++"])
def test_an_arm_and_a_profile_need_no_plus(plus):
    assert compose([f"{plus}ablation=no_eot"]) == composed("ablation=no_eot")
    assert compose([f"{plus}ablation=full"]) == composed()
    both = compose([f"{plus}ablation=no_crossover", f"{plus}profile=ge2024", "model=scripted"])
    assert (both.arm, both.sizes.founders) == ("guided~scripted:no_crossover", 32)
    assert both.rates.p_mate == 0.0  # the profile is the ground, the arm differs from it


@pytest.mark.parametrize("plus", ["", "+"])
def test_a_sweep_over_arms_needs_no_plus(plus):
    jobs = expanded(["-m", f"{plus}ablation=no_eot,no_crp", "seed=0,1"])
    found = [(c.arm, c.seed) for c in map(compose, jobs)]
    assert found == [("no_eot", 0), ("no_eot", 1), ("no_crp", 0), ("no_crp", 1)]


@pytest.mark.parametrize("given", [["ablation=no_eot", "+ablation=no_crp"], ["+ablation=full"] * 2])
def test_an_arm_is_named_once(given):
    with pytest.raises(InputError, match="ablation: expected one ablation=NAME, got 2"):
        compose(given)


def test_a_plus_stays_where_keys_may_be_added():
    kept = ["+model.extra.seed=1", "+prompts.characters.mine=x", "+hydra.job.env_set.A=b", "-m"]
    assert as_hydra_takes(kept) == kept
    price = "prices={a:{prompt:1,completion:2}}"
    assert as_hydra_takes([price]) == as_hydra_takes([f"+{price}"]) == [f"+{price}"]
    assert compose([price]).prices["a"].completion == 2


def test_prices_may_lie_in_a_file_of_the_user(tmp_path, monkeypatch):
    """Outside the checkout, whose files decide nothing then; it means what its content means."""
    file = tmp_path / "my prices.yaml"
    file.write_text(
        "training_price: 0.4\nprices:\n  meta/some-model:8b, new: {prompt: 1.5, completion: 2}\n"
        "  b: {prompt: 0, completion: 1e-3}\n"
    )
    config = compose([f"prices={file}", "budget.cost=5"])
    assert config.training_price == 0.4
    assert {name: (p.prompt, p.completion) for name, p in config.prices.items()} == {
        "meta/some-model:8b, new": (1.5, 2), "b": (0, 1e-3),
    }  # fmt: skip
    assert compose([f"prices={file}", "training_price=3"]).training_price == 3
    assert compose(["training_price=3", f"prices={file}"]).training_price == 3
    monkeypatch.setenv("HOME", str(tmp_path))
    assert compose(["prices=~/my prices.yaml"]).training_price == 0.4


@pytest.mark.parametrize(
    "words",
    ["-m seed=0,1 FILE", "-m FILE seed=0,1", "seed=0,1 FILE -m", "--cfg job -m seed=0,1 FILE",
     "seed=0,1 -m FILE"],
)  # fmt: skip
def test_a_file_of_prices_may_stand_in_any_command(tmp_path, words):
    file = tmp_path / "prices.yaml"
    file.write_text("training_price: 0.4\nprices: {m: {prompt: 0.02, completion: 1}}\n")
    given = words.replace("FILE", f"prices={file}").split()
    jobs = [compose(job) for job in expanded(as_hydra_takes(given))]
    assert [(job.seed, job.training_price, job.prices["m"].prompt) for job in jobs] == [
        (0, 0.4, 0.02), (1, 0.4, 0.02),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"),
    [(None, "expected a file that can be read"), ("price: 1\n", "expected training_price, prices"),
     ("prices: {m: {prompt: x, completion: 1}}\n", "prices.m.prompt")],
)  # fmt: skip
def test_a_file_of_prices_that_does_not_fit_is_refused(tmp_path, text, told):
    file = tmp_path / "mine.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError, match=told) as refused:
        compose([f"prices={file}"])
    assert str(refused.value).startswith(f"prices={file}: ")


def test_images_without_a_path_are_refused():
    with pytest.raises(InputError, match=r"task\.path: expected a path, found none"):
        compose(["task=image_folder", "task.path="])


def test_a_word_between_settings_is_refused():
    with pytest.raises(InputError, match=r"runs: expected SETTING=VALUE\."):
        list(expanded(["seed=1", "runs"]))
