"""LLM-guided variation: mutation, Evolution of Thought, mating (Morris 2024, section 3.2)."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from random import Random
from typing import ClassVar

from harness.errors import InputError
from harness.evolution import pareto
from harness.evolution.candidate import Individual, Rejection, Variation
from harness.evolution.genome import Genome
from harness.evolution.pareto import Objectives
from harness.evolution.proposer import Context
from harness.llm.call_sequence import NOT_ASKED, CallSequence
from harness.llm.model import BudgetedModel, Settings
from harness.llm.prompts import NEUTRAL, Change, Example, Prompts, change_in_params
from harness.tasks.base import Wording
from harness.text import reason_of

_ROUNDING = 1e-9
_MOST_REPAIRS = 100
_ENDS = ("the least", "the greatest number")
_PURPOSES = ("founder", "mutation", "mating")
Range = Sequence[float]
"""Lower and upper end of a uniform draw."""
SHOWN: Mapping[str, Callable[[Objectives, Objectives], bool]] = {
    "improvements": lambda elite, seed: direction(seed.score, elite.score) == "up",
    "improvements_and_ties": lambda elite, seed: direction(seed.score, elite.score) != "down",
    "dominating": pareto.dominates,
    "undominated": lambda elite, seed: not pareto.dominates(seed, elite),
}
"""Which elites Evolution of Thought may show, by their objectives and the seed network's:
``improvements`` in score, whatever the size, as the paper has it (Morris 2024, section 3.2.2);
``improvements_and_ties`` in score; ``dominating``, better in one objective and worse in none; and
``undominated``, all but those that the seed network dominates."""
NO_ELITE = "no eligible elite"
"""Recorded for a plain mutation that was drawn to reflect on an elite, but none was eligible."""


class Guided:
    """Asks an LLM for each change.

    The defaults are what runs did that were recorded before these settings existed.

    Args:
        model: Answers the prompts, within the budget.
        wording: Words of the task, for changes of the score.
        prompts: Arguments of ``Prompts``.
        categories: Requests that mutations draw from.
        characters: Characters that mutations draw from; ``neutral`` is no character.
        eot_probability: Chance that a mutation reflects on an elite's change.
        eot_shows: Which elites it may be shown, as one of ``SHOWN``.
        eot_from_generation: First generation in which mutations reflect; the founders, generation
            0, never do.
        eot_numbers: Whether the example is shown with its measured changes.
        feedback: Whether every mutation prompt states the parent's measurements.
        review_probability: Chance that the LLM is asked to check its answer.
        repair_attempts: How often the LLM is asked again when a gate refuses its code.
        temperature: Range for each purpose: ``founder``, ``mutation``, ``mating``.
        top_p: Nucleus sampling of every call.
        max_tokens: Range of the limit on completion tokens.
    """

    labels: ClassVar = {
        "category": "category",
        "character": "character",
        "eot": "reflection",
        "shown": "shown change",
    }

    def __init__(
        self,
        *,
        model: BudgetedModel,
        wording: Wording,
        prompts: Mapping[str, object],
        categories: Sequence[str],
        characters: Sequence[str],
        eot_probability: float,
        eot_shows: str,
        review_probability: float,
        repair_attempts: int,
        temperature: Mapping[str, Range],
        top_p: float,
        max_tokens: Range,
        eot_from_generation: int = 1,
        eot_numbers: bool = False,
        feedback: bool = False,
    ) -> None:
        self._model = model
        for name, number, most in (
            ("eot_probability", eot_probability, 1),
            ("review_probability", review_probability, 1),
            ("repair_attempts", repair_attempts, _MOST_REPAIRS),
        ):
            if not 0 <= number <= most:
                raise InputError(f"proposer.{name}: expected 0 to {most}, got {number}.")
        _require_ranges(temperature, max_tokens, top_p)
        calls_of_a_variation = 2 + repair_attempts  # the request, its review, repairs
        self.max_calls, self.max_tokens = 2 * calls_of_a_variation, int(max_tokens[1])
        self.wording = wording
        self.prompts = Prompts(score=wording.score, **prompts)  # type: ignore[arg-type]
        self._categories = _known("categories", categories, self.prompts.categories)
        self._characters = _known("characters", characters, [NEUTRAL, *self.prompts.characters])
        self._eot_probability, self._eot_from = eot_probability, eot_from_generation
        if eot_shows not in SHOWN:
            raise InputError(
                f"proposer.eot_shows: expected one of {', '.join(SHOWN)}, got {eot_shows}."
            )
        self._worth_showing = SHOWN[eot_shows]
        self._eot_numbers, self._feedback = eot_numbers, feedback
        self._review_probability, self._repair_attempts = review_probability, repair_attempts
        self._temperature = temperature
        self._top_p, self._tokens = top_p, max_tokens

    def mutate(self, genome: Genome, context: Context) -> tuple[Genome | Rejection, Variation]:
        """Have a random segment rewritten, by a plain request or by an elite's example."""
        segment = context.rng("segment").choice(genome.names)
        character = context.rng("character").choice(self._characters)
        detail = {"character": character}
        measurements = self.measurements_text(genome, context)
        drawn = self.example(context) if self._reflects(context) else ""
        if not isinstance(drawn, str):
            elite, shown = drawn
            text = self.prompts.eot_text(
                character=character,
                segment=segment,
                code=genome[segment],
                example=shown,
                header=genome.header,
                measurements=measurements,
                numbers=self._eot_numbers,
            )
            detail = detail if self.prompts.eot_has_character else {}
            detail |= {"elite": elite.step, "example": shown.segment}
            detail |= {} if self.prompts.eot_has_changes else shown.change.detail
        else:
            category = context.rng("category").choice(self._categories)
            text = self.prompts.mutation_text(
                category=category,
                character=character,
                segment=segment,
                code=genome[segment],
                header=genome.header,
                measurements=measurements,
            )
            detail |= {"category": category} | ({"eot": drawn} if drawn else {})
        return self._ask(
            genome,
            context,
            operator="mutation" if isinstance(drawn, str) else "eot",
            segment=segment,
            text=text,
            detail=detail,
        )

    def mate(
        self, genome: Genome, mate: Genome, context: Context
    ) -> tuple[Genome | Rejection, Variation]:
        """Have two versions merged of a random segment that differs; of any, for equal parents."""
        names = genome.differing(mate) or genome.names
        segment = context.rng("mating segment").choice(names)
        return self.merge(genome, mate, context, segment=segment)

    def merge(
        self, genome: Genome, mate: Genome, context: Context, *, segment: str
    ) -> tuple[Genome | Rejection, Variation]:
        """Have the two versions of this segment merged into one, as a change of the genome."""
        # Sorted: the order in a file must not decide what is drawn.
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

    def example(self, context: Context) -> tuple[Individual, Example] | str:
        """Draw an elite and one of its changes, perhaps of the mutated segment, as published.

        Returns:
            Elite and change, or the reason why there is none, which the variation records.
        """
        changed = [e for e in context.elites if e.genome.differing(context.reference.genome)]
        seed = context.confirm(context.reference) if changed else None
        if seed is None:
            return NO_ELITE
        confirmed = [elite for e in changed if (elite := context.confirm(e)) is not None]
        eligible = [e for e in confirmed if self._worth_showing(e.objectives, seed.objectives)]
        if not eligible:
            return NO_ELITE
        rng = context.rng("example")
        elite = rng.choice(eligible)
        name = rng.choice(elite.genome.differing(seed.genome))
        return elite, Example(
            segment=name,
            before=seed.genome[name],
            after=elite.genome[name],
            change=self._change(seed, elite),
        )

    def measurements_text(self, genome: Genome, context: Context) -> str:
        """Return the measurements in a mutation prompt: with ``feedback``, the parent's."""
        del genome
        if not (self._feedback and context.parent):
            return ""
        return self.measured(context.parent, context, self.prompts.feedback)

    def measured(self, one: Individual, context: Context, template: str) -> str:
        """Describe how an individual's measurements differ from the seed network's.

        Args:
            one: The individual.
            context: The step.
            template: The text, with names for both changes.

        Returns:
            The text; empty where a re-training failed that was to confirm a measurement.
        """
        seed, now = context.confirm(context.reference), context.confirm(one)
        if seed is None or now is None:
            return ""
        return self.prompts.change_text(template, self._change(seed, now))

    def _change(self, seed: Individual, one: Individual) -> Change:
        was, now = seed.evaluation, one.evaluation
        directions = (direction(was.score, now.score), direction(was.n_params, now.n_params))
        return Change(
            score=self.wording.change(was.score, now.score),
            params=change_in_params(was.n_params, now.n_params),
            directions="{} {} and parameters {}".format(self.wording.score, *directions),
        )

    def _reflects(self, context: Context) -> bool:
        acts = not context.founding and context.generation >= self._eot_from
        return acts and context.rng("eot").random() < self._eot_probability

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
        """Ask for a new version of one segment, then for its review and its repairs."""
        purpose = "mating" if operator == "mating" else "mutation"
        calls = CallSequence(
            model=self._model,
            context=context,
            genome=genome,
            segment=segment,
            settings=partial(self._settings, "founder" if context.founding else purpose),
        )
        child = calls.ask(purpose, text)
        child = self._reviewed(child, calls, purpose=purpose)
        child = self._repaired(child, calls, purpose=purpose, request=text)
        variation = Variation(
            operator=operator,
            segment=segment,
            detail={**detail, **calls.detail},
            calls=tuple(call.request.step for call in calls.made),
        )
        return child, variation

    def _reviewed(
        self, child: Genome | Rejection, calls: CallSequence, *, purpose: str
    ) -> Genome | Rejection:
        """Ask the LLM to check its code, with the chance ``review_probability``."""
        drawn = calls.context.rng(f"{purpose} review").random() < self._review_probability
        if isinstance(child, Rejection) or not drawn:
            return child
        segment, genome = calls.segment, calls.genome
        text = self.prompts.review_text(
            segment=segment, before=genome[segment], code=child[segment], header=genome.header
        )
        reviewed = calls.ask_if_affordable(f"{purpose}-review", text)
        if isinstance(reviewed, Genome) or reviewed.kind == "duplicate":
            return reviewed
        calls.detail["review"] = reviewed.reason
        return child

    def _repaired(
        self, child: Genome | Rejection, calls: CallSequence, *, purpose: str, request: str
    ) -> Genome | Rejection:
        """Ask again while a gate refuses the code, at most ``repair_attempts`` times."""
        for attempt in range(1, self._repair_attempts + 1):
            refusal = child if isinstance(child, Rejection) else calls.context.gates(child)
            if refusal is None:
                break
            last_answer = calls.made[-1].completion.text
            answer = child[calls.segment] if isinstance(child, Genome) else last_answer
            text = self.prompts.repair_text(request=request, answer=answer, reason=refusal.reason)
            repaired = calls.ask_if_affordable(f"{purpose}-repair{attempt}", text)
            if isinstance(repaired, Rejection) and repaired.kind == NOT_ASKED:
                break
            child = repaired
            calls.detail["repairs"] = str(attempt)
        return child

    def _settings(self, purpose: str, rng: Random) -> Settings:
        low, high = self._tokens
        return Settings(
            temperature=round(rng.uniform(*self._temperature[purpose]), 4),
            top_p=self._top_p,
            max_tokens=rng.randint(int(low), int(high)),
        )


def direction(was: float, now: float) -> str:
    """Return ``up``, ``down`` or ``equal``; means of scores are equal within ``_ROUNDING``."""
    if abs(now - was) <= _ROUNDING:
        return "equal"
    return "up" if now > was else "down"


def _require_ranges(temperature: Mapping[str, Range], max_tokens: Range, top_p: float) -> None:
    """Raise InputError unless every draw from these ranges gives possible settings of a request."""
    for purpose in _PURPOSES:
        drawn = {f"temperature.{purpose}": temperature.get(purpose, ()), "max_tokens": max_tokens}
        for name, ends in drawn.items():
            if len(ends) != len(_ENDS) or not ends[0] <= ends[1]:
                got = reason_of(str(ends), 40)
                raise InputError(f"proposer.{name}: expected {' and '.join(_ENDS)}, got {got}.")
        for degree, tokens in zip(*drawn.values(), strict=True):
            Settings(temperature=degree, top_p=top_p, max_tokens=int(min(tokens, 1e18)))


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
