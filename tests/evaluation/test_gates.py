"""The recipe for a gate in CONTRIBUTING, followed in a copy of the harness."""

import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT

CHECK = '''
def prints(genome: Genome) -> str | None:
    """Refuse calls of print: what a network prints goes nowhere."""
    return "expected no call of print" if "print(" in genome.source else None


STATIC_GATES = (
    Gate(name="prints", kind="chatty", meaning="it prints", check=prints),
'''
OWN_DRAWS = """class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.linear = nn.Linear(img_channels, class_num)
        self.draws = torch.Generator()

    def forward(self, x):
        {check}
        return self.linear(x.mean(dim=(2, 3)))
"""
USE = """
from harness.evaluation.gates import KINDS, REPAIRABLE, STATIC_GATES
from harness.evolution.genome import Genome
from harness.reporting import footnotes

genome = Genome.parse("# segment: A\\nprint(1)\\n")
print(STATIC_GATES[0].refusal(genome), KINDS["chatty"], "prints" in REPAIRABLE, sep="|")
"""


def test_a_gate_costs_one_function_and_one_line_of_the_tuple(tmp_path):
    shutil.copytree(ROOT / "harness", tmp_path / "harness")
    gates = tmp_path / "harness" / "evaluation" / "gates.py"
    before, after = gates.read_text().split("\nSTATIC_GATES = (\n")
    gates.write_text(before + CHECK + after)
    done = subprocess.run(
        [sys.executable, "-c", USE], capture_output=True, text=True, check=False,
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rejection, meaning, repairable = done.stdout.strip().split("|")
    assert "gate='prints', kind='chatty', reason='expected no call of print'" in rejection
    assert (meaning, repairable) == ("it prints", "True")


def test_a_claim_of_flops_that_no_record_holds_predicts_nothing(backend, network):
    """On the meta device nothing is computed."""
    meta = "torch.empty(2**20, 2**20, device='meta')"
    many = network.replace(
        "ExquisiteNetV2",
        network["ExquisiteNetV2"].replace(
            "def forward(self, x):", f"def forward(self, x):\n        a = {meta}\n        a @ a", 1
        ),
    )
    found = backend.validate(many, seed=0)
    assert (found.refusal, found.flops) == (None, None)


@pytest.mark.parametrize(
    "check", ["assert self.training", "assert self.training or torch.ones(2 ** 36).sum()"],
    ids=["raises", "runs out of memory"],
)  # fmt: skip
def test_a_network_whose_flops_cannot_be_counted_passes_all_the_same(backend, network, check):
    child = network.replace("ExquisiteNetV2", OWN_DRAWS.format(check=check))
    found = backend.validate(child, seed=0)
    assert (found.refusal, found.flops) == (None, None)
    assert found.behaviour is not None


def test_a_network_without_a_digest_of_its_behaviour_passes_all_the_same(backend, network):
    child = network.replace("ExquisiteNetV2", OWN_DRAWS.format(check="x = x * bool(vars(self))"))
    found = backend.validate(child, seed=0)
    assert (found.refusal, found.behaviour) == (None, None)
    assert found.flops
