"""Third-party settings are data: nothing in them runs, resolves or names another class."""

import copy
import json
import os
import time
from dataclasses import replace

import pytest

from harness.claims.reproduction import read_reproduction
from harness.claims.schemas.arms_file import is_planned
from harness.config.bounded_yaml import MOST_BYTES, require_bounded
from harness.config.compose import compose
from harness.config.foreign import require_data, require_installed, restored
from harness.config.identity import identity
from harness.config.strategies import build
from harness.errors import InputError
from tests.conftest import SMALL
from tests.support.commands import run_main
from tests.support.paper import ARMS, write_paper

NODE = {"_target_": "pathlib.Path", "path": "/"}
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{here}: &{here} [{','.join([f'*{before}'] * 9)}]\n"
    for before, here in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.fixture(scope="module")
def known():
    """What a run of the full method records."""
    config = compose(
        [*SMALL, "+ablation=full", "model=ensemble", "model.members.first.model.name=x"]
    )
    return json.loads(json.dumps(identity(config, data="d", network="n", study=None)))


def changed(known, path, value):
    known = copy.deepcopy(known)
    *parents, last = path.split(".")
    place = known
    for name in parents:
        place = place.setdefault(name, {})
    place[last] = value
    return known


def again(known, *overrides):
    return restored(known, overrides, kind="image_classification")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("device", "${oc.env:SECRET}"),
        ("device", "${oc.create:{_target_: os.system}}"),
        ("arm", "${hydra:runtime.cwd}"),
        ("arm", "???"),
        ("recipe.schedule", "${ablation}"),
        ("recipe.epochs", "${oc.env:SECRET}"),
        ("recipe.epochs", 10**30),
        ("recipe.lr", float("nan")),
        ("sizes.founders", 10**9),
        ("sizes.elites", 1_001),
        ("final.seeds", 10**9),
        ("seed", [1]),
        ("search", "x"),
        ("proposer.top_p", "${oc.env:SECRET}"),
        ("proposer.top_p", NODE),
        ("proposer.temperature", {"founder": NODE}),
        ("proposer.prompts", {"eot": NODE}),
        ("proposer.categories", [NODE]),
        ("proposer._args_", ["x"]),
        ("proposer._partial_", True),
        ("selection._recursive_", False),
        ("selection._convert_", "all"),
        ("selection._target_", "os.system"),
        ("selection._target_", "harness.tasks.image_classification.datasets.Path.write_text"),
        ("selection._target_", "harness.Path.write_text"),
        ("selection._target_", "harness.Summary"),
        ("selection._target_", "harness.Digits"),
        ("selection._target_", "harness.config.strategies.build"),
        ("selection._target_", ["harness.EliteTournament"]),
        ("selection._target_", "${oc.env:SECRET}"),
        ("selection", "x"),
        ("selection.n_elites", "6"),
        ("selection.n_elites", True),
        ("selection.more", 1),
        ("task.path", "/etc"),
        ("task.size", {"_target_": "harness.Digits", "size": 8, "split_seed": 0}),
        ("proposer.model.base_url", "http://example.org"),
        ("proposer.model.members.first.model.key_env", "SECRET"),
        ("proposer.model.members.first.model._target_", "harness.Digits"),
        ("executor", {"_target_": "harness.LocalThreads", "confinement": "limits"}),
        ("tracking", {"mode": "online"}),
        ("runs_dir", "/elsewhere"),
        ("model", {"_target_": "harness.Exchange", "folder": "/x"}),
        ("no_such_setting", 1),
        ("proposer.prompts.deep", [[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]),
    ],
)
def test_a_recorded_setting_that_is_no_data_of_a_run_is_one_sentence(
    known, monkeypatch, path, value
):
    monkeypatch.setenv("SECRET", "0x5ec2e7")
    with pytest.raises(InputError, match="expected") as caught:
        again(changed(known, path, value))
    assert "\n" not in str(caught.value)
    assert os.environ["SECRET"] not in str(caught.value)


def test_a_text_of_a_prompt_is_kept_as_it_is(known):
    for text in ("${code}", "${oc.env:HOME}", "???", r"\${x}"):
        config = again(changed(known, "proposer.prompts.eot", text))
        assert config.proposer["prompts"]["eot"] == text


def test_what_the_user_types_is_resolved_and_theirs(known, monkeypatch):
    monkeypatch.setenv("FOLDER", "here")
    config = again(known, "runs_dir=${oc.env:FOLDER}", "executor.cache=false", "task.size=16")
    assert (config.runs_dir, config.executor["cache"], config.task["size"]) == ("here", False, 16)
    assert config.task["split_seed"] == known["task"]["split_seed"]
    with pytest.raises(InputError, match="expected"):
        again(known, "sandbox.levle=limits")


def test_a_record_does_not_lower_the_sandbox(known):
    weak = changed(known, "sandbox.level", "limits")
    assert again(weak).sandbox.level == "contained"
    assert again(weak, "sandbox.level=limits").sandbox.level == "limits"
    assert again(changed(known, "sandbox.level", "isolated")).sandbox.level == "isolated"


