"""Pass one network through every gate: ``python -m harness.validate FILE [--json]``."""

from harness.evaluation.assessor import training_seed
from harness.evaluation.backend import Backend
from harness.evolution.candidate import Outcome
from harness.evolution.genome import Genome
from harness.runs.single_network import judge_file
from harness.text import without_markup


def judge(backend: Backend, network: Genome, seed: int) -> Outcome | None:
    """Return the first gate's rejection, or None."""
    return backend.validate(network, seed=training_seed(seed)).refusal


if __name__ == "__main__":
    judge_file(judge, prog="python -m harness.validate", description=without_markup(__doc__))
