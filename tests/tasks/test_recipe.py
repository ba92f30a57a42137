"""Each task brings its own settings of the recipe; the general configuration knows none of them."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from harness.config.compose import compose
from harness.config.problems import problems
from harness.config.schema import Recipe
from harness.config.tasks import KINDS, recipe_of
from harness.errors import InputError
from harness.tasks.base import require_own_recipe
from harness.tasks.image_classification.recipe import ImageRecipe
from tests.conftest import ROOT
from tests.support.configs import composed

RECIPE = '''
"""Settings of text."""

from dataclasses import dataclass

from harness.config.schema import AT_LEAST_1, Recipe, Role, setting


@dataclass(kw_only=True)
class TextRecipe(Recipe):
    """How a network is trained on text."""

    window: int = setting(within=AT_LEAST_1)
    """Bytes that it sees."""
    lower: bool = False
    """Train on lower case."""
    read_ahead: int = setting(Role.RUNTIME, 4, unrecorded=2)
    """Windows that are prepared in advance."""


RECIPE = TextRecipe
'''
CORPUS = """
class Corpus:
    kind = "text"

    def __init__(self, *, path: str | None = None) -> None: ...
"""
TASK = """# @package _global_
defaults:
  - override /task_settings@recipe: text
  - override /recipe: text
task:
  _target_: harness.tasks.text.corpus.Corpus
  path: null
"""
USE = """
import json, sys

from harness.config.compose import compose
from harness.config.foreign import restored
from harness.config.identity import identity
from harness.errors import InputError
from harness.sandbox.messages import Build, Candidate, Conditions, Signature, read_request, request

def known(config):
    return identity(config, data="d", network="n", study=None)

def told(*overrides):
    try:
        return repr(compose(["+ablation=random_mutation", "task=text", *overrides]).recipe)
    except InputError as error:
        return str(error)

config = compose(["+ablation=random_mutation", "task=text", "recipe.window=32"])
again = restored(known(config), [], kind="text")
signature = Signature(kind="text", class_name="Net", input_shape=(32,), n_outputs=256)
job = Build(candidate=Candidate(source="", signature=signature, recipe=config.recipe, seed=0))
conditions = Conditions(
    device="cpu", deterministic=False, memory_mib=1, threads=1, time_limit_s=1.0
)
sent = json.loads(json.dumps(request(job, conditions)))
print(json.dumps({
    "recipe": repr(config.recipe),
    "known": known(config)["recipe"],
    "again": known(again) == known(config),
    "read_ahead": again.recipe.read_ahead,
    "sent": read_request(sent) == (job, conditions),
    "told": [told(override) for override in sys.argv[1:]],
}))
"""
REFUSED = {
    "recipe.flip=true": "recipe.flip: there is no such setting. Expected one of epochs, batch_size,",
    "+recipe.flip=true": "recipe.flip: there is no such setting. Expected one of epochs, batch_size,",
    "recipe.window=many": "recipe.window: expected an integer, got 'many'.",
    "recipe.window=0": "recipe.window: expected a number of at least 1, got 0.",
    "recipe=short": "recipe/short: recipe.flip: there is no such setting. Expected one of epochs,",
}


def test_a_second_task_brings_its_settings_in_a_file_of_its_own(tmp_path):
    for folder in ("harness", "baselines", "conf"):
        shutil.copytree(ROOT / folder, tmp_path / folder, symlinks=True)
    package = tmp_path / "harness" / "tasks" / "text"
    package.mkdir()
    (package / "recipe.py").write_text(RECIPE)
    (package / "corpus.py").write_text(CORPUS)
    (tmp_path / "conf" / "task" / "text.yaml").write_text(TASK)
    short = (ROOT / "conf" / "recipe" / "short.yaml").read_text()
    own = short.replace("flip: false", "window: 64").replace("shift_px: 0", "lower: true")
    (tmp_path / "conf" / "recipe" / "text.yaml").write_text(own)
    done = subprocess.run(
        [sys.executable, "-c", USE, *REFUSED], capture_output=True, text=True, check=False,
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["recipe"].startswith("TextRecipe(epochs=5, ")
    assert "window=32, lower=True, read_ahead=4" in seen["recipe"]
    general = set(vars(Recipe()))
    assert set(seen["known"]) == general | {"window", "lower"}
    assert seen["again"]
    assert seen["read_ahead"] == 2
    assert seen["sent"]
    for told, expected in zip(seen["told"], REFUSED.values(), strict=True):
        assert expected in told
        assert "\n" not in told


@pytest.mark.parametrize("kind", KINDS)
def test_a_task_adds_to_the_general_recipe(kind):
    assert issubclass(recipe_of(kind), Recipe)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"size_px": 0}, "recipe.size_px: expected a number of at least 1, got 0."),
        ({"shift_px": -1.0}, "recipe.shift_px: expected a number of at least 0, got -1.0."),
        ({"shift_p": 1.5}, "recipe.shift_p: expected a share from 0 to 1, got 1.5."),
        ({"jitter": 2.0}, "recipe.jitter: expected a share from 0 to 1, got 2.0."),
        ({"epochs": 0}, "recipe.epochs: expected a number of at least 1, got 0."),
        ({"size_px": None, "jitter": 1.0, "epochs": 1}, None),
    ],
)
def test_values_out_of_range_are_refused(values, told):
    config = composed()
    changed = replace(config, recipe=replace(config.recipe, **values))
    assert list(problems(changed)) == ([told] if told else [])


def test_settings_of_images_are_typed_as_before():
    config = compose(["recipe.size_px=32", "recipe.shift_p=0.5", "recipe.jitter=0.1"])
    assert isinstance(config.recipe, ImageRecipe)
    assert (config.recipe.size_px, config.recipe.shift_p, config.recipe.jitter) == (32, 0.5, 0.1)


def test_data_of_a_task_need_its_recipe(digits, config, network):
    from harness.evaluation.executor import LocalThreads

    require_own_recipe(digits, config.recipe)
    other = replace(composed(), recipe=Recipe())
    with pytest.raises(InputError, match=r"task: expected a recipe with the settings of image_cl"):
        LocalThreads().open(other, digits, network)


def test_an_unknown_task_is_named():
    with pytest.raises(InputError, match=r"expected a task of harness/tasks, got 'sound'"):
        recipe_of("sound")
