"""Train and score one network: ``python -m harness.evaluate FILE [--json]``.

Prints the validation score, number of parameters and seconds, or the gate that refused the network.
The same command resumes a long training that was interrupted. No training is repeated.
"""

from harness.evaluation.assessor import training_seed
from harness.evaluation.backend import Backend
from harness.evolution.candidate import Outcome
from harness.evolution.genome import Genome
from harness.runs.single_network import judge_file
from harness.text import without_markup


def judge(backend: Backend, network: Genome, seed: int) -> Outcome:
    """Return what a search with this seed would measure."""
    seed = training_seed(seed)
    refusal = backend.validate(network, seed=seed).refusal
    return refusal or backend.evaluate.search(network, seed=seed)


if __name__ == "__main__":
    judge_file(judge, prog="python -m harness.evaluate", description=without_markup(__doc__))