def test_a_strategy_is_built_only_where_a_type_asks_for_one(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "a-key-of-a-test")
    config = compose(
        [*SMALL, "+ablation=full", "model=ensemble", "model.members.first.model.name=x"]
    )
    assert len(build(config.model)._models) == 2
    within = {"_target_": "harness.baselines.selection.BestSoFar"}
    for node in (
        {"_target_": "harness.baselines.random_mutation.RandomMutation", "edits": [1, within]},
        {"_target_": "harness.baselines.random_mutation.RandomMutation", "edits": within},
        {
            "_target_": "harness.baselines.random_mutation.RandomMutation",
            "edits": {"x": {"y": within}},
        },
    ):
        with pytest.raises(InputError, match="found the strategy"):
            build(node)
    with pytest.raises(InputError, match="has no such argument"):
        build({**within, "more": 1})
    for target in ("harness.config.strategies.build", "pathlib.Path.write_text", "os.system"):
        with pytest.raises(InputError, match="expected the import path of a class"):
            build({"_target_": target})


@pytest.mark.parametrize(
    "override",
    [
        "recipe.epochs=3", "model=openai", "profile=ge2024", "+profile=ge2024", "model.name='An LLM: 7B'",
        "model.name=mistralai/Mixtral-8x7B-Instruct-v0.1", "device=cuda", "task.path=images/small",
        "model@model.members.first.model=mistral", "budget.generations=null",
        "proposer.temperature={founder: [0.1, 0.2]}", "network.path=own/network.py",
        "network=slim", "+profile=[ge2024]", "search.split=test", "model.members.a={model: {name: x}, weight: 2}",
        "eot.probability=0.2", "proposer={top_p: 0.2}", "limits.memory_mib=9", "final.seeds=3", "study=x.zip",
    ],
)  # fmt: skip
def test_a_plan_may_say_what_a_run_is(override):
    require_data(override)


@pytest.mark.parametrize(
    "override",
    [
        "selection._target_=os.system", "selection={_target_: os.system}", "hydra.run.dir=x",
        "model.members={a: {model: {_target_: os.system}}}", "model={base_url: http://x.org}",
        "model.base_url=http://example.org", "model.key_env=SECRET", "+model.key_env=SECRET",
        "model.members={a: {model: {key_env: SECRET}}}", "model.members.a.model.key_env=SECRET",
        "runs_dir=/tmp", "executor=local", "executor.confinement=limits", "tracking=wandb",
        "task@executor=digits", "model@hydra=x", "model@_global_=x", "hydra/launcher=x", "workers=9",
        "sandbox.level=limits", "sandbox={level: limits}", "+new=3", "++recipe.epochs=3", "~model",
        "recipe.epochs=${oc.env:SECRET}", "model.name='${oc.env:SECRET}'", "recipe.epochs=1,2",
        r"model.name=$\{oc.env:SECRET\}", r"prompts={rules: [x$\{oc.env:SECRET\}]}",
        r"model.members.a.model=$\{oc.create\:\{_target_\: subprocess.Popen\, args\: \[x\]\}\}",
        "recipe.epochs=range(1,3)", "task=../x", "model@model.members.a.model=../x", "task=a/b",
        "network.path=/etc/passwd", "network.path=a/../../x", "task.path=[x]", "+profile=../x",
        "+profile=[../x]", "model=[openai, ../x]", "task=['../x']", "prompts=[[a/b]]",
        "recipe.epochs=" + "[" * 900, "recipe.epochs=[" + "1," * 9000, "x", "", "a=b=c",
        "search.split=a\nb", "model.folder=x", "model={folder: x}", "task.root=x", "task={root: x}",
        "model.members={a: {model: {folder: x}}}", "prices={an-llm: {prompt: 0, completion: 0}}",
        "prices.an-llm.prompt=0", "prices=mine", "search.acknowledge_test_selection=true",
        "search={split: test, acknowledge_test_selection: true}", "model.tokens_field=seed",
        "proposer.model.tokens_field=seed", "model.members.a.model.omit=[max_tokens]",
        "model.members.a.model={extra: {n: 9}}", "model.extra.name=x", "model.extra={a: {name: x}}",
        "model.members.first={model: [{base_url: http://x.org}]}", "model.base_url.x=1",
        "proposer.model.name=x", "proposer.model={name: gpt-5}", "proposer={model: {name: x}}",
        "proposer.model=null", "proposer.model={}", "proposer.prompts.rules=x", "proposer.prompts=null",
        "proposer.eot_probability=0", "proposer={eot_shows: undominated}",
        "proposer=random_mutation", "selection=drift", "selection=[drift]", "proposer@proposer=none",
        "model.headers={x: y}", "model=[{headers: {x: y}}]", "selection=[{_target_: os.system}]",
    ],
)  # fmt: skip
def test_a_plan_says_no_class_no_path_and_nothing_of_the_machine(override):
    started = time.process_time()
    with pytest.raises(
        InputError, match=r"expected a setting such as recipe\.epochs=3, "
    ) as caught:
        require_data(override)
    assert time.process_time() - started < 3
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("override", ["seed@x=1", "+ablation@a=full", "seed.x=1", "compare=[]"])
def test_arms_and_seeds_are_no_overrides_however_they_are_written(override):
    assert is_planned(override)
    assert not is_planned("seeds=1")


