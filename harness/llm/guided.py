"""LLM-guided variation: mutation, Evolution of Thought, mating (Morris 2024, section 3.2)."""

from collections.abc import Callable, Collection, Mapping, Sequence
from random import Random
from typing import ClassVar

from harness.errors import BudgetSpent, InputError
from harness.evolution import pareto
from harness.evolution.candidate import Individual, Rejection, Variation
from harness.evolution.genome import Genome
from harness.evolution.proposer import Context
from harness.llm.extraction import Extracted, extract
from harness.llm.model import Answers, Call, Request, Settings
from harness.llm.prompts import (
    NEUTRAL,
    Example,
    Prompts,
    change_in_params,
    change_in_score,
)

Range = Sequence[float]
"""Lower and upper end of a uniform draw."""
NOT_ASKED = "not asked"
NO_ELITE = "no eligible elite"
"""Recorded of a mutation that was to reflect on an elite and had none."""


class Guided:
    """Asks an LLM for each change.

    categories and characters: which of the prompts are drawn from, ``neutral`` standing for no
    character; eot_probability: chance that a mutation after the founders reflects on an elite's
    change; eot_strict: only on one that gained in one objective and lost in none;
    review_probability: chance that the LLM is asked to check its own answer; temperature: range
    per purpose (``founder``, ``mutation``, ``mating``); repair_attempts: how often the LLM is asked
    again when a gate refuses its answer.
    """

    labels: ClassVar = {"category": "category", "character": "character", "eot": "reflection"}

    def __init__(
        self,
        *,
        model: Answers,
        prompts: Mapping[str, object],
        categories: Sequence[str],
        characters: Sequence[str],
        eot_probability: float,
        eot_strict: bool,
        review_probability: float,
        repair_attempts: int,
        temperature: Mapping[str, Range],
        top_p: float,
        max_tokens: Range,
    ) -> None:
        self._model = model
        calls_of_a_variation = 2 + repair_attempts  # the request, its review, repairs
        self.max_calls, self.max_tokens = 2 * calls_of_a_variation, int(max(max_tokens))
        self.prompts = Prompts(**prompts)  # type: ignore[arg-type]
        self._categories = _known("categories", categories, self.prompts.categories)
        self._characters = _known("characters", characters, [NEUTRAL, *self.prompts.characters])
        self._eot_probability, self._eot_strict = eot_probability, eot_strict
        self._review_probability, self._repair_attempts = review_probability, repair_attempts
        self._temperature = temperature
        self._top_p, self._tokens = top_p, max_tokens

    def mutate(self, genome: Genome, context: Context) -> tuple[Genome | Rejection, Variation]:
        """Rewrite a random segment as one of the prompts asks, or by an elite's example."""
        segment = context.rng("segment").choice(genome.names)
        character = context.rng("character").choice(self._characters)
        detail = {"character": character}
        reflects = not context.founding and context.rng("eot").random() < self._eot_probability
        found = self.example(context, segment) if reflects else None
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
            category = context.rng("category").choice(self._categories)
            text = self.prompts.mutation_text(
                category=category,
                character=character,
                segment=segment,
                code=genome[segment],
                header=genome.header,
                progress=self.progress(genome, context),
            )
            detail |= {"category": category} | ({"eot": NO_ELITE} if reflects else {})
        return self._ask(
            genome,
            context,
            operator="eot" if found else "mutation",
            segment=segment,
            text=text,
            detail=detail,
        )

    def mate(
        self, genome: Genome, mate: Genome, context: Context
    ) -> tuple[Genome | Rejection, Variation]:
        """Merge the two versions of a random segment at which the parents differ."""
        segment = context.rng("mating segment").choice(genome.differing(mate))
        return self.merge(genome, mate, context, segment=segment)

    def merge(
        self, genome: Genome, mate: Genome, context: Context, *, segment: str
    ) -> tuple[Genome | Rejection, Variation]:
        """Ask for one version out of two of this segment, in the genome's place."""
        # Sorted, for the order in which a file lists them must decide nothing.
        favours = sorted(self.prompts.matings, reverse=True)
        favour = context.rng("mating favour").choice(favours)
        text = self.prompts.mating_text(
            favour=favour,
            segment=segment,
            code=genome[segment],
            mate=mate[segment],
            header=genome.header,
        )
        return self._ask(
            genome,
            context,
            operator="mating",
            segment=segment,
            text=text,
            detail={"favour": favour},
        )

    def example(self, context: Context, segment: str) -> tuple[Individual, Example] | None:
        """Draw the elite and its change to reflect on, before a change to this segment.

        None where no elite is eligible.
        """
        del segment
        changed_ones = [e for e in context.elites if e.genome.differing(context.reference.genome)]
        seed = context.confirm(context.reference) if changed_ones else None
        if seed is None:
            return None
        confirmed = [elite for e in changed_ones if (elite := context.confirm(e)) is not None]
        eligible = [elite for elite in confirmed if self._worth_showing(elite, seed)]
        if not eligible:
            return None
        rng = context.rng("example")
        elite = rng.choice(eligible)
        changed = rng.choice(elite.genome.differing(seed.genome))
        was, now = seed.evaluation, elite.evaluation
        return elite, Example(
            segment=changed,
            before=seed.genome[changed],
            after=elite.genome[changed],
            score_change=change_in_score(was.score, now.score),
            params_change=change_in_params(was.n_params, now.n_params),
        )

    def progress(self, genome: Genome, context: Context) -> str:
        """Tell a plain mutation how far the search has come; the method tells it nothing."""
        del genome, context
        return ""

    def _worth_showing(self, elite: Individual, seed: Individual) -> bool:
        if self._eot_strict:
            return pareto.dominates(elite.objectives, seed.objectives)
        return not pareto.dominates(seed.objectives, elite.objectives)

    def _ask(
        self,
        genome: Genome,
        context: Context,
        *,
        operator: str,
        segment: str,
        text: str,
        detail: Mapping[str, str],
    ) -> tuple[Genome | Rejection, Variation]:
        """Ask, have the answer reviewed if so drawn, repair while a gate refuses; one variation."""
        purpose = "mating" if operator == "mating" else "mutation"
        asking = Asking(
            model=self._model,
            context=context,
            genome=genome,
            segment=segment,
            range_of="founder" if context.founding else purpose,
            draw=self._settings,
        )
        child = asking.ask(purpose, text)
        reviews = context.rng(f"{purpose} review").random() < self._review_probability
        if isinstance(child, Genome) and reviews:
            check = self.prompts.review_text(
                segment=segment, before=genome[segment], code=child[segment], header=genome.header
            )
            reviewed = asking.ask_further(f"{purpose}-review", check)
            if isinstance(reviewed, Genome) or reviewed.kind == "duplicate":
                child = reviewed
            else:  # what was to be checked stands
                asking.detail["review"] = reviewed.reason
        for k in range(1, self._repair_attempts + 1):
            refusal = child if isinstance(child, Rejection) else context.gates(child)
            if refusal is None:
                break
            said = asking.calls[-1].completion.text
            answer = child[segment] if isinstance(child, Genome) else said
            again = self.prompts.repair_text(request=text, answer=answer, reason=refusal.reason)
            repaired = asking.ask_further(f"{purpose}-repair{k}", again)
            if isinstance(repaired, Rejection) and repaired.kind == NOT_ASKED:
                break
            child = repaired
            asking.detail["repairs"] = str(k)
        variation = Variation(
            operator=operator,
            segment=segment,
            detail={**detail, **asking.detail},
            calls=tuple(call.request.step for call in asking.calls),
        )
        return child, variation

    def _settings(self, purpose: str, rng: Random) -> Settings:
        low, high = self._tokens
        return Settings(
            temperature=round(rng.uniform(*self._temperature[purpose]), 4),
            top_p=self._top_p,
            max_tokens=rng.randint(int(low), int(high)),
        )


