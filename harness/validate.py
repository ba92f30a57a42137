"""Pass one network through every gate: ``python -m harness.validate FILE [--json]``."""

from harness.assessment import Laboratory
from harness.genome import Genome
from harness.population import Fate
from harness.single import judge_file


def judge(lab: Laboratory, network: Genome, _: int) -> Fate | None:
    """Return the first gate's refusal, or None."""
    return lab.validate(network)


if __name__ == "__main__":
    judge_file(judge, prog="python -m harness.validate", description=__doc__)
