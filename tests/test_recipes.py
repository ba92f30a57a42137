"""CONTRIBUTING's recipes, followed in a copy of the repository: the files they name are enough."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT, SMALL
from tests.support.paper import write_paper

COPIED = ("baselines", "conf", "harness", "reproductions", "tests")
ARM = '''"""Coin flips: every child drops out another share of the last features."""

import re

from harness.evolution.candidate import Variation
from harness.evolution.genome import Genome
from harness.evolution.proposer import Context


class CoinFlips:
    """Draws the dropout rate of a segment.

    Args:
        segment: Name of the segment.
    """

    def __init__(self, *, segment: str) -> None:
        self._segment = segment

    def mutate(self, genome: Genome, context: Context) -> tuple[Genome, Variation]:
        """Replace the rate by a random one."""
        rate = f"nn.Dropout({context.rng('coin').random():.6f})"
        source = re.sub(r"nn\\.Dropout\\([\\d.]+\\)", rate, genome[self._segment])
        variation = Variation(operator="flip", segment=self._segment)
        return genome.replace(self._segment, source), variation

    def mate(self, genome: Genome, mate: Genome, context: Context) -> tuple[Genome, Variation]:
        """Take the mate's rate."""
        del context
        variation = Variation(operator="mating", segment=self._segment)
        return genome.replace(self._segment, mate[self._segment]), variation
'''
ARM_YAML = """# @package _global_
# Baseline without an LLM: coin flips.
defaults:
  - override /proposer: none

ablation: coin_flips
arm: coin_flips
proposer:
  _target_: baselines.coin_flips.CoinFlips
  segment: ExquisiteNetV2
"""
ARM_TEST = """

class TestCoinFlips(ProposerContract):
    @pytest.fixture
    def proposer(self):
        return built("coin_flips")
"""
GATE = '''def brevity(genome: Genome) -> str | None:
    """Refuse long lines: nobody reads them."""
    lines = genome.source.split("\\n")
    return "a line is longer than 200 characters" if max(map(len, lines)) > 200 else None


'''
GATE_ENTRY = (
    '    Gate(name="brevity", kind="prolix", meaning="lines too long to read", check=brevity),\n'
)
CANDIDATE = f"""# expects: prolix: longer than 200 characters
# entry: own
# segment: DW
SEED
# {"x" * 200}
"""
METRIC = """    Metric(
        name="front_size",
        heading="networks on the front",
        phrase="networks on the front",
        value=lambda run: len(run.front),
        table=RESULTS,
        comparable=True,
    ),
"""
FIGURE = '''"""Sizes of the networks on each front."""

from typing import Any

from harness.analysis.comparison import Comparison
from harness.reporting import plot_style
from harness.reporting.figures.figure import Figure


def _draw(comparison: Comparison) -> Any:
    drawn, axes = plot_style.figure(width=4, height=3)
    for run in comparison.runs:
        sizes = [c.objectives.n_params for c in run.front if c.objectives]
        axes[0][0].plot(sizes, linestyle="none", marker="o")
    return drawn


FIGURE = Figure(
    name="sizes", title="Sizes", caption="Parameters of each network.", draw=_draw, position=7
)
'''
FIGURE_TEST = """

def test_sizes_are_drawn(study, tmp_path):
    assert draw("sizes", compare(study), tmp_path)
"""
DATASET = '''class FewDigits:
    """The first of the digits, as fast to train on as a test wants it."""

    def __init__(self, *, n: int) -> None:
        self._n = n

    def load(self, progress: Progress | None = None) -> Dataset:
        """Read the digits and keep the first of each split."""
        del progress
        whole = Digits(size=32, split_seed=0).load()
        few = {
            name: Split(**{part: array[: self._n] for part, array in vars(split).items()})
            for name, split in vars(whole).items()
            if isinstance(split, Split)
        }
        return Dataset(**vars(whole) | few | {"name": "few_digits"})


