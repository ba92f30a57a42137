"""Random mutation: the evolutionary baseline without an LLM.

Edits the syntax tree of the segments that GE rewrites, and mates by swapping a whole segment, so
that what differs between the two arms is the LLM alone.
"""

from collections.abc import Sequence

from baselines.syntax_edits import Edit, mutated
from harness.evolution.candidate import Rejection, Variation
from harness.evolution.genome import Genome
from harness.evolution.proposer import Context


class RandomMutation:
    """Random edits, of whichever segment offers them.

    edits: least and greatest number of edits per mutation, drawn uniformly.
    """

    def __init__(self, *, edits: Sequence[int]) -> None:
        self._least, self._most = edits

    def mutate(self, genome: Genome, context: Context) -> tuple[Genome | Rejection, Variation]:
        """Apply edits one by one, the kind of each drawn first, then its place."""
        rng = context.rng("mutation")
        n_edits = self._least
        if self._most > self._least:
            n_edits = context.rng("edits").randint(self._least, self._most)
        child, made = genome, list[tuple[str, Edit]]()
        for _ in range(n_edits):
            sources = {segment.name: segment.source for segment in child.segments}
            found = mutated(sources, rng=rng)
            if found is not None:
                segment, source, edit = found
                child = child.replace(segment, source)
                made.append((segment, edit))
        segments = {segment for segment, _ in made}
        variation = Variation(
            operator="mutation",
            segment=made[0][0] if len(segments) == 1 else "several",
            detail={
                "kind": ", ".join(edit.kind for _, edit in made),
                "site": ", ".join(edit.site for _, edit in made),
            },
        )
        if not child.differing(genome):
            reason = "the edits undo each other" if made else "no segment holds anything to edit"
            return Rejection(gate="extract", kind="extract", reason=reason), variation
        return child, variation

    def mate(
        self, genome: Genome, mate: Genome, context: Context
    ) -> tuple[Genome | Rejection, Variation]:
        """Take the mate's version of one segment at which the two differ."""
        segment = context.rng("mating segment").choice(genome.differing(mate))
        return genome.replace(segment, mate[segment]), Variation(operator="mating", segment=segment)
