"""Guided variation with one part exchanged: placebos, a published defect, and a sampler.

Each overrides one method of ``Guided``, so that everything else is the full method's own.
"""

from dataclasses import replace

from baselines.edits import mutated
from harness.genome import Genome
from harness.guided import Guided
from harness.population import Individual, Rejection, Variation
from harness.prompts import Example, change_in_accuracy, change_in_params
from harness.proposal import Scene


class ShuffledExamples(Guided):
    """Placebo for Evolution of Thought: the same prompt, about a pair that nobody ever measured.

    The elite and its measured changes stay; the code shown is a segment of the seed network before
    and after one random edit, neither a segment that the elite changed nor the one to be mutated.
    So the prompt reads as the full method's does, and what it shows had no part in the success.
    """

    def example(self, scene: Scene, segment: str) -> tuple[Individual, Example] | None:
        """Draw as the full method does, then another pair; None where there is none."""
        found = super().example(scene, segment)
        if found is None:
            return None
        elite, shown = found
        seed = scene.reference.genome
        barred = {segment, *elite.genome.differing(seed)}
        others = {name: seed[name] for name in seed.names if name not in barred}
        edited = mutated(others, rng=scene.rng("unrelated pair"))
        if edited is None:
            return None
        name, after, _ = edited
        return elite, replace(shown, segment=name, before=seed[name], after=after)


class CrossoverAsPublished(Guided):
    """The crossover of the published code: the merge overwrites the segment before the right one.

    The index of the segment counts from the first one, and is used on a list that begins with the
    header; so the merge of the first segment overwrites the header, and no merge reaches its
    segment. Parents without a difference are merged as well (``rates.mate_identical``).
    """

    def mate(
        self, genome: Genome, mate: Genome, scene: Scene
    ) -> tuple[Genome | Rejection, Variation]:
        """Merge a random segment, and put it where the published code puts it."""
        names = genome.differing(mate) or genome.names
        segment = scene.rng("mating segment").choice(names)
        merged, variation = self.merge(genome, mate, scene, segment=segment)
        if isinstance(merged, Rejection):
            return merged, variation
        place = genome.names.index(segment)
        if place == 0:
            return replace(genome, header=merged[segment]), variation
        return genome.replace(genome.names[place - 1], merged[segment]), variation


class SequentialSampling(Guided):
    """Samples that know the best so far: its code is what they change, its measures are told."""

    def progress(self, genome: Genome, scene: Scene) -> str:
        """Tell the measured changes of the network at hand, where it was measured."""
        for best in scene.elites:
            if best.genome == genome and genome != scene.reference.genome:
                seed, now = scene.confirm(scene.reference), scene.confirm(best)
                if seed is None or now is None:
                    return ""
                was, came = seed.evaluation, now.evaluation
                return self.prompts.progress_text(
                    accuracy_change=change_in_accuracy(was.accuracy, came.accuracy),
                    params_change=change_in_params(was.n_params, came.n_params),
                )
        return ""
