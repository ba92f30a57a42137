"""An arm that another package brings: built, installed, listed, run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.record.journal import read_events
from tests.conftest import ROOT

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "coin-flips"
version = "1.2"

[project.entry-points."guided_evolution.proposers"]
coin_flips = "coin_flips"
"""
CODE = '''
"""Flips a coin between two dropout rates."""

from harness.evolution.candidate import Variation


class CoinFlips:
    def __init__(self, *, rates):
        self._rates = rates

    def mutate(self, genome, scene):
        rate = scene.rng("coin").choice(self._rates)
        source = genome["ExquisiteNetV2"].replace("nn.Dropout(0.5)", f"nn.Dropout({rate})")
        variation = Variation(operator="flip", segment="ExquisiteNetV2")
        return genome.replace("ExquisiteNetV2", source), variation

    def mate(self, genome, mate, scene):
        return self.mutate(genome, scene)
'''
ARM = """# @package _global_
defaults:
  - override /proposer: none

ablation: coin_flips
arm: coin_flips
proposer:
  _target_: coin_flips.CoinFlips
  rates: [0.1, 0.2, 0.3, 0.4]
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder into which the package was built and installed."""
    project, site = tmp_path_factory.mktemp("coin-flips"), tmp_path_factory.mktemp("site")
    package = project / "coin_flips"
    for file, text in (
        (project / "pyproject.toml", PYPROJECT),
        (package / "__init__.py", CODE),
        (package / "conf" / "ablation" / "coin_flips.yaml", ARM),
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    command = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--target", site, project]
    subprocess.run([sys.executable, "-m", "pip", *command], check=True)
    return site


@pytest.fixture
def broken(installed, tmp_path):
    """A copy of the installed package, for a test to break."""
    return Path(shutil.copytree(installed, tmp_path / "broken"))


def with_package(site):
    """The environment of a user who installed the package there."""
    return os.environ | {"PYTHONPATH": f"{site}:{ROOT}"}


def harness(*command, env):
    return subprocess.run(
        [sys.executable, "-m", "harness", *command],
        capture_output=True, text=True, check=False, cwd=ROOT, env=env,
    )  # fmt: skip


def refusal(site, *command):
    """What a command says that refuses the package."""
    done = harness(*command, env=with_package(site))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    return done.stderr


def test_it_is_listed_and_runs_like_any_other(installed, tiny, tmp_path):
    assert "coin_flips" in harness("--help", env=with_package(installed)).stdout
    done = harness("+ablation=coin_flips", "compare=[]", f"runs_dir={tmp_path}", *tiny,
                   env=with_package(installed))  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.glob("coin_flips-s0-*")
    events = {event.key: event.content for event in read_events(folder)}
    assert events["manifest"]["config"]["third_party"] == {"coin-flips": "1.2"}
    assert events["proposal/g0.c0"]["variations"][0]["operator"] == "flip"


def test_without_the_package_it_is_unknown(tmp_path):
    done = harness("+ablation=coin_flips", f"runs_dir={tmp_path}", env=os.environ)
    assert done.returncode == 2
    assert "coin_flips" in done.stderr


def test_a_package_without_its_yaml_is_named(broken, tmp_path):
    (broken / "coin_flips" / "conf" / "ablation" / "coin_flips.yaml").unlink()
    told = refusal(broken, f"runs_dir={tmp_path}/runs")
    assert "coin_flips registers the arm coin_flips, expected" in told


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("coin_flips = no_such_package", "expected a package that can be imported"),
        ("full = coin_flips", "expected another name"),
    ],
)
def test_a_package_that_cannot_be_used_is_named(broken, tmp_path, entry, told):
    (points,) = broken.glob("*.dist-info/entry_points.txt")
    points.write_text(f"[guided_evolution.proposers]\n{entry}\n")
    for command in (["--help"], [f"runs_dir={tmp_path}/runs"]):
        assert told in refusal(broken, *command)


def test_an_arm_that_would_run_under_another_name_is_refused(broken, tmp_path):
    yaml = broken / "coin_flips" / "conf" / "ablation" / "coin_flips.yaml"
    yaml.write_text(yaml.read_text().replace("ablation: coin_flips\n", ""))
    told = refusal(broken, "+ablation=coin_flips", f"runs_dir={tmp_path}/runs", "compare=[]")
    assert "say 'ablation: coin_flips'; it would run under the name full" in told


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("harness.population", "harness.evolution.candidate"),
        ("harness.proposal", "harness.evolution.proposer"),
        ("baselines.edits", "baselines.syntax_edits"),
    ],
)
@pytest.mark.parametrize("imported", ["with the package", "when the arm is composed"])
def test_an_import_path_of_version_0_1_0_is_answered_with_the_new_one(
    broken, tmp_path, old, new, imported
):
    package = broken / "coin_flips"
    if imported == "with the package":
        package.joinpath("__init__.py").write_text(f"import {old}\n")
    else:
        package.joinpath("arm.py").write_text(f"from {old} import Variation\n")
        yaml = package / "conf" / "ablation" / "coin_flips.yaml"
        yaml.write_text(
            yaml.read_text().replace("coin_flips.CoinFlips", "coin_flips.arm.CoinFlips")
        )
    told = refusal(broken, "+ablation=coin_flips", f"runs_dir={tmp_path}/runs", "compare=[]")
    assert f"{old} is {new} since version 0.2.0: import it from there." in told
