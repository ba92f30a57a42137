"""Variants of guided variation: a placebo, a published defect, and a sampler.

Each overrides one method of ``Guided`` and shares everything else with the full method.
"""

import difflib
from collections.abc import Mapping
from dataclasses import replace
from random import Random

from baselines.syntax_edits import mutated
from harness.evolution.candidate import Individual, Rejection, Variation
from harness.evolution.genome import Genome
from harness.evolution.proposer import Context
from harness.llm.guided import Guided
from harness.llm.prompts import Example, change_in_params

_MOST_EDITS = 40
"""Number of random edits after which no further line can be expected to change."""


class ShuffledExamples(Guided):
    """Placebo for Evolution of Thought: the same prompt with an unrelated change as the example.

    The elite and its measured changes stay. The code shown is a change that another elite made to
    the seed network, neither in a segment that the drawn elite changed nor in the one to be
    mutated. If no other elite has such a change, it is a segment of the seed network after random
    edits, until as many lines differ as in the pair that it replaces.
    """

    def example(self, context: Context, segment: str) -> tuple[Individual, Example] | None:
        """Draw as the full method does, then replace the pair; None if there is none."""
        found = super().example(context, segment)
        if found is None:
            return None
        elite, shown = found
        seed = context.reference.genome
        barred = {segment, *elite.genome.differing(seed)}
        rng = context.rng("unrelated pair")
        theirs = [
            (name, other.genome[name])
            for other in context.elites
            for name in other.genome.differing(seed)
            if name not in barred
        ]
        others = {name: seed[name] for name in seed.names if name not in barred}
        pair = rng.choice(theirs) if theirs else _edited(others, _changed_lines(shown), rng)
        if pair is None:
            return None
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
    changes = difflib.ndiff(before.splitlines(), after.splitlines())
    return sum(line.startswith(("+ ", "- ")) for line in changes)


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

    def progress(self, genome: Genome, context: Context) -> str:
        """Return the measured changes of this network, or nothing if it was not measured."""
        for best in context.elites:
            if best.genome == genome and genome != context.reference.genome:
                seed, now = context.confirm(context.reference), context.confirm(best)
                if seed is None or now is None:
                    return ""
                was, came = seed.evaluation, now.evaluation
                return self.prompts.progress_text(
                    score_change=self.wording.change(was.score, came.score),
                    params_change=change_in_params(was.n_params, came.n_params),
                )
        return ""
