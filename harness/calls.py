"""Calls of a run: asked once, paid once, within the budget, and all of it in the journal.

Before a request is sent, what it may cost at most is reserved and ``sent/STEP/K`` recorded; after
it, ``failed/STEP/K`` or ``call/STEP``, with what it did cost. So a process that dies between the
two has spent the reservation, and no answer is paid again.
"""

from collections.abc import Mapping
from typing import Any

from harness.config import Price
from harness.errors import BudgetSpent, ReplayMiss
from harness.journal import Journal
from harness.ledger import Ledger
from harness.models import Call, Completion, Failure, Model, Request, completion_of, recorded_call
from harness.usage import Usage, cost_of, usage_of

_TEMPLATE_TOKENS = 64
"""What a server's chat template may add to a prompt; a token of text is a byte or more."""


class Calls:
    """A model that remembers: what the journal holds is never asked again."""

    def __init__(self, model: Model, journal: Journal, ledger: Ledger) -> None:
        self._model, self._journal, self._ledger = model, journal, ledger

    def complete(self, request: Request) -> Completion:
        """Return the journal's answer, else the model's, recorded first.

        BudgetSpent where a call does not fit under a limit; ReplayMiss where the journal holds
        the answer to another prompt.
        """
        metered = Metered(request, self._journal, self._ledger)
        key = f"call/{request.step}"
        found = self._journal.find(key)
        if found is None:
            completion = self._model.complete(request, metered)
            price = metered.price(completion.asked or completion.model)
            found = recorded_call(Call(request=request, completion=completion))
            found |= {"price": vars(price) if price else None}
            self._journal.record(key, found)
        elif found["prompt"] != request.prompt:
            raise ReplayMiss(
                f"{self._journal.folder}: expected the recorded prompt of {request.step}, this "
                f"run asks another. What decides its course has changed since it was recorded; use "
                f"the version and settings of then, or start anew with another runs_dir."
            )
        metered.answered(found)
        return completion_of(found)


class Metered:
    """Counts the sendings of one request, those of earlier processes included."""

    def __init__(self, request: Request, journal: Journal, ledger: Ledger) -> None:
        self._request, self._journal, self._ledger = request, journal, ledger
        self._sent = 0
        self._held: Usage | None = None
        self._recall()

    def price(self, asked: str) -> Price | None:
        """Return what the tokens of a model cost."""
        return self._ledger.price(asked)

    def sending(self, *, asked: str) -> None:
        """Reserve the worst case and record that it is sent; BudgetSpent where it does not fit."""
        self._lose()  # sent by a process that died: it counts as spent
        worst = self._worst(self.price(asked))
        limit = self._ledger.reserve(worst)
        if limit is not None:
            self._journal.record(f"refused/{self._request.step}", {"limit": limit})
            self._refuse(limit)
        self._held = worst
        self._journal.record(self._key("sent"), {"asked": asked, "reserved": vars(worst)})

    def failed(self, failure: Failure) -> None:
        """Record that no answer came; what may have been billed counts as spent."""
        self._journal.record(self._key("failed"), vars(failure))
        self._failed(perhaps_billed=failure.perhaps_billed)

    def answered(self, call: Mapping[str, Any]) -> None:
        """Settle for what the answer cost, or for the worst case where that is not known."""
        actual = usage_of(call) or self._held or Usage(calls=1)
        self._ledger.settle(self._held or Usage(), actual)

    def _recall(self) -> None:
        """Count what earlier processes sent; the last sending may still be under way."""
        step = self._request.step
        sent = self._journal.find(self._key("sent"))
        while sent is not None:
            self._held = Usage(**sent["reserved"])
            self._ledger.hold(self._held)
            failed = self._journal.find(self._key("failed"))
            after = self._journal.find(f"sent/{step}/{self._sent + 1}")
            if failed is None and after is None:
                break
            self._failed(perhaps_billed=failed is None or Failure(**failed).perhaps_billed)
            sent = after
        refused = self._journal.find(f"refused/{step}")
        if refused is not None:
            self._refuse(refused["limit"])

    def _failed(self, *, perhaps_billed: bool) -> None:
        held = self._held or Usage()
        self._ledger.settle(held, held if perhaps_billed else Usage())
        self._held = None
        self._sent += 1

    def _lose(self) -> None:
        if self._held is not None:
            self._failed(perhaps_billed=True)

    def _refuse(self, limit: str) -> None:
        self._ledger.refuse(limit)
        raise BudgetSpent(f"{self._request.step}: budget.{limit} has no room for another call.")

    def _worst(self, price: Price | None) -> Usage:
        prompt = len(self._request.prompt.encode()) + _TEMPLATE_TOKENS
        completion = self._request.settings.max_tokens
        return Usage(
            calls=1,
            prompt_tokens=prompt,
            completion_tokens=completion,
            cost=cost_of(price, prompt, completion) if price else None,
        )

    def _key(self, kind: str) -> str:
        return f"{kind}/{self._request.step}/{self._sent}"
