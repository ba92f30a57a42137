"""Random mutation: the evolutionary baseline without an LLM.

It edits the syntax tree of the same segments that the LLM rewrites, and mates by swapping a whole
segment, so that the LLM is the only difference between the arms.
"""

from collections.abc import Sequence

from baselines.syntax_edits import Edit, mutated
from harness.errors import InputError
from harness.evolution.candidate import Rejection, Variation
from harness.evolution.genome import Genome
from harness.evolution.proposer import Context

_MOST_EDITS = 1_000


class RandomMutation:
    """Random edits of any segment.

    Args:
        edits: Least and greatest number of edits per mutation; the number is drawn uniformly.
    """

    max_calls = 0

    def __init__(self, *, edits: Sequence[int]) -> None:
        self._least, self._most = edits
        if not 0 < self._least <= self._most <= _MOST_EDITS:
            raise InputError(
                f"edits: expected the least and the most per child, from 1 to {_MOST_EDITS}, got "
                f"{list(edits)}."
            )

    def mutate(self, genome: Genome, context: Context) -> tuple[Genome | Rejection, Variation]:
        """Apply edits one by one; the kind of each is drawn first, then its site."""
        rng = context.rng("mutation")
        n_edits = self._least
        if self._most > self._least:
            n_edits = context.rng("edits").randint(self._least, self._most)
        child, edits = genome, list[tuple[str, Edit]]()
        for _ in range(n_edits):
            sources = {segment.name: segment.source for segment in child.segments}
            drawn = mutated(sources, rng=rng)
            if drawn is not None:
                segment, source, edit = drawn
                child = child.replace(segment, source)
                edits.append((segment, edit))
        segments = {segment for segment, _ in edits}
        variation = Variation(
            operator="mutation",
            segment=edits[0][0] if len(segments) == 1 else "several",
            detail={
                "kind": ", ".join(edit.kind for _, edit in edits),
                "site": ", ".join(edit.site for _, edit in edits),
            },
        )
        if not child.differing(genome):
            reason = "the edits undo each other" if edits else "no segment holds anything to edit"
            return Rejection(gate="extract", kind="extract", reason=reason), variation
        return child, variation

    def mate(
        self, genome: Genome, mate: Genome, context: Context
    ) -> tuple[Genome | Rejection, Variation]:
        """Take the mate's version of one segment at which the two differ."""
        segment = context.rng("mating segment").choice(genome.differing(mate))
        return genome.replace(segment, mate[segment]), Variation(operator="mating", segment=segment)
