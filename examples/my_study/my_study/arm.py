"""The arm ``one_width``: each mutation changes one width of one segment."""

import re
from collections.abc import Sequence

from harness.errors import InputError
from harness.evolution.candidate import Rejection, Variation
from harness.evolution.genome import Genome
from harness.evolution.proposer import Context

LEAST_WIDTH = 8
"""Smaller integers are kernel sizes and strides rather than widths."""
INTEGER = re.compile(r"(?<![\w.])\d+(?![\w.])")


class OneWidth:
    """Scales one width of one segment, everywhere in that segment.

    Args:
        factors: The factors to draw from.
    """

    max_calls = 0  # it asks no LLM

    def __init__(self, *, factors: Sequence[float]) -> None:
        if not factors or any(factor <= 0 or factor == 1 for factor in factors):
            raise InputError(f"factors: expected positive numbers but 1, got {list(factors)}.")
        self._factors = list(factors)

    @staticmethod
    def require(seed: Genome) -> None:
        """Refuse a seed network without a width."""
        if not widths_in(seed):
            raise InputError(
                f"ablation=one_width: expected a seed network whose segments have integers of at "
                f"least {LEAST_WIDTH}, found none."
            )

    def mutate(self, genome: Genome, context: Context) -> tuple[Genome | Rejection, Variation]:
        """Draw a width and a factor; every draw comes from the stream of this step."""
        rng = context.rng("one width")
        segment, width = rng.choice(widths_in(genome) or [(genome.names[-1], 0)])
        scaled = max(LEAST_WIDTH, round(width * rng.choice(self._factors)))
        variation = Variation(
            operator="mutation", segment=segment, detail={"width": f"{width} to {scaled}"}
        )
        source = INTEGER.sub(
            lambda found: str(scaled) if int(found[0]) == width else found[0], genome[segment]
        )
        return changed(genome, genome.replace(segment, source)), variation

    def mate(
        self, genome: Genome, mate: Genome, context: Context
    ) -> tuple[Genome | Rejection, Variation]:
        """Take the mate's version of one segment at which the two differ."""
        segment = context.rng("mating").choice(genome.differing(mate))
        child = changed(genome, genome.replace(segment, mate[segment]))
        return child, Variation(operator="mating", segment=segment)


def widths_in(genome: Genome) -> list[tuple[str, int]]:
    """Return the widths of each segment, as pairs of its name and a width."""
    return [
        (segment.name, width)
        for segment in genome.segments
        for width in sorted({int(number) for number in INTEGER.findall(segment.source)})
        if width >= LEAST_WIDTH
    ]


def changed(parent: Genome, child: Genome) -> Genome | Rejection:
    """Return the child, or a rejection if it is its parent: nothing would be learned from it."""
    if child.differing(parent):
        return child
    return Rejection(gate="extract", kind="extract", reason="nothing changed")
