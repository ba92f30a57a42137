"""LLM-guided variation: mutation, Evolution of Thought, mating (Morris 2024, section 3.2)."""

from collections.abc import Collection, Mapping, Sequence
from random import Random

from harness import fitness
from harness.errors import InputError
from harness.genome import Genome
from harness.models import Call, Model, Request, Settings
from harness.population import Individual, Rejection, Variation
from harness.prompts import (
    NEUTRAL,
    Example,
    Prompts,
    change_in_accuracy,
    change_in_params,
    extract_code,
)
from harness.proposal import Scene

Range = Sequence[float]
"""Lower and upper end of a uniform draw."""
NO_ELITE = "no eligible elite"
"""Recorded of a mutation that was to reflect on an elite and had none."""


class Guided:
    """Asks an LLM for each change.

    categories and characters: which of the prompts are drawn from, ``neutral`` standing for no
    character; eot_probability: chance that a mutation after the founders reflects on an elite's
    change; eot_strict: only on one that gained in one objective and lost in none;
    review_probability: chance that the LLM is asked to check its own answer; temperature: range
    per purpose (``founder``, ``mutation``, ``mating``).
    """

    def __init__(
        self,
        *,
        model: Model,
        prompts: Mapping[str, object],
        categories: Sequence[str],
        characters: Sequence[str],
        eot_probability: float,
        eot_strict: bool,
        review_probability: float,
        temperature: Mapping[str, Range],
        top_p: float,
        max_tokens: Range,
    ) -> None:
        self._model = model
        self.prompts = Prompts(**prompts)  # type: ignore[arg-type]
        self._categories = _known("categories", categories, self.prompts.categories)
        self._characters = _known("characters", characters, [NEUTRAL, *self.prompts.characters])
        self._eot_probability, self._eot_strict = eot_probability, eot_strict
        self._review_probability = review_probability
        self._temperature = temperature
        self._top_p, self._max_tokens = top_p, max_tokens

    def mutate(self, genome: Genome, scene: Scene) -> tuple[Genome | Rejection, Variation]:
        """Rewrite a random segment as one of the prompts asks, or by an elite's example."""
        segment = scene.rng("segment").choice(genome.names)
        character = scene.rng("character").choice(self._characters)
        detail = {"character": character}
        reflects = not scene.founding and scene.rng("eot").random() < self._eot_probability
        found = self.example(scene, segment) if reflects else None
        if found is not None:
            elite, shown = found
            text = self.prompts.eot_text(
                character=character,
                segment=segment,
                code=genome[segment],
                example=shown,
                header=genome.header,
            )
            detail |= {"elite": elite.step, "example": shown.segment}
        else:
            category = scene.rng("category").choice(self._categories)
            text = self.prompts.mutation_text(
                category=category,
                character=character,
                segment=segment,
                code=genome[segment],
                header=genome.header,
                progress=self.progress(genome, scene),
            )
            detail |= {"category": category} | ({"eot": NO_ELITE} if reflects else {})
        return self._ask(
            genome,
            scene,
            operator="eot" if found else "mutation",
            segment=segment,
            text=text,
            detail=detail,
        )

    def mate(
        self, genome: Genome, mate: Genome, scene: Scene
    ) -> tuple[Genome | Rejection, Variation]:
        """Merge the two versions of a random segment at which the parents differ."""
        segment = scene.rng("mating segment").choice(genome.differing(mate))
        return self.merge(genome, mate, scene, segment=segment)

    def merge(
        self, genome: Genome, mate: Genome, scene: Scene, *, segment: str
    ) -> tuple[Genome | Rejection, Variation]:
        """Ask for one version out of two of this segment, in the genome's place."""
        favour = scene.rng("mating favour").choice(list(self.prompts.matings))
        text = self.prompts.mating_text(
            favour=favour,
            segment=segment,
            code=genome[segment],
            mate=mate[segment],
            header=genome.header,
        )
        return self._ask(
            genome,
            scene,
            operator="mating",
            segment=segment,
            text=text,
            detail={"favour": favour},
        )

    def example(self, scene: Scene, segment: str) -> tuple[Individual, Example] | None:
        """Draw the elite and its change to reflect on, before a change to this segment.

        None where no elite is eligible.
        """
        del segment
        seed = scene.reference
        eligible = [
            elite
            for elite in scene.elites
            if elite.genome.differing(seed.genome) and self._worth_showing(elite, seed)
        ]
        if not eligible:
            return None
        rng = scene.rng("example")
        elite = rng.choice(eligible)
        changed = rng.choice(elite.genome.differing(seed.genome))
        was, now = seed.evaluation, elite.evaluation
        return elite, Example(
            segment=changed,
            before=seed.genome[changed],
            after=elite.genome[changed],
            accuracy_change=change_in_accuracy(was.accuracy, now.accuracy),
            params_change=change_in_params(was.n_params, now.n_params),
        )

    def progress(self, genome: Genome, scene: Scene) -> str:
        """Tell a plain mutation how far the search has come; the method tells it nothing."""
        del genome, scene
        return ""

    def _worth_showing(self, elite: Individual, seed: Individual) -> bool:
        if self._eot_strict:
            return fitness.dominates(elite.objectives, seed.objectives)
        return not fitness.dominates(seed.objectives, elite.objectives)

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
        answered = "founder" if scene.founding else purpose
        call, code = self._answer(scene, purpose, answered, segment, text)
        calls: tuple[Call, ...] = (call,)
        reviews = scene.rng(f"{purpose} review").random() < self._review_probability
        if isinstance(code, str) and reviews:
            text = self.prompts.review_text(
                segment=segment, before=genome[segment], code=code, header=genome.header
            )
            call, reviewed = self._answer(scene, f"{purpose}-review", answered, segment, text)
            calls = (*calls, call)
            if isinstance(reviewed, str):
                code = reviewed
            else:  # what was to be checked stands
                detail = {**detail, "review": reviewed.reason}
        variation = Variation(operator=operator, segment=segment, detail=detail, calls=calls)
        if isinstance(code, Rejection):
            return code, variation
        child = genome.replace(segment, code)
        if not child.differing(genome):
            reason = f"the answer leaves {segment} as it was"
            return Rejection(gate="extract", kind="duplicate", reason=reason), variation
        return child, variation

    def _answer(
        self, scene: Scene, purpose: str, answered: str, segment: str, text: str
    ) -> tuple[Call, str | Rejection]:
        """Ask once; return the call, and the answer's code or why there is none."""
        settings = self._settings(answered, scene.rng(f"{purpose} settings"))
        request = Request(
            step=f"{scene.step}.{purpose}", segment=segment, prompt=text, settings=settings
        )
        call = Call(request=request, completion=self._model.complete(request))
        code: str | None = None
        reason = f"the answer was cut off at {settings.max_tokens} tokens"
        if call.completion.finish_reason != "length":
            code = extract_code(call.completion.text, segment=segment)
            reason = f"expected code that defines {segment}, found none in the answer"
        return call, code or Rejection(gate="extract", kind="extract", reason=reason)

    def _settings(self, purpose: str, rng: Random) -> Settings:
        low, high = self._max_tokens
        return Settings(
            temperature=round(rng.uniform(*self._temperature[purpose]), 4),
            top_p=self._top_p,
            max_tokens=rng.randint(int(low), int(high)),
        )


def _known(what: str, chosen: Sequence[str], known: Collection[str]) -> list[str]:
    for name in chosen:
        if name not in known:
            raise InputError(
                f"proposer.{what}: expected names among {', '.join(known)}, which the prompts "
                f"have; got {name}."
            )
    if not chosen:
        raise InputError(f"proposer.{what}: expected at least one of {', '.join(known)}, got none.")
    return list(chosen)
