"""CONTRIBUTING's recipes, followed in a copy of the repository: the files they name are enough."""

import csv
import io
import json
import re

import pytest

from harness.record.journal import read_events
from tests.conftest import ROOT, SMALL
from tests.recipes import arms, evaluation, llm, outputs
from tests.recipes.checkout import Checkout, Guide, is_named, paths

RECIPES = {
    "Add an arm": [arms.arm, arms.arm_with_a_selection],
    "Add a gate": [evaluation.gate],
    "Add a metric": [outputs.metric],
    "Add a figure": [outputs.figure],
    "Add a dataset": [evaluation.dataset],
    "Add an executor": [evaluation.executor],
    "Add a fidelity": [arms.fidelity],
    "Add a model": [llm.model, llm.server],
    "Change or add a prompt": [llm.prompt],
    "Add an attack": [evaluation.attack],
    "Add a reproduction": [outputs.reproduction],
}
"""The recipes by their headings, each as often as it has ways to follow it."""
ALSO = {
    "arm": arms.also_for_an_arm,
    "gate": evaluation.also_for_a_gate,
    "model": llm.also_for_a_model,
}
"""What a change also touches."""
FILES = {
    "arm": 3, "arm_with_a_selection": 4, "gate": 2, "metric": 2, "figure": 2, "dataset": 3,
    "executor": 3, "fidelity": 3, "model": 3, "server": 1, "prompt": 2, "attack": 3,
    "reproduction": 3,
}  # fmt: skip
"""How many files each recipe takes, its test included."""
WRITTEN = {
    "tests/baselines/test_proposers.py": "CoinFlips",
    "tests/baselines/test_selection.py": "the_youngest_lives",
    "tests/sandbox/test_candidates.py": "isolated-brevity or isolated-build__gives",
    "tests/sandbox/test_confinement.py": "gets_a_second_name",
    "tests/reporting/test_tables.py": "networks_on_the_front",
    "tests/reporting/test_figures.py": "sizes_are_drawn",
    "tests/tasks/test_datasets.py": "few_digits",
    "tests/evaluation/test_executor.py": "one_by_one",
    "tests/evolution/test_fidelity.py": "shortlist",
    "tests/llm/test_model.py": "parrot",
    "tests/llm/test_prompts.py": "say_please",
    "tests/config/test_conf.py": "polite or model/ours",
    "tests/test_readme.py": "is_described",
    "tests/claims/test_reproductions.py": "its_table and few",
    "reproductions/few/test_claims.py": "test_claim",
}
"""Tests that were written, and tests of the project that see what was written."""
HUMAN_WORK = {"README.md": "# A paper\n", "__init__.py": '"""A paper."""\n'}
"""What docs/reproductions.md asks for besides."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A checkout in which every recipe was followed, and the files that each of them took."""
    copy = Checkout(tmp_path_factory.mktemp("checkout"))
    copy.files = {way: copy.follow(way) for ways in RECIPES.values() for way in ways}
    copy.also = {change: copy.follow(way) for change, way in ALSO.items()}
    return copy


@pytest.fixture(scope="module")
def runs(checkout):
    """Both new arms, run for real with all else that is new."""
    chosen = (
        "+ablation=youngest", "compare=[coin_flips]", "task=few_digits", "executor=one_by_one",
        "model=parrot", "prompts=polite", *SMALL, "recipe.epochs=2",
    )  # fmt: skip
    done = checkout.run(*chosen, f"runs_dir={checkout.folder / 'runs'}")
    assert done.returncode == 0, done.stderr
    return checkout.folder / "runs"


@pytest.fixture(scope="module")
def table(checkout, runs):
    """The table of the new reproduction."""
    folder = checkout.folder / "reproductions" / "few"
    for name, text in HUMAN_WORK.items():
        (folder / name).write_text(text)
    done = checkout.run("few", "table", f"runs_dir={runs}", module="reproductions")
    assert done.returncode == 0, done.stderr
    return (folder / "table.md").read_text()


