"""The seed network alone, trained many times: what selection gains by luck."""

from harness.evolution.candidate import Rejection, Variation
from harness.evolution.genome import Genome
from harness.evolution.proposer import Context


class SeedOnly:
    """Proposes the network it is given; ``search.retrain`` trains each with another seed."""

    max_calls = 0

    def mutate(self, genome: Genome, context: Context) -> tuple[Genome | Rejection, Variation]:
        """Change nothing."""
        del context
        return genome, Variation(operator="nothing", segment="several")

    def mate(
        self, genome: Genome, mate: Genome, context: Context
    ) -> tuple[Genome | Rejection, Variation]:
        """Change nothing."""
        del mate
        return self.mutate(genome, context)
