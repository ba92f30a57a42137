"""Calls of a run: asked once, paid once, within the budget, and all of it in the journal.

Before a request is sent, what it may cost at most is reserved and ``sent/STEP/K`` recorded; after
it, ``failed/STEP/K`` or ``call/STEP``, with what it did cost. So a process that dies between the
two has spent the reservation, and no answer is paid again.
"""

from typing import NoReturn

from harness.config.schema import Price
from harness.errors import BudgetSpent, ReplayMiss
from harness.evolution.budget import Ledger
from harness.evolution.usage import Usage, cost_of
from harness.llm.model import (
    PERHAPS_BILLED,
    Completion,
    Failure,
    Model,
    Request,
    completion_of,
    recorded_call,
)
from harness.record.events import CallAnswered, CallRefused, RequestFailed, RequestSent
from harness.record.journal import Journal

_TEMPLATE_TOKENS = 64
"""What a server's chat template may add to a prompt; a token of text is a byte or more."""


class Calls:
    """A model that remembers: what the journal holds is never asked again."""

    def __init__(self, model: Model, journal: Journal, ledger: Ledger) -> None:
        self._model, self._journal, self._ledger = model, journal, ledger
        # All that earlier processes spent counts before the first call of this one is sent.
        sent, answered = journal.all(RequestSent), journal.all(CallAnswered)
        steps = dict.fromkeys([*(e.step for e in sent), *(e.step for e in answered)])
        self._booked = {step: Metered(step, journal, ledger) for step in steps}

    def complete(self, request: Request) -> Completion:
        """Return the journal's answer, else the model's, recorded first.

        BudgetSpent where a call does not fit under a limit; ReplayMiss where the journal holds
        the answer to another prompt.
        """
        metered = self._booked.get(request.step)
        if metered is None:
            metered = Metered(request.step, self._journal, self._ledger)
        return metered.complete(request, self._model)


class Metered:
    """Counts the sendings of one step, those of earlier processes included, and its answer."""

    def __init__(self, step: str, journal: Journal, ledger: Ledger) -> None:
        self._step, self._journal, self._ledger = step, journal, ledger
        self._sent = 0
        self._held: Usage | None = None
        self._request: Request | None = None
        self._recall()
        self._found = journal.find(CallAnswered, step)
        if self._found is not None:
            self._answered(self._found)

    @property
    def pending(self) -> bool:
        """Whether an earlier process sent it, and no answer came yet."""
        return self._held is not None

    def complete(self, request: Request, model: Model) -> Completion:
        """Return the recorded answer, or ask the model and record what it says."""
        refused = self._journal.find(CallRefused, self._step)
        if refused is not None:
            self._refuse(refused.limit)
        if self._found is None:
            self._request = request
            completion = model.complete(request, self)
            price = self._ledger.price(completion.asked or completion.model)
            self._found = recorded_call(request, completion, price)
            self._journal.record(self._found)
            self._answered(self._found)
        elif self._found.prompt != request.prompt:
            raise ReplayMiss(
                f"{self._journal.folder}: expected the recorded prompt of {self._step}, this "
                f"run asks another. What decides its course has changed since it was recorded; use "
                f"the version and settings of then, or start anew with another runs_dir."
            )
        return completion_of(self._found)

    def sending(self, *, asked: str) -> None:
        """Reserve the worst case and record that it is sent; BudgetSpent where it does not fit."""
        self._lose()  # sent by a process that died: it counts as spent
        price = self._ledger.price(asked)
        worst = _worst(self._request, price) if self._request else Usage(calls=1)
        limit = self._ledger.reserve(worst)
        if limit is not None:
            self._journal.record(CallRefused(step=self._step, limit=limit))
            self._refuse(limit)
        self._held = worst
        self._journal.record(
            RequestSent(step=self._step, attempt=self._sent, asked=asked, reserved=worst)
        )

    def failed(self, failure: Failure) -> None:
        """Record that no answer came; what may have been billed counts as spent."""
        self._journal.record(RequestFailed(step=self._step, attempt=self._sent, **vars(failure)))
        self._failed(perhaps_billed=failure.perhaps_billed)

    def _answered(self, call: CallAnswered) -> None:
        """Settle for what the answer cost, or for the worst case where that is not known."""
        actual = call.usage or self._held or Usage(calls=1)
        self._ledger.settle(self._held or Usage(), actual)
        self._held = None

    def _recall(self) -> None:
        """Count what earlier processes sent; the last sending may still be under way."""
        sent = self._journal.find(RequestSent, self._step, self._sent)
        while sent is not None:
            self._held = sent.reserved
            self._ledger.hold(self._held)
            failed = self._journal.find(RequestFailed, self._step, self._sent)
            after = self._journal.find(RequestSent, self._step, self._sent + 1)
            if failed is None and after is None:
                break
            self._failed(perhaps_billed=failed is None or failed.kind in PERHAPS_BILLED)
            sent = after

    def _failed(self, *, perhaps_billed: bool) -> None:
        held = self._held or Usage()
        self._ledger.settle(held, held if perhaps_billed else Usage())
        self._held = None
        self._sent += 1

    def _lose(self) -> None:
        if self._held is not None:
            self._failed(perhaps_billed=True)

    def _refuse(self, limit: str) -> NoReturn:
        self._ledger.refuse(limit)
        raise BudgetSpent(f"{self._step}: budget.{limit} has no room for another call.")


def _worst(request: Request, price: Price | None) -> Usage:
    """The most that a request may cost."""
    prompt = len(request.prompt.encode()) + _TEMPLATE_TOKENS
    completion = request.settings.max_tokens
    return Usage(
        calls=1,
        prompt_tokens=prompt,
        completion_tokens=completion,
        cost=cost_of(price, prompt, completion) if price else None,
    )
