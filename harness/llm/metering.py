"""Metering of LLM calls with write-ahead logging: every call is paid once, within the budget.

Before a request is sent, the most that it may cost is reserved and recorded (``RequestSent``);
afterwards its failure (``RequestFailed``) or its answer with the actual cost (``CallAnswered``). A
process that dies in between has spent the reservation, and no answer is paid twice.
"""

import operator
import time
from dataclasses import replace
from typing import NoReturn

from harness.config.schema import Price
from harness.errors import BudgetSpent, InputError, ReplayMiss
from harness.evolution.budget import Effort, Ledger, Usage, cost_of
from harness.llm.model import (
    PERHAPS_BILLED,
    REFUSED,
    Completion,
    Failure,
    Model,
    Request,
    completion_of,
    needs_preflight,
    recorded_call,
)
from harness.record.events import CallAnswered, CallRefused, RequestFailed, RequestSent
from harness.record.journal import Journal
from harness.secrets import without_secrets
from harness.terminal import say
from harness.text import each_text

_TEMPLATE_TOKENS = 64
"""Tokens that a chat template may add to a prompt, whose own tokens are at most its bytes."""
_MOST_REFUSED = 3
"""Prompts that a server may refuse before it has answered one; more are a fault of the setup."""


class MeteredModel:
    """A model whose answers the journal keeps: a recorded call is never sent again."""

    def __init__(self, model: Model, journal: Journal, ledger: Ledger) -> None:
        self._model, self._journal, self._ledger = model, journal, ledger
        # Spending of earlier processes must count before the first call of this one.
        sent, answered = journal.all(RequestSent), journal.all(CallAnswered)
        steps = dict.fromkeys([*(e.step for e in sent), *(e.step for e in answered)])
        self._known = {step: MeteredCall(step, journal, ledger) for step in steps}
        self._warned_of_excess = False

    def complete(self, request: Request) -> Completion:
        """Return the recorded answer, or ask the model and record its answer.

        Raises:
            BudgetSpent: The call does not fit into the budget.
            ReplayMiss: The recorded answer belongs to another prompt.
        """
        metered = self._known.get(request.step)
        if metered is None:
            metered = MeteredCall(request.step, self._journal, self._ledger)
        completion = metered.complete(request, self._model)
        self._warn_of_excess(request, completion)
        return completion

    def _warn_of_excess(self, request: Request, completion: Completion) -> None:
        """Tell once that an answer has more tokens than were reserved for it."""
        counts = completion.prompt_tokens or 0, completion.completion_tokens or 0
        most = _most_tokens(request)
        if any(map(operator.gt, counts, most)) and not self._warned_of_excess:
            self._warned_of_excess = True
            say(
                f"{completion.model}: expected at most {most[0]:,} tokens of the prompt and "
                f"{most[1]:,} of the answer to {request.step}, found {counts[0]:,} and "
                f"{counts[1]:,} reported. They are charged as reported, so such calls may exceed a "
                f"limit of the budget. Check them against the bill."
            )


