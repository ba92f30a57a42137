"""Pass one network through every gate: ``python -m harness.validate FILE [--json]``."""

from harness.evaluation.backend import Backend
from harness.evolution.candidate import Outcome
from harness.evolution.genome import Genome
from harness.runs.single_network import judge_file


def judge(backend: Backend, network: Genome, _: int) -> Outcome | None:
    """Return the first gate's rejection, or None."""
    return backend.validate(network).refusal


if __name__ == "__main__":
    judge_file(judge, prog="python -m harness.validate", description=__doc__)
