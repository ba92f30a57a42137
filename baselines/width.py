"""A width multiplier without any search (Howard 2017, MobileNets, section 3.3).

What a search of network sizes has to beat: the seed network with all widths scaled by one factor.
"""

import itertools
from collections.abc import Iterator

from harness.baselines.syntax_edits import on_grid, rewritten, width_places
from harness.errors import BudgetSpent, InputError
from harness.evolution.candidate import Rejection, Variation
from harness.evolution.genome import Genome
from harness.evolution.proposer import Context
from harness.sandbox.parser import syntax_tree

_BISECTIONS = 7
"""After these, neighbouring multipliers differ by less than 1 %: no width is left out."""


class WidthMultiplier:
    """Scales all widths of the seed network: 1/2, 1/4, ..., then the midpoints between neighbours.

    A width is an integer of at least ``syntax_edits.MIN_WIDTH`` in a call. Scaled widths are
    multiples of 4. A multiplier that rounds to the widths of an earlier one is left out. When none
    is left, the run ends. There are no random draws: runs differ by the seed of their trainings.

    Args:
        halvings: How often the widths are halved at most; 3 ends at 1/8.
    """

    max_calls = 0

    def __init__(self, *, halvings: int) -> None:
        if not 1 <= halvings <= 8:  # noqa: PLR2004 - 1/256 of 384 channels is below one channel
            raise InputError(f"halvings: expected a number from 1 to 8, got {halvings}.")
        self._halvings = halvings

    @staticmethod
    def require(seed: Genome) -> None:
        """Raise InputError for a seed network without the places that are varied."""
        scaled(seed, 1 / 2)

    def mutate(self, genome: Genome, context: Context) -> tuple[Genome | Rejection, Variation]:
        """Return the seed network at the multiplier that comes next in the run.

        Raises:
            BudgetSpent: Every multiplier was proposed.
            InputError: The seed network has no widths.
        """
        del genome
        place = len(context.history) + context.place
        for k, (multiplier, child) in enumerate(self._distinct(context.reference.genome)):
            if k == place:
                detail = {"multiplier": str(multiplier)}
                return child, Variation(operator="mutation", segment="several", detail=detail)
        raise BudgetSpent(f"{context.step}: every multiplier was proposed.")

    def mate(
        self, genome: Genome, mate: Genome, context: Context
    ) -> tuple[Genome | Rejection, Variation]:
        """Refuse: there is nothing to mix (``rates.p_mate`` is 0 in this arm)."""
        del genome, mate, context
        reason = "a width multiplier has no crossover"
        refused = Rejection(gate="extract", kind="extract", reason=reason)
        return refused, Variation(operator="mating", segment="several")

    def _distinct(self, seed: Genome) -> Iterator[tuple[float, Genome]]:
        """Yield multipliers that lead to different networks, and the networks."""
        seen = [seed]
        for multiplier in multipliers(self._halvings):
            child = scaled(seed, multiplier)
            if child not in seen:
                seen.append(child)
                yield multiplier, child


def multipliers(halvings: int) -> Iterator[float]:
    """Yield so many halvings, 1/2, 1/4, ..., then the midpoints between neighbours by level.

    Midpoints come from wide to narrow: 3/4, 3/8, ..., 7/8, 5/8, ...
    """
    known = [1 / 2**k for k in range(halvings + 1)]
    yield from known[1:]
    for _ in range(_BISECTIONS):
        between = [(a + b) / 2 for a, b in itertools.pairwise(known)]
        yield from between
        known = sorted([*known, *between], reverse=True)


def scaled(seed: Genome, multiplier: float) -> Genome:
    """Return a network with all widths scaled; InputError if it has none."""
    child, found = seed, False
    for name in seed.names:
        places = width_places(syntax_tree(seed[name]))
        found = found or bool(places)
        changes = [
            (place, str(on_grid(width * multiplier)))
            for width, all_places in places.items()
            for place in all_places
        ]
        child = child.replace(name, rewritten(seed[name], changes))
    if not found:
        raise InputError(
            "ablation=width: expected a seed network that writes its widths as integers of at "
            "least 8 in calls, such as nn.Linear(384, class_num), found none. Write them as "
            "numbers, or leave this arm out."
        )
    return child
