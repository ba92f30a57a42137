"""An arm that another package brings: built, installed, listed, run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.config import plugins
from harness.errors import InputError
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
MOVED = "{} is {} since version 0.2.0: import it from there."


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


@pytest.fixture
def beside(tmp_path, monkeypatch):
    """The folder of another installed package with an arm, which can be used."""
    site = tmp_path / "beside"
    for file, text in (
        ("beside/__init__.py", ""),
        ("beside/conf/ablation/beside.yaml", "ablation: beside\n"),
        ("beside-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: beside\nVersion: 1\n"),
        ("beside-1.dist-info/entry_points.txt", f"[{plugins.PROPOSERS}]\nbeside = beside\n"),
    ):
        path = site / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.delitem(sys.modules, "beside", raising=False)
    return site


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


ANY = "coin_flips registers the arm coin_flips, expected "


def yaml_of(site):
    return site / "coin_flips" / "conf" / "ablation" / "coin_flips.yaml"


def without_yaml(site):
    yaml_of(site).unlink()


def with_a_tab(site):
    yaml_of(site).write_text("a:\tb\n")


def with_yaml_of_another_encoding(site):
    yaml_of(site).with_name("other.yaml").write_bytes("größe: 1\n".encode("latin-1"))


def that_cannot_be_imported(site):
    (site / "coin_flips" / "__init__.py").write_text("import no_such_library\n")


def that_exits(site):
    (site / "coin_flips" / "__init__.py").write_text("raise SystemExit(3)\n")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (without_yaml, "found none. Add it, with setuptools as package-data, or remove"),
        (with_a_tab, "YAML within the limits"),
        (with_yaml_of_another_encoding, "other.yaml is not: 'utf-8' codec can't decode byte"),
        (that_cannot_be_imported, "importing it raised ModuleNotFoundError(\"No module named 'no_"),
        (that_exits, "importing it raised SystemExit(3)"),
    ],
)
def test_what_cannot_be_used_of_a_package_is_named(broken, beside, monkeypatch, spoil, told):
    spoil(broken)
    for site in (broken, beside):
        monkeypatch.syspath_prepend(site)
    monkeypatch.delitem(sys.modules, "coin_flips", raising=False)
    for cached in (plugins._problem, plugins._unusable):
        cached.cache_clear()
    problem = plugins.unusable_arms()["coin_flips"]
    assert problem.startswith(f"guided_evolution.proposers: {ANY}")
    assert told in problem
    assert "\n" not in problem
    found = dict(plugins.third_party_arms())  # and perhaps what else is installed here
    assert "coin_flips" not in found
    assert found["beside"] == "beside"
    plugins.require_usable("full")
    with pytest.raises(InputError, match="coin_flips registers the arm"):
        plugins.require_usable("coin_flips")


def test_a_package_that_cannot_be_used_stops_the_commands_that_use_it(broken, tmp_path):
    without_yaml(broken)
    refused = refusal(broken, "+ablation=coin_flips", f"runs_dir={tmp_path}/runs")
    assert refused.startswith(f"error: guided_evolution.proposers: {ANY}the file")
    assert refused.count("\n") == 1
    other = harness("+ablation=random_mutation", "--cfg", "job", env=with_package(broken))
    assert other.returncode == 0, other.stderr
    assert other.stderr.startswith(f"left out: guided_evolution.proposers: {ANY}the file")


def test_a_package_that_cannot_be_used_is_left_out_of_the_help(broken):
    without_yaml(broken)
    done = harness("--help", env=with_package(broken))
    assert done.returncode == 0
    assert "random_mutation" in done.stdout
    assert "coin_flips" not in done.stdout
    assert f"left out: guided_evolution.proposers: {ANY}" in done.stderr


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("full = coin_flips", "registers the arm full, expected another name: the harness has an"),
        ("coin_flips = baselines", "expected another package: records name the harness's own"),
    ],
)
def test_an_entry_point_that_cannot_be_used_is_named(broken, entry, told):
    (points,) = broken.glob("*.dist-info/entry_points.txt")
    points.write_text(f"[guided_evolution.proposers]\n{entry}\n")
    done = harness("+ablation=full", "--cfg", "job", env=with_package(broken))
    assert done.returncode == 0, done.stderr
    assert "harness.llm.guided.Guided" in done.stdout
    assert told in done.stderr


def test_an_arm_that_would_run_under_another_name_is_refused(broken, tmp_path):
    yaml = broken / "coin_flips" / "conf" / "ablation" / "coin_flips.yaml"
    yaml.write_text(yaml.read_text().replace("ablation: coin_flips\n", ""))
    told = refusal(broken, "+ablation=coin_flips", f"runs_dir={tmp_path}/runs", "compare=[]")
    assert "say 'ablation: coin_flips'; it would run under the name full" in told


@pytest.mark.parametrize(
    ("old", "told"),
    [
        ("harness.population", MOVED.format("harness.population", "harness.evolution.candidate")),
        ("harness.proposal", MOVED.format("harness.proposal", "harness.evolution.proposer")),
        ("baselines.edits", MOVED.format("baselines", "harness.baselines")),
        ("baselines.edits", "baselines.edits is harness.baselines.syntax_edits"),
    ],
)
@pytest.mark.parametrize("imported", ["with the package", "when the arm is composed"])
def test_an_import_path_of_version_0_1_0_is_answered_with_the_new_one(
    broken, tmp_path, old, told, imported
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
    assert told in refusal(
        broken, "+ablation=coin_flips", f"runs_dir={tmp_path}/runs", "compare=[]"
    )


def test_labels_of_another_type_are_refused_before_anything_is_trained(broken, tmp_path):
    code = broken / "coin_flips" / "__init__.py"
    code.write_text(
        code.read_text().replace("    def __init__", '    labels = ("rate",)\n\n    def __init__')
    )
    told = refusal(broken, "ablation=coin_flips", f"runs_dir={tmp_path}/runs", "compare=[]")
    assert told.startswith(
        "error: coin_flips.CoinFlips.labels: expected Mapping[str, str], keys of"
    )
    assert told.endswith("found ('rate',).\n")
    assert not (tmp_path / "runs").exists()
