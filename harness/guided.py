"""LLM-guided variation: mutation, Evolution of Thought, mating (Morris 2024, section 3.2)."""

from collections.abc import Mapping, Sequence
from random import Random

from harness import fitness
from harness.genome import Genome
from harness.models import Call, Model, Request, Settings
from harness.population import Individual, Rejection, Variation
from harness.prompts import (
    Example,
    Prompts,
    change_in_accuracy,
    change_in_params,
    extract_code,
)
from harness.proposal import Scene

Range = Sequence[float]
"""Lower and upper end of a uniform draw."""


class Guided:
    """Asks an LLM for each change.

    categories and characters: which of the prompts are drawn from, the neutral opening always
    among them; eot_probability: chance that a mutation after the founders reflects on an elite's
    change; temperature: range per purpose (``founder``, ``mutation``, ``mating``).
    """

    def __init__(
        self,
        *,
        model: Model,
        prompts: Mapping[str, object],
        categories: Sequence[str],
        characters: Sequence[str],
        eot_probability: float,
        temperature: Mapping[str, Range],
        top_p: float,
        max_tokens: Range,
    ) -> None:
        self._model = model
        self._prompts = Prompts(**prompts)  # type: ignore[arg-type]
        self._categories = list(categories)
        self._characters = ["", *characters]
        self._eot_probability = eot_probability
        self._temperature = temperature
        self._top_p, self._max_tokens = top_p, max_tokens

    def mutate(self, genome: Genome, scene: Scene) -> tuple[Genome | Rejection, Variation]:
        """Rewrite a random segment as one of the prompts asks, or by an elite's example."""
        segment = scene.rng("segment").choice(genome.names)
        character = scene.rng("character").choice(self._characters)
        detail = {"character": character or "neutral"}
        example = None if scene.founding else self._example(scene)
        if example is not None:
            elite, shown = example
            text = self._prompts.eot_text(
                character=character, segment=segment, code=genome[segment], example=shown
            )
            detail |= {"elite": elite.step, "example": shown.segment}
        else:
            category = scene.rng("category").choice(self._categories)
            text = self._prompts.mutation_text(
                category=category, character=character, segment=segment, code=genome[segment]
            )
            detail |= {"category": category}
        return self._ask(
            genome,
            scene,
            operator="eot" if example else "mutation",
            segment=segment,
            text=text,
            detail=detail,
        )

    def mate(
        self, genome: Genome, mate: Genome, scene: Scene
    ) -> tuple[Genome | Rejection, Variation]:
        """Merge the two versions of a random segment at which the parents differ."""
        segment = scene.rng("mating segment").choice(genome.differing(mate))
        favour = scene.rng("mating favour").choice(list(self._prompts.matings))
        text = self._prompts.mating_text(
            favour=favour, segment=segment, code=genome[segment], mate=mate[segment]
        )
        return self._ask(
            genome,
            scene,
            operator="mating",
            segment=segment,
            text=text,
            detail={"favour": favour},
        )

    def _example(self, scene: Scene) -> tuple[Individual, Example] | None:
        """Draw whether to reflect, and on which change; None where no elite is eligible."""
        if scene.rng("eot").random() >= self._eot_probability:
            return None
        seed = scene.reference
        eligible = [
            elite
            for elite in scene.elites
            if elite.genome.differing(seed.genome)
            and not fitness.dominates(seed.objectives, elite.objectives)
        ]
        if not eligible:
            return None
        rng = scene.rng("example")
        elite = rng.choice(eligible)
        segment = rng.choice(elite.genome.differing(seed.genome))
        was, now = seed.evaluation, elite.evaluation
        return elite, Example(
            segment=segment,
            before=seed.genome[segment],
            after=elite.genome[segment],
            accuracy_change=change_in_accuracy(was.accuracy, now.accuracy),
            params_change=change_in_params(was.n_params, now.n_params),
        )

    def _ask(
        self,
        genome: Genome,
        scene: Scene,
        *,
        operator: str,
        segment: str,
        text: str,
        detail: Mapping[str, str],
    ) -> tuple[Genome | Rejection, Variation]:
        purpose = "mating" if operator == "mating" else "mutation"
        settings = self._settings(
            "founder" if scene.founding else purpose, scene.rng(f"{purpose} settings")
        )
        request = Request(
            step=f"{scene.step}.{purpose}", segment=segment, prompt=text, settings=settings
        )
        call = Call(request=request, completion=self._model.complete(request))
        variation = Variation(operator=operator, segment=segment, detail=detail, call=call)
        if call.completion.finish_reason == "length":
            reason = f"the answer was cut off at {settings.max_tokens} tokens"
            return Rejection(gate="extract", kind="extract", reason=reason), variation
        code = extract_code(call.completion.text, segment=segment)
        if code is None:
            reason = f"expected code that defines {segment}, found none in the answer"
            return Rejection(gate="extract", kind="extract", reason=reason), variation
        return genome.replace(segment, code), variation

    def _settings(self, purpose: str, rng: Random) -> Settings:
        low, high = self._max_tokens
        return Settings(
            temperature=round(rng.uniform(*self._temperature[purpose]), 4),
            top_p=self._top_p,
            max_tokens=rng.randint(int(low), int(high)),
        )
