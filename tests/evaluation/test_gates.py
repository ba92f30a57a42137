"""The recipe for a gate in CONTRIBUTING, followed in a copy of the harness."""

import shutil
import subprocess
import sys

from tests.conftest import ROOT

CHECK = '''
def prints(genome: Genome) -> str | None:
    """Refuse calls of print: what a network prints goes nowhere."""
    return "expected no call of print" if "print(" in genome.source else None


STATIC_GATES = (
    Gate(name="prints", kind="chatty", meaning="it prints", check=prints),
'''
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
