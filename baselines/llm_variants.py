"""Variants of guided variation: a placebo, a published defect, and a sampler.

Each overrides one method of ``Guided`` and shares everything else with the full method.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from random import Random

from harness.baselines.syntax_edits import mutated
from harness.evolution.candidate import Individual, Rejection, Variation
from harness.evolution.genome import Genome
from harness.evolution.proposer import Context
from harness.llm.guided import Guided
from harness.llm.prompts import Example

NO_SEGMENT = "no segment to edit"
"""Recorded for a plain mutation whose elite left no segment that random edits can change."""
_MOST_EDITS = 40
"""Number of random edits after which no further line can be expected to change."""


class ShuffledExamples(Guided):
    """Placebo for Evolution of Thought: the same prompt with a meaningless change as the example.

    The drawn elite and its measured changes stay. The code shown is a segment that this elite left
    as it was in the seed network, after random edits, until as many lines differ as in the pair
    that it replaces. Code of other elites would pass on what selection kept, and code of refused or
    dominated children what selection discarded; random edits that nobody measured pass on neither.
    As in the full method, the segment may be the one that is to be mutated.
    """

    def example(self, context: Context) -> tuple[Individual, Example] | str:
        """Draw as the full method does, then replace the pair, or say why there is none."""
        found = super().example(context)
        if isinstance(found, str):
            return found
        elite, shown = found
        seed = context.reference.genome
        changed = elite.genome.differing(seed)
        unchanged = {name: seed[name] for name in seed.names if name not in changed}
        pair = _edited(unchanged, _changed_lines(shown), context.rng("unrelated pair"))
        if pair is None:
            return NO_SEGMENT
        name, after = pair
        return elite, replace(shown, segment=name, before=seed[name], after=after)


def _edited(sources: Mapping[str, str], lines: int, rng: Random) -> tuple[str, str] | None:
    """Edit one of the sources at random until so many lines differ, if possible."""
    first = mutated(sources, rng=rng)
    if first is None:
        return None
    name, after, _ = first
    for _ in range(_MOST_EDITS):
        if _differing_lines(sources[name], after) >= lines:
            break
        more = mutated({name: after}, rng=rng)
        if more is None:
            break
        after = more[1]
    return name, after


def _changed_lines(shown: Example) -> int:
    return _differing_lines(shown.before, shown.after)


def _differing_lines(before: str, after: str) -> int:
    """Return how many lines only one of two texts has; a line that moved is in both."""
    ours, theirs = Counter(before.splitlines()), Counter(after.splitlines())
    return (ours - theirs).total() + (theirs - ours).total()


class CrossoverAsPublished(Guided):
    """The crossover of the published code: the merge overwrites the segment before the right one.

    The published code counts segments from the first, but applies the index to a list that begins
    with the header. So the merge of the first segment overwrites the header, and no merge reaches
    its segment. Parents without a difference are merged as well (``rates.mate_identical``).
    """

    def mate(
        self, genome: Genome, mate: Genome, context: Context
    ) -> tuple[Genome | Rejection, Variation]:
        """Merge a random segment, and insert it where the published code does."""
        names = genome.differing(mate) or genome.names
        segment = context.rng("mating segment").choice(names)
        merged, variation = self.merge(genome, mate, context, segment=segment)
        if isinstance(merged, Rejection):
            return merged, variation
        place = genome.names.index(segment)
        if place == 0:
            return replace(genome, header=merged[segment]), variation
        return genome.replace(genome.names[place - 1], merged[segment]), variation


class SequentialSampling(Guided):
    """Samples changes of the best network so far; the prompt states its measured changes."""

    def measurements_text(self, genome: Genome, context: Context) -> str:
        """Return the measured changes of this network; nothing for the seed network."""
        for best in context.elites:
            if best.genome == genome and genome != context.reference.genome:
                return self.measured(best, context, self.prompts.progress)
        return ""
