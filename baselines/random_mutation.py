"""Random mutation: evolutionary baselines without an LLM.

They edit the syntax tree of the same segments that the LLM rewrites, and mate by swapping a whole
segment, in the same loop with the same selection. More than the LLM differs from GE: an edit
changes one place where an LLM rewrites a segment, the edits are a fixed list where the LLM may
write any code, and the segments are drawn by what can be edited in them. ``docs/arms.md`` has the
measured share of proposals that shrink, grow and keep the size.
"""

from collections.abc import Sequence
from random import Random

from harness.baselines.syntax_edits import MATCHED, Edit, mutated
from harness.errors import InputError
from harness.evolution.candidate import Rejection, Variation
from harness.evolution.genome import Genome
from harness.evolution.proposer import Context
from harness.sandbox.parser import MAX_SOURCE_BYTES

_MOST_EDITS = 100


class RandomMutation:
    """Random edits of any segment, as in 0.1.0.

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
            drawn = self.drawn(sources, rng, context)
            if drawn is not None:
                segment, source, edit = drawn
                if len(source.encode()) > MAX_SOURCE_BYTES:
                    reason = f"edited, {segment} has more than {MAX_SOURCE_BYTES} bytes"
                    refused = Rejection(gate="extract", kind="extract", reason=reason)
                    return refused, Variation(operator="mutation", segment=segment)
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

    def drawn(
        self, sources: dict[str, str], rng: Random, context: Context
    ) -> tuple[str, str, Edit] | None:
        """Draw one edit, as ``syntax_edits.mutated``; override for other edits."""
        del context
        return mutated(sources, rng=rng)

    def mate(
        self, genome: Genome, mate: Genome, context: Context
    ) -> tuple[Genome | Rejection, Variation]:
        """Take the mate's version of one segment at which the two differ."""
        return with_a_segment_of(mate, genome, context)


def with_a_segment_of(
    mate: Genome, genome: Genome, context: Context
) -> tuple[Genome | Rejection, Variation]:
    """Return a genome with its mate's version of one segment at which the two differ.

    Equal parents, which are mated with ``rates.mate_identical``, have no such segment.
    """
    names = genome.differing(mate)
    if not names:
        same = Rejection(gate="extract", kind="duplicate", reason="the parents are equal")
        return same, Variation(operator="mating", segment="several")
    segment = context.rng("mating segment").choice(names)
    return genome.replace(segment, mate[segment]), Variation(operator="mating", segment=segment)


class MatchedMutation(RandomMutation):
    """Random edits that shrink as often as GE's prompts ask for fewer parameters.

    Widths may halve, and a kernel changes by one step (``syntax_edits.MATCHED``).

    Args:
        edits: As for ``RandomMutation``.
        shrinking: Share of mutations whose edits are drawn only from those that shrink the
            network. In GE one of six categories asks for that (Morris 2024, table 2).
    """

    def __init__(self, *, edits: Sequence[int], shrinking: float) -> None:
        super().__init__(edits=edits)
        if not 0 <= shrinking <= 1:
            raise InputError(f"shrinking: expected a share from 0 to 1, got {shrinking}.")
        self._shrinking = shrinking

    def drawn(
        self, sources: dict[str, str], rng: Random, context: Context
    ) -> tuple[str, str, Edit] | None:
        """Draw one edit; all edits of one mutation shrink, or none has to."""
        shrinks = context.rng("shrinking").random() < self._shrinking
        found = mutated(sources, rng=rng, finders=MATCHED, shrinking=True) if shrinks else None
        return found or mutated(sources, rng=rng, finders=MATCHED)
