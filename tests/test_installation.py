"""The package among others: names that a user's folder has, too, its command, what it loads."""

import subprocess
import sys

import pytest

from harness.__main__ import COMMANDS
from tests.conftest import ROOT
from tests.support.commands import run
from tests.test_layering import COMMANDS as MODULES

TAKEN = ("baselines", "conf", "reproductions", "tests")


@pytest.mark.parametrize("files", [("__init__.py", "random_mutation.py"), ()])
def test_folders_of_the_same_names_break_nothing(tmp_path, files):
    for name in TAKEN:
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).write_text("raise ImportError(__file__)\n")
    done = run("+ablation=random_mutation", "--cfg", "job", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "harness.baselines.random_mutation.MatchedMutation" in done.stdout


def test_the_version_is_of_this_package():
    assert run("--version").stdout == "guided-evolution 0.2.0\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("guided-evolution +ablation=no_e", {"+ablation=no_eot", "+ablation=no_elitism"}),
        ("guided-evolution seed=1 budget.ev", {"budget.evaluations="}),
        ("guided-evolution tab", {"table"}),
        ("guided-evolution re", {"replay", "report", "reproductions", "recipe="}),
        ("guided-evolution estimate ablation=no_e", {"ablation=no_eot"}),
        ("guided-evolution table ru", set()),  # a folder, which the shell completes
    ],
)
def test_words_of_the_command_line_are_completed(line, expected):
    asked = {"COMP_LINE": line, "COMP_POINT": str(len(line))}
    done = run("-sc", "query=bash", env=asked)
    assert (done.returncode, done.stderr) == (0, "")
    assert expected <= set(done.stdout.split())
    assert all(word.startswith(line.split()[-1]) for word in done.stdout.split())


def test_completion_is_installed_for_the_command():
    done = run("-sc", "install=bash")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(
        "complete -o nospace -o default -F hydra_bash_completion guided-evolution\n"
    )


def test_every_command_can_be_named():
    assert MODULES - {"__main__"} | {"reproductions"} == COMMANDS
    assert run("table", "--help").stdout.startswith("usage: python -m harness.table")


def test_importing_the_package_loads_no_heavy_library():
    heavy = {"torch", "hydra", "omegaconf", "matplotlib", "wandb", "openai", "pandas", "numpy"}
    code = f"import sys, harness; print({heavy} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "set()\n"
