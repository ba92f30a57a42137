"""How often does an arm shrink the seed network? ``python -m bench.proposal_sizes [ARM...]``.

Lets each arm without an LLM propose founders, one per seed, and counts their parameters on torch's
meta device, without training. The networks are edits of this package's own seed network, so they
are built in this process. Prints a Markdown table, which ``docs/arms.md`` has.
"""

import sys

import torch

from harness.config.compose import compose
from harness.config.paths import ROOT
from harness.config.strategies import build
from harness.evolution.candidate import Evaluation, Individual
from harness.evolution.genome import Genome, read_network
from harness.evolution.proposer import Context

ARMS = ("random_mutation", "random_mutation_as_before", "random_search", "nas")
SEEDS = 1000
SEED_NETWORK = ROOT / "baselines" / "networks" / "exquisitenet_v2.py"


def n_params(genome):
    """Parameters of the network, or None where it cannot be built or does not run."""
    names = {}
    try:
        exec(genome.source, names)
        with torch.device("meta"):
            network = names["ExquisiteNetV2"](10, 3).eval()
            network(torch.zeros(2, 3, 32, 32))
    except (RuntimeError, ValueError, TypeError):
        return None
    return sum(p.numel() for p in network.parameters())


def founders(arm, seed_network, n):
    """Parameters of n founders of an arm, each the first child of another seed."""
    proposer = build(compose([f"+ablation={arm}"]).proposer)
    reference = Individual(
        step="seed",
        genome=seed_network,
        evaluation=Evaluation(score=0.9, n_params=n_params(seed_network), train_s=0),
    )
    for seed in range(n):
        context = Context(step="g0.c0", seed=seed, founding=True, reference=reference, elites=[])
        child, _ = proposer.mutate(seed_network, context)
        yield n_params(child) if isinstance(child, Genome) else None


def row(arm, sizes, seed):
    """Shares of all proposals, in percent."""
    built = [size / seed for size in sizes if size is not None]
    shares = (
        len([r for r in built if r < 0.9]),
        len([r for r in built if 0.9 <= r < 1]),
        len([r for r in built if r == 1]),
        len([r for r in built if 1 < r <= 1.1]),
        len([r for r in built if r > 1.1]),
        len(sizes) - len(built),
        len([r for r in built if r <= 0.5]),
        len([r for r in built if r > 10]),
    )
    return [arm, *(f"{100 * n / len(sizes):.1f}" for n in shares)]


def main():
    """Print the table."""
    seed_network = read_network(SEED_NETWORK)
    head = ["arm", "below 90 %", "90 to 100 %", "same", "to 110 %", "above 110 %", "not built",
            "half or less", "above 10x"]  # fmt: skip
    rows = [head, ["---"] * len(head)]
    seed = n_params(seed_network)
    rows += [
        row(arm, list(founders(arm, seed_network, SEEDS)), seed) for arm in sys.argv[1:] or ARMS
    ]
    for cells in rows:
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
