"""What a run may spend, and what it has spent."""

from dataclasses import dataclass

from harness.config import Budget
from harness.errors import InputError
from harness.population import Evaluation, Fate, Proposal


@dataclass(kw_only=True)
class Ledger:
    """Counts against a budget; asked before each proposal, charged with its fate."""

    budget: Budget
    proposals: int = 0
    evaluations: int = 0
    llm_calls: int = 0
    tokens: int = 0
    train_s: float = 0.0
    admitted: int = 0
    """Proposals under way: each holds one proposal and one evaluation until it is charged."""

    def admit(self) -> bool:
        """Reserve what one proposal may cost, or say that the budget has no room for it.

        Evaluations and proposals are never overspent; calls, tokens and training time, unknown
        beforehand, are known after a generation and end the run then.
        """
        budget = self.budget
        limits = (
            (budget.proposals, self.proposals + self.admitted),
            (budget.evaluations, self.evaluations + self.admitted),
            (budget.llm_calls, self.llm_calls),
            (budget.tokens, self.tokens),
            (budget.train_s, self.train_s),
        )
        room = all(limit is None or amount < limit for limit, amount in limits)
        self.admitted += room
        return room

    def generations_spent(self, generation: int) -> bool:
        """Say whether this generation lies beyond the budget; founders are generation 0."""
        return self.budget.generations is not None and generation > self.budget.generations

    def charge(self, proposal: Proposal, fate: Fate) -> None:
        """Add what one proposal and its fate cost; a training that failed costs as well.

        InputError where tokens are limited and the model does not report them.
        """
        self.admitted -= 1
        self.proposals += 1
        for variation in proposal.variations:
            for call in variation.calls:
                completion = call.completion
                self.llm_calls += 1
                counts = (completion.prompt_tokens, completion.completion_tokens)
                if self.budget.tokens is not None and None in counts:
                    raise InputError(
                        f"budget.tokens: expected a model that reports its tokens, "
                        f"{completion.model} does not. Limit budget.llm_calls instead."
                    )
                self.tokens += sum(count or 0 for count in counts)
        if isinstance(fate, Evaluation):
            self.evaluations += 1
            self.train_s += fate.train_s
        elif fate.gate == "train":
            self.evaluations += 1