'''
DATASET_YAML = """# The first handwritten digits of each split.
_target_: harness.tasks.image_classification.datasets.FewDigits
n: 60
"""


PAPER_ARMS = "comparisons: {few: {arms: [coin_flips], seeds: [0]}}"
PAPER_CLAIMS = """
title: "A paper"
sections:
  fronts:
    title: Fronts
    source: A paper, table 1
    claims:
      - {name: two, says: two on the front, comparison: few, arm: coin_flips, measure: front_size, published: 2}
"""


class Checkout:
    """A copy of the repository that a contributor edits; remembers which files."""

    def __init__(self, folder):
        self.folder, self.edited = folder, []
        for name in COPIED:
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        shutil.copy(ROOT / "pyproject.toml", folder)

    def write(self, name, text):
        """Add a file."""
        assert not (self.folder / name).exists()
        (self.folder / name).write_text(text)
        self.edited.append(name)

    def edit(self, name, *changes):
        """Insert texts before others in one file, or at its end."""
        text = (self.folder / name).read_text()
        for before, inserted in changes:
            assert text.count(before) == 1 or not before, before
            place = text.index(before) if before else len(text)
            text = text[:place] + inserted + text[place:]
        (self.folder / name).write_text(text)
        self.edited.append(name)

    def recipe(self):
        """Return the files edited since the last recipe."""
        files, self.edited = set(self.edited), []
        return files

    def run(self, *command, module="harness"):
        return subprocess.run(
            [sys.executable, "-m", module, *map(str, command)],
            capture_output=True, text=True, check=False, cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(self.folder)},
        )  # fmt: skip


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A checkout in which every recipe was followed, and the files that each of them took."""
    copy = Checkout(tmp_path_factory.mktemp("checkout"))
    copy.files = {}

    copy.write("baselines/coin_flips.py", ARM)
    copy.write("conf/ablation/coin_flips.yaml", ARM_YAML)
    copy.edit("tests/baselines/test_proposers.py", ("", ARM_TEST))
    copy.files["arm"] = copy.recipe()

    copy.edit(
        "harness/evaluation/gates.py",
        ("def parse(genome: Genome)", GATE), ('    Gate(name="parse"', GATE_ENTRY),
    )  # fmt: skip
    copy.write("tests/candidates/brevity__long_line.py", CANDIDATE)
    copy.files["gate"] = copy.recipe()

    copy.edit(
        "harness/analysis/metrics.py",
        (")\nMETRICS = ", METRIC),
    )
    copy.files["metric"] = copy.recipe()

    copy.write("harness/reporting/figures/sizes.py", FIGURE)
    copy.edit("tests/reporting/test_figures.py", ("", FIGURE_TEST))
    copy.files["figure"] = copy.recipe()

    copy.edit("harness/tasks/image_classification/datasets.py", ("class Cifar10", DATASET))
    copy.write("conf/task/few_digits.yaml", DATASET_YAML)
    copy.files["dataset"] = copy.recipe()
    return copy


@pytest.fixture(scope="module")
def runs(checkout):
    """The new arm, run for real on the new data set."""
    folder = checkout.folder / "runs"
    command = ("+ablation=coin_flips", "compare=[]", "task=few_digits", *SMALL)
    done = checkout.run(*command, f"runs_dir={folder}")
    assert done.returncode == 0, done.stderr
    return folder


def test_each_takes_as_many_files_as_it_says(checkout):
    counts = {name: len(files) for name, files in checkout.files.items()}
    assert counts == {"arm": 3, "gate": 2, "metric": 1, "figure": 2, "dataset": 2}


def test_what_they_write_passes_their_tests(checkout):
    """The arm keeps the contract, the gate refuses its candidate, the figure is drawn."""
    tests = (
        "tests/baselines/test_proposers.py", "tests/sandbox/test_candidates.py",
        "tests/reporting/test_figures.py",
    )  # fmt: skip
    chosen = "CoinFlips or isolated-brevity or sizes_are_drawn"
    done = checkout.run("-q", "-n0", "-m", "", "-k", chosen, *tests, module="pytest")
    assert done.returncode == 0, done.stdout
    counts = re.search(r"(\d+) passed(?:, (\d+) skipped)?", done.stdout)
    assert int(counts[1]) > 6, done.stdout


def test_an_arm_runs_on_a_data_set(runs):
    (run,) = runs.glob("coin_flips-s0-*")
    manifest = json.loads((run / "config.json").read_text())
    assert manifest["proposer"]["_target_"] == "baselines.CoinFlips"
    assert list((run / "front").iterdir())


def test_a_metric_is_a_column_a_key_and_a_measure(checkout, runs):
    done = checkout.run(runs, "--format", "csv", "--measure", "front_size", module="harness.table")
    assert done.returncode == 0, done.stderr
    (row,) = (r for r in csv.DictReader(io.StringIO(done.stdout)) if r["arm"] == "coin_flips")
    assert float(row["front_size"]) >= 1
    paper = write_paper(checkout.folder / "paper", arms=PAPER_ARMS, claims=PAPER_CLAIMS)
    done = checkout.run(paper, "table", f"runs_dir={runs}", "--out", paper, module="reproductions")
    assert done.returncode == 0, done.stderr
    assert "| two on the front " in (paper / "table.md").read_text()


def test_a_figure_is_in_the_report_as_is_the_metric(checkout, runs):
    done = checkout.run(runs, module="harness.report")
    assert done.returncode == 0, done.stderr
    (comparison,) = runs.glob("comparison-*")
    assert {"sizes.png", "sizes.pdf"} <= {path.name for path in comparison.iterdir()}
    page = (runs / "report.html").read_text()
    assert "Parameters of each network." in page
    assert "networks on the front" in page
