"""Random mutation: the evolutionary baseline without an LLM.

Edits the syntax tree of the segments that GE rewrites, and mates by swapping a whole segment, so
that what differs between the two arms is the LLM alone.
"""

from baselines.edits import mutated
from harness.genome import Genome
from harness.population import Rejection, Variation
from harness.proposal import Scene


class RandomMutation:
    """One random edit per mutation, of whichever segment offers it."""

    def mutate(self, genome: Genome, scene: Scene) -> tuple[Genome | Rejection, Variation]:
        """Apply one edit, its kind drawn first, then its place."""
        sources = {segment.name: segment.source for segment in genome.segments}
        found = mutated(sources, rng=scene.rng("mutation"))
        if found is None:
            nothing = Rejection(
                gate="extract", kind="extract", reason="no segment holds anything to edit"
            )
            return nothing, Variation(operator="mutation", segment=genome.names[0])
        segment, source, edit = found
        detail = {"kind": edit.kind, "site": edit.site}
        variation = Variation(operator="mutation", segment=segment, detail=detail)
        return genome.replace(segment, source), variation

    def mate(
        self, genome: Genome, mate: Genome, scene: Scene
    ) -> tuple[Genome | Rejection, Variation]:
        """Take the mate's version of one segment at which the two differ."""
        segment = scene.rng("mating segment").choice(genome.differing(mate))
        return genome.replace(segment, mate[segment]), Variation(operator="mating", segment=segment)