class MeteredCall:
    """The meter of one call: counts its requests, those of earlier processes included."""

    def __init__(self, step: str, journal: Journal, ledger: Ledger) -> None:
        self._step, self._journal, self._ledger = step, journal, ledger
        self._sent, self._sent_at = 0, time.monotonic()
        self._reserved: Usage | None = None
        self._failed = Effort()
        """Requests without an answer that may have been billed."""
        self._request: Request | None = None
        self._charge_earlier()
        self._found = journal.find(CallAnswered, step)
        if self._found is not None:
            self._settle(self._found)

    @property
    def pending(self) -> bool:
        """Whether an earlier process sent the request and no answer has come yet."""
        return self._reserved is not None

    @property
    def counts_seconds(self) -> bool:
        """Whether the budget counts the seconds of each answer."""
        return self._ledger.budget.seconds is not None

    def complete(self, request: Request, model: Model) -> Completion:
        """Return the recorded answer, or ask the model and record its answer."""
        refused = self._journal.find(CallRefused, self._step)
        if refused is not None:
            self._refuse(refused.limit)
        if self._found is None:
            self._request = request
            completion = self._timed(model.complete(request, self))
            if needs_preflight(type(model)):  # answers of a record are what they are
                self._require_answers(completion)
            price = self._ledger.price(completion.asked or completion.model)
            self._found = recorded_call(request, completion, price)
            self._journal.record(self._found)
            self._settle(self._found)
        elif self._found.prompt != request.prompt:
            raise ReplayMiss(
                f"{self._journal.folder}: expected the recorded prompt of {self._step}, this run "
                f"asks another: code or settings have changed since it was recorded. Use the "
                f"version and settings that recorded it, or start again with another runs_dir."
            )
        return completion_of(self._found)

    def sending(self, *, asked: str) -> None:
        """Reserve the worst case and record the request; BudgetSpent if it does not fit.

        Raises:
            RecordError: The journal has no room for the answer, which would be paid in vain.
        """
        self._journal.require_room(self._request.prompt if self._request else "")
        self._write_off_pending()
        price = self._ledger.price(asked)
        worst = _worst(self._request, price) if self._request else Usage(calls=1)
        limit = self._ledger.reserve(worst)
        if limit is not None:
            self._journal.record(CallRefused(step=self._step, limit=limit, reserved=worst))
            self._refuse(limit)
        self._reserved, self._sent_at = worst, time.monotonic()
        self._journal.record(
            RequestSent(step=self._step, attempt=self._sent, asked=asked, reserved=worst)
        )

    def failed(self, failure: Failure) -> None:
        """Record the failure; a request that may have been billed counts as spent."""
        details = each_text(vars(failure), without_secrets)
        self._journal.record(RequestFailed(step=self._step, attempt=self._sent, **details))
        self._release(perhaps_billed=failure.perhaps_billed, seconds=failure.latency_s)

    def _require_answers(self, completion: Completion) -> None:
        """Raise InputError where a server has refused each prompt of the run, more than a few.

        The request counts as failed, so that the same command sends it again.
        """
        reason = completion.finish_reason or ""
        if self._reserved is None or not reason.startswith(REFUSED):  # not sent, or not refused
            return
        earlier = self._journal.all(CallAnswered)
        if len(earlier) < _MOST_REFUSED or not all(map(_is_refusal, earlier)):
            return
        latency_s = completion.latency_s or 0.0
        self.failed(Failure(kind="refused", told=reason, latency_s=latency_s))
        raise InputError(
            f"model: expected a server that answers prompts, this one has refused each of the "
            f"{len(earlier) + 1} of this run ({reason}). Correct the server, model.name or "
            f"proposer.max_tokens, and run the same command to continue. {len(earlier)} prompts "
            f"stay refused; another runs_dir starts without them."
        )

    def _settle(self, call: CallAnswered) -> None:
        """Replace the reservation by the actual cost, or keep it where that is unknown."""
        actual = call.usage or self._reserved or Usage(calls=1)
        self._ledger.settle(self._reserved or Usage(), actual)
        self._reserved = None
        took = Effort(seconds=call.latency_s, cost=actual.cost)
        self._ledger.answered(self._step, self._failed + took)

    def _charge_earlier(self) -> None:
        """Charge the requests of earlier processes; the last one may still be pending."""
        sent = self._journal.find(RequestSent, self._step, self._sent)
        while sent is not None:
            self._reserved = sent.reserved
            self._ledger.hold(self._reserved)
            failed = self._journal.find(RequestFailed, self._step, self._sent)
            after = self._journal.find(RequestSent, self._step, self._sent + 1)
            if failed is None and after is None:
                break
            self._release(
                perhaps_billed=failed is None or failed.kind in PERHAPS_BILLED,
                seconds=failed.latency_s if failed else 0.0,
            )
            sent = after

    def _timed(self, completion: Completion) -> Completion:
        """Return the completion with its duration where the budget counts seconds.

        An answer that reports none has the time since its request was sent: it may be paid for, so
        it is recorded in any case.
        """
        if completion.latency_s is not None or not self.counts_seconds:
            return completion
        return replace(completion, latency_s=time.monotonic() - self._sent_at)

    def _release(self, *, perhaps_billed: bool, seconds: float) -> None:
        """End a request without an answer: its reservation is spent, or free again.

        Args:
            perhaps_billed: Whether the server may have done the work.
            seconds: Duration of the request; 0 where it is unknown, since the process died.
        """
        held = self._reserved or Usage()
        self._ledger.settle(held, held if perhaps_billed else Usage())
        if perhaps_billed:
            self._failed += Effort(seconds=seconds, cost=held.cost)
        self._reserved = None
        self._sent += 1

    def _write_off_pending(self) -> None:
        """Count a request as spent that a process sent before it died."""
        if self._reserved is not None:
            self._release(perhaps_billed=True, seconds=0.0)

    def _refuse(self, limit: str) -> NoReturn:
        self._ledger.refuse(limit)
        raise BudgetSpent(f"{self._step}: budget.{limit} has no room for another call.")


def _is_refusal(call: CallAnswered) -> bool:
    return (call.finish_reason or "").startswith(REFUSED)


def _worst(request: Request, price: Price | None) -> Usage:
    """Return the most that a request may cost."""
    prompt, completion = _most_tokens(request)
    return Usage(
        calls=1,
        prompt_tokens=prompt,
        completion_tokens=completion,
        cost=cost_of(price, prompt, completion) if price else None,
    )


def _most_tokens(request: Request) -> tuple[int, int]:
    """Return the most tokens of the prompt, and of the completion."""
    return len(request.prompt.encode()) + _TEMPLATE_TOKENS, request.settings.max_tokens