@pytest.mark.parametrize("most", [0, -1])
def test_no_candidate_has_less_than_a_mebibyte(most):
    with pytest.raises(InputError, match=r"limits\.memory_mib: expected a number of at least 1"):
        compose([*SMALL, "+ablation=seed_only", f"limits.memory_mib={most}"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BOMB, "line 5: expected at most"),
        ("".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(99)).replace("*a-1", "x"), "levels"),
        ("a: &a [*a]", "aliases only of values"),
        (f"[&s '{'x' * 100_000}'," + "*s," * 20_000 + "1]", "expected at most"),
        ("- " * 100_000, "levels"),
        ("? " * 100_000, "levels"),
        ("[" * 100_000, "nesting"),
        ("a: " + "1" * 5000, "numbers of at most"),
        ("a: 0x" + "f" * 200_000, "numbers of at most"),
        ("a: 1" + ":59" * 60_000, "numbers of at most"),
        ("a: !!python/object/apply:os.system [x]", "without a tag"),
        ("a: ${oc.env:HOME}", "without"),
        ("#" * (MOST_BYTES + 1), "characters"),
    ],
)
def test_yaml_beyond_its_bounds_costs_no_time(text, told):
    started = time.process_time()
    with pytest.raises(Exception, match=told) as caught:
        require_bounded(text)
    assert time.process_time() - started < 1
    assert type(caught.value).__name__ in {"ValueError", "ParserError", "ScannerError"}


class TestReproduction:
    """Third-party folders, read by the command ``plan``."""

    def plan(self, paper):
        return run_main(paper, "plan", module="harness.claims.command")

    @pytest.mark.parametrize(
        ("old", "new", "told"),
        [
            ("budget.evaluations=2", "selection._target_=os.system", "classes cannot be set"),
            ("budget.evaluations=2", "model.base_url=http://x", "of servers"),
            ("arms: [full]", "arms: [../../x]", "expected names in conf/ablation, got ../../x"),
            ("seeds: [3, 5, 8]", "seeds: [10000000000000000000000]", "seeds"),
            ("[budget.evaluations=2, ", "&a [*a, ", "aliases only of values"),
            ("seeds: [3, 5, 8]", "seeds: [3, '${oc.env:HOME}']", "without ${...}"),
        ],
    )
    def test_what_is_more_than_data_is_one_sentence(self, tmp_path, old, new, told):
        assert old in ARMS
        paper = write_paper(tmp_path / "paper", arms=ARMS.replace(old, new, 1))
        done = self.plan(paper)
        assert done.returncode == 2
        assert told in done.stderr
        assert len(done.stderr.splitlines()) == 1

    def test_files_that_are_none_and_bombs_are_refused_at_once(self, tmp_path):
        paper = write_paper(tmp_path / "paper")
        for make in (
            lambda path: path.write_text(f"{BOMB}comparisons: *i\n"),
            os.mkfifo,
            lambda path: path.symlink_to("/dev/zero"),
            lambda path: path.write_bytes(b"\xff" * 99),
            lambda path: path.write_text("#" * (MOST_BYTES + 1)),
        ):
            (paper / "claims.yaml").unlink()
            make(paper / "claims.yaml")
            started = time.process_time()
            done = self.plan(paper)
            assert time.process_time() - started < 2
            assert done.returncode == 2
            assert len(done.stderr.splitlines()) == 1
            assert "claims.yaml: " in done.stderr


@pytest.mark.parametrize(
    ("name", "node"),
    [
        ("model", {"_target_": "subprocess.Popen", "args": ["true"]}),
        ("model", {"_target_": "os.path.Digits"}),
        ("selection", {"_target_": "harness.elsewhere.NSGA2"}),
        ("model", {"members": {"a": {"model": {"_target_": "os.system"}}}}),
        ("task", {"_target_": "harness.llm.offline.Scripted"}),
    ],
)
def test_a_composed_strategy_has_classes_of_its_setting_alone(name, node):
    with pytest.raises(InputError):
        require_installed(name, node)


def test_a_plan_constructs_no_other_class_however_it_was_named(tmp_path):
    """The second check: these overrides would not pass the first."""
    paper = read_reproduction(write_paper(tmp_path / "paper"), [f"runs_dir={tmp_path}/runs"])
    plan = replace(paper.plans["mine"], overrides=("fidelity._target_=fractions.Fraction",))
    forged = replace(paper, paper=replace(paper.paper, plans={"mine": plan}))
    with pytest.raises(InputError, match=r"found fractions\.Fraction as fidelity"):
        forged.config("mine", plan.arms[0], plan.seeds[0])