@pytest.mark.parametrize("heading", RECIPES)
def test_a_recipe_names_the_files_that_it_takes(heading, checkout):
    """A file that it names in the overview is needed; a file that is needed is named."""
    guide = Guide()
    edited = set().union(*(checkout.files[way] for way in RECIPES[heading]))
    for file in edited:
        assert is_named(file, paths(guide.row(heading) + guide.section(heading))), file
    for path in paths(guide.row(heading)):
        assert any(is_named(file, [path]) for file in edited | WRITTEN.keys()), path.pattern


@pytest.mark.parametrize("change", ALSO)
def test_what_a_change_also_touches_is_listed(change, checkout):
    listed = paths(Guide().also(change))
    assert listed
    assert all(is_named(file, listed) for file in checkout.also[change])
    assert len(listed) == len(checkout.also[change])


def test_each_takes_as_many_files_as_it_says(checkout):
    counts = {way.__name__: len(files) for way, files in checkout.files.items()}
    assert counts == FILES


def test_every_recipe_of_the_overview_is_followed():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    anchors = re.findall(r"^\| \[an? [\w ]+\]\(#([\w-]+)\) \|", text, re.MULTILINE)
    assert anchors == [heading.lower().replace(" ", "-") for heading in RECIPES]


@pytest.mark.slow
def test_what_they_write_passes_their_tests(checkout, runs, table):
    """The arms keep their contracts, the gate refuses its candidate, the figure is drawn."""
    del table
    done = checkout.run(
        "-q", "-n0", "-m", "", "-rA", f"--harness-override=runs_dir={runs}",
        "-k", " or ".join(f"({chosen})" for chosen in WRITTEN.values()), *WRITTEN, module="pytest",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    for file, chosen in WRITTEN.items():
        assert re.search(rf"^(PASSED|SKIPPED).*{file}", done.stdout, re.MULTILINE), chosen


@pytest.mark.slow
def test_arms_run_on_what_is_new(runs):
    settings = {}
    for arm in ("coin_flips", "youngest"):
        (run,) = runs.glob(f"{arm}-s0-*")
        settings[arm] = json.loads((run / "config.json").read_text())
        manifest, *events = [event.content for event in read_events(run)]
        assert manifest["data"]["name"] == "few_digits"
        assert manifest["machine"]["where"] == "here"
        changes = arm == "coin_flips"  # what a parrot repeats is the same function
        assert any((run / "front").iterdir()) == changes
        asked = [content for content in events if "prompt" in content]
        assert all(content["model"] == "parrot" for content in asked)
        assert not any(one["prompt"].startswith("You are improving") for one in asked)
        assert bool(asked) == (arm == "youngest")
    assert settings["coin_flips"]["proposer"]["_target_"] == "baselines.CoinFlips"
    assert settings["youngest"]["selection"]["_target_"] == "baselines.Youngest"


@pytest.mark.slow
def test_a_metric_is_a_column_a_key_and_a_measure(checkout, runs, table):
    done = checkout.run(runs, "--format", "csv", "--measure", "front_size", module="harness.table")
    assert done.returncode == 0, done.stderr
    (row,) = (r for r in csv.DictReader(io.StringIO(done.stdout)) if r["arm"] == "coin_flips")
    assert float(row["front_size"]) >= 1
    assert "| some on the front " in table


@pytest.mark.slow
def test_a_figure_is_in_the_report_as_is_the_metric(checkout, runs):
    done = checkout.run(runs, module="harness.report")
    assert done.returncode == 0, done.stderr
    (comparison,) = runs.glob("comparison-*")
    assert {"sizes.png", "sizes.pdf"} <= {path.name for path in comparison.iterdir()}
    page = (runs / "report.html").read_text()
    assert "Parameters of each network." in page
    assert "networks on the front" in page


def test_the_command_for_the_golden_prompts_writes_them(checkout):
    commands = re.findall(r"```sh\n(.*?)```", Guide().section("Change or add a prompt"), re.DOTALL)
    names = ("prompts.txt", "baseline_prompts.txt")
    for name, command in zip(names, commands, strict=True):
        golden = checkout.folder / "tests" / "golden" / name
        golden.unlink()
        done = checkout.start("sh", "-c", command)
        assert done.returncode == 0, done.stderr
        assert golden.read_text() == (ROOT / "tests" / "golden" / name).read_text()
