"""Random mutation: the evolutionary baseline without an LLM.

Edits the syntax tree of the segments that GE rewrites, and mates by swapping a whole segment, so
that what differs between the two arms is the LLM alone.
"""

from baselines.edits import mutate_segment
from harness.genome import Genome
from harness.population import Rejection, Variation
from harness.proposal import Scene


class RandomMutation:
    """One random edit per mutation, of a random segment that has something to edit."""

    def mutate(self, genome: Genome, scene: Scene) -> tuple[Genome | Rejection, Variation]:
        """Apply one edit; segments are tried in random order until one can be edited."""
        rng = scene.rng("mutation")
        segments = list(genome.names)
        rng.shuffle(segments)
        for segment in segments:
            mutated = mutate_segment(genome[segment], rng=rng)
            if mutated is not None:
                source, edit = mutated
                detail = {"kind": edit.kind, "site": edit.site}
                variation = Variation(operator="mutation", segment=segment, detail=detail)
                return genome.replace(segment, source), variation
        nothing = Rejection(gate="extract", reason="no segment holds anything to edit")
        return nothing, Variation(operator="mutation", segment=segments[0])

    def mate(
        self, genome: Genome, mate: Genome, scene: Scene
    ) -> tuple[Genome | Rejection, Variation]:
        """Take the mate's version of one segment at which the two differ."""
        segment = scene.rng("mating segment").choice(genome.differing(mate))
        return genome.replace(segment, mate[segment]), Variation(operator="mating", segment=segment)