class Asking:
    """The calls for one variation of one segment."""

    def __init__(
        self,
        *,
        model: Answers,
        context: Context,
        genome: Genome,
        segment: str,
        range_of: str,
        draw: Callable[[str, Random], Settings],
    ) -> None:
        self._model, self._scene, self._genome, self._segment = model, context, genome, segment
        self._range_of, self._draw = range_of, draw
        self.calls: list[Call] = []
        self.detail: dict[str, str] = {}

    def ask(self, purpose: str, text: str) -> Genome | Rejection:
        """Ask once; return the genome with the answer's code, or why there is none."""
        request = Request(
            step=f"{self._scene.step}.{purpose}",
            segment=self._segment,
            prompt=text,
            settings=self._draw(self._range_of, self._scene.rng(f"{purpose} settings")),
            seed=self._scene.seed,
        )
        call = Call(request=request, completion=self._model.complete(request))
        self.calls.append(call)
        found = self._read(call)
        if isinstance(found, Rejection):
            return found
        if found.note:
            self.detail["extraction"] = found.note
        child = self._genome.replace(self._segment, found.code)
        if not child.differing(self._genome):
            return Rejection(
                gate="extract",
                kind="duplicate",
                reason=f"the answer leaves {self._segment} as it was",
            )
        return child

    def ask_further(self, purpose: str, text: str) -> Genome | Rejection:
        """Ask once more, where the budget allows it: what is paid for is kept."""
        try:
            return self.ask(purpose, text)
        except BudgetSpent as spent:
            return Rejection(gate="extract", kind=NOT_ASKED, reason=str(spent))

    def _read(self, call: Call) -> Extracted | Rejection:
        completion, segment = call.completion, self._segment
        limit = call.request.settings.max_tokens
        if completion.finish_reason == "length":
            reason = f"the answer was cut off at {limit} tokens"
            return Rejection(gate="extract", kind="truncated", reason=reason)
        found = extract(
            completion.text,
            segment=segment,
            current=self._genome[segment],
            others=self._genome.names,
        )
        told = f"found none in the answer (finish reason {completion.finish_reason})"
        if completion.text.strip():
            told = "found none in the answer"
        return found or Rejection(
            gate="extract", kind="extract", reason=f"expected code that defines {segment}, {told}"
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
