"""Calls that ask an LLM for one segment of a genome: the request, its review and its repairs."""

from collections.abc import Callable
from random import Random

from harness.errors import BudgetSpent
from harness.evolution.candidate import Rejection
from harness.evolution.genome import Genome
from harness.evolution.proposer import Context
from harness.llm.answers.extraction import extract
from harness.llm.model import BudgetedModel, Call, Completion, Request, Settings

NOT_ASKED = "not asked"
"""Kind of a rejection whose call did not fit into the budget; never recorded."""


class CallSequence:
    """The LLM calls for one variation of one segment.

    Attributes:
        made: The calls so far.
        detail: What they add to ``Variation.detail``.
    """

    unchanged = "the answer leaves {segment} as it was"
    """Reason for refusing an answer that changes nothing."""

    def __init__(
        self,
        *,
        model: BudgetedModel,
        context: Context,
        genome: Genome,
        segment: str,
        settings: Callable[[Random], Settings],
    ) -> None:
        self._model, self._settings = model, settings
        self.context, self.genome, self.segment = context, genome, segment
        self.made: list[Call] = []
        self.detail: dict[str, str] = {}

    def ask(self, purpose: str, text: str) -> Genome | Rejection:
        """Ask once; return the genome with the answer's code, or why there is none."""
        request = Request(
            step=f"{self.context.step}.{purpose}",
            segment=self.segment,
            prompt=text,
            settings=self._settings(self.context.rng(f"{purpose} settings")),
            seed=self.context.seed,
        )
        call = Call(request=request, completion=self._model.complete(request))
        self.made.append(call)
        child = _refused(call) or self.read(call.completion)
        if isinstance(child, Genome) and not child.differing(self.genome):
            reason = self.unchanged.format(segment=self.segment)
            return Rejection(gate="extract", kind="duplicate", reason=reason)
        return child

    def ask_if_affordable(self, purpose: str, text: str) -> Genome | Rejection:
        """Ask once more; return a rejection of the kind ``NOT_ASKED`` beyond the budget."""
        try:
            return self.ask(purpose, text)
        except BudgetSpent as spent:
            return Rejection(gate="extract", kind=NOT_ASKED, reason=str(spent))

    def read(self, completion: Completion) -> Genome | Rejection:
        """Return the genome with the answer's code for the segment, or why there is none.

        A proposer that asks for something else than code for one segment overrides this.
        """
        extracted = extract(
            completion.text,
            segment=self.segment,
            current=self.genome[self.segment],
            others=self.genome.names,
        )
        if extracted is None:
            return no_answer(f"code that defines {self.segment}")
        if extracted.note:
            self.detail["extraction"] = extracted.note
        return self.genome.replace(self.segment, extracted.code)


def no_answer(expected: str) -> Rejection:
    """Return the rejection of an answer that does not hold what was asked for."""
    reason = f"expected {expected}, found none in the answer"
    return Rejection(gate="extract", kind="extract", reason=reason)


def _refused(call: Call) -> Rejection | None:
    """Refuse an answer that was cut off or is empty."""
    completion = call.completion
    if completion.finish_reason == "length":
        limit = call.request.settings.max_tokens
        reason = f"the answer was cut off at {limit} tokens"
        return Rejection(gate="extract", kind="truncated", reason=reason)
    if not completion.text.strip():
        reason = f"the answer is empty: {completion.finish_reason}"
        return Rejection(gate="extract", kind="extract", reason=reason)
    return None
