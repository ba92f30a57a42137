"""An arm that another package brings: built, installed, listed, run."""

import os
import subprocess
import sys

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
    """The environment of a user who has built and installed the package."""
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
    return os.environ | {"PYTHONPATH": f"{site}:{ROOT}"}


def harness(*command, env):
    return subprocess.run(
        [sys.executable, "-m", "harness", *command],
        capture_output=True, text=True, check=False, cwd=ROOT, env=env,
    )  # fmt: skip


def test_it_is_listed_and_runs_like_any_other(installed, tiny, tmp_path):
    assert "coin_flips" in harness("--help", env=installed).stdout
    done = harness("+ablation=coin_flips", "compare=[]", f"runs_dir={tmp_path}", *tiny,
                   env=installed)  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.glob("coin_flips-s0-*")
    events = {event.key: event.content for event in read_events(folder)}
    assert events["manifest"]["config"]["third_party"] == {"coin-flips": "1.2"}
    assert events["proposal/g0.c0"]["variations"][0]["operator"] == "flip"


def test_without_the_package_it_is_unknown(tmp_path):
    done = harness("+ablation=coin_flips", f"runs_dir={tmp_path}", env=os.environ)
    assert done.returncode == 2
    assert "coin_flips" in done.stderr


def test_a_package_without_its_yaml_is_named(installed, tmp_path):
    site = installed["PYTHONPATH"].split(":")[0]
    broken = tmp_path / "broken"
    subprocess.run(["cp", "-r", site, broken], check=True)
    (broken / "coin_flips" / "conf" / "ablation" / "coin_flips.yaml").unlink()
    done = harness(f"runs_dir={tmp_path}/runs", env=installed | {"PYTHONPATH": f"{broken}:{ROOT}"})
    assert done.returncode == 2
    assert "coin_flips registers the arm coin_flips, expected" in done.stderr


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("coin_flips = no_such_package", "expected a package that can be imported"),
        ("full = coin_flips", "expected another name"),
    ],
)
def test_a_package_that_cannot_be_used_is_named(installed, tmp_path, entry, told):
    site = installed["PYTHONPATH"].split(":")[0]
    broken = tmp_path / "broken"
    subprocess.run(["cp", "-r", site, broken], check=True)
    (points,) = broken.glob("*.dist-info/entry_points.txt")
    points.write_text(f"[guided_evolution.proposers]\n{entry}\n")
    for command in (["--help"], [f"runs_dir={tmp_path}/runs"]):
        done = harness(*command, env=installed | {"PYTHONPATH": f"{broken}:{ROOT}"})
        assert "Traceback" not in done.stderr
        assert done.returncode == 2
        assert told in done.stderr


def test_an_arm_that_would_run_under_another_name_is_refused(installed, tmp_path):
    site = installed["PYTHONPATH"].split(":")[0]
    broken = tmp_path / "broken"
    subprocess.run(["cp", "-r", site, broken], check=True)
    yaml = broken / "coin_flips" / "conf" / "ablation" / "coin_flips.yaml"
    yaml.write_text(yaml.read_text().replace("ablation: coin_flips\n", ""))
    done = harness("+ablation=coin_flips", f"runs_dir={tmp_path}/runs", "compare=[]",
                   env=installed | {"PYTHONPATH": f"{broken}:{ROOT}"})  # fmt: skip
    assert done.returncode == 2
    assert "say 'ablation: coin_flips'; it would run under the name full" in done.stderr


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
    installed, tmp_path, old, new, imported
):
    site = installed["PYTHONPATH"].split(":")[0]
    broken = tmp_path / "broken"
    subprocess.run(["cp", "-r", site, broken], check=True)
    package = broken / "coin_flips"
    if imported == "with the package":
        package.joinpath("__init__.py").write_text(f"import {old}\n")
    else:
        package.joinpath("arm.py").write_text(f"from {old} import Variation\n")
        yaml = package / "conf" / "ablation" / "coin_flips.yaml"
        yaml.write_text(
            yaml.read_text().replace("coin_flips.CoinFlips", "coin_flips.arm.CoinFlips")
        )
    done = harness("+ablation=coin_flips", f"runs_dir={tmp_path}/runs", "compare=[]",
                   env=installed | {"PYTHONPATH": f"{broken}:{ROOT}"})  # fmt: skip
    assert done.returncode == 2
    assert f"{old} is {new} since version 0.2.0: import it from there." in done.stderr
    assert "Traceback" not in done.stderr
