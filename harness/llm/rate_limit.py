"""Rate limiter with AIMD and a circuit breaker, one per endpoint, shared by all calls."""

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator
from random import Random

from harness.errors import MachineError
from harness.llm.model import Completion, Failure
from harness.terminal import say

_OPENS_AFTER = 3
"""Consecutive failures after which the circuit opens: only one call at a time tries."""
_LONG_S = 10
"""A server that asks for a longer wait than this opens the circuit, which prints a message."""
_LAST_DOUBLING = 10
_FIRST_CONTACT_S = 60
"""How long a pause may last before anything has come from the server: its address may be wrong."""


class RateLimiter:
    """Decides how many calls to one endpoint are in flight, and when the next may be sent.

    - Concurrency follows AIMD: too many requests halve it, answers raise it by one per round.
    - After a failure all calls wait for a random time from a range that doubles (exponential
      backoff with full jitter), or as long as the server asks.
    - After three consecutive failures the circuit opens and the run pauses: one call at a time
      tries, until one is answered or ``patience_s`` have passed; at most 60 s where the server has
      never replied to this process.

    Args:
        endpoint: Name of the endpoint in messages.
        concurrency: The most calls in flight.
        backoff_s: The first range of random waits, in seconds.
        backoff_max_s: The longest range of random waits, in seconds.
        patience_s: How long a pause may last, in seconds.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        concurrency: int,
        backoff_s: float,
        backoff_max_s: float,
        patience_s: float,
    ) -> None:
        self.endpoint = endpoint
        self._max_concurrency, self._concurrency = concurrency, float(concurrency)
        self._backoff_s, self._backoff_max_s = backoff_s, backoff_max_s
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self._in_flight = self._failures = 0
        self._not_before = self._failed_at = 0.0
        self._paused_at: float | None = None
        self.answered = self._reached = False
        self._why = ""

    def reset(self) -> None:
        """Close the circuit: a new run tries again where an earlier one gave up."""
        with self._changed:
            self._paused_at, self._failures, self._not_before = None, 0, 0.0

    def reached(self) -> None:
        """Note that the server has replied: a pause may last for ``patience_s``."""
        with self._changed:
            self._reached = True

    @contextlib.contextmanager
    def turn(self) -> Iterator[float]:
        """Wait for permission to send; yield the monotonic time at which it was given.

        Raises:
            MachineError: A pause would last longer than it may.
        """
        with self._changed:
            while (wait := self._wait_s()) is None or wait > 0:
                self._changed.wait(wait)
            self._in_flight += 1
            since = time.monotonic()
        try:
            yield since
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def _wait_s(self) -> float | None:
        """Return the seconds to wait, 0 for none, None to wait for a change."""
        now = time.monotonic()
        wait = max(0.0, self._not_before - now)
        patience_s = self._patience_s
        if not self._reached:
            patience_s = min(patience_s, _FIRST_CONTACT_S)
        if self._paused_at is not None and now + wait > self._paused_at + patience_s:
            raise MachineError(self._given_up(patience_s))
        allowed = 1 if self._paused_at is not None else int(self._concurrency)
        return wait or (None if self._in_flight >= max(1, allowed) else 0)

    def _given_up(self, patience_s: float) -> str:
        limit = (
            "model.patience_s"
            if patience_s == self._patience_s
            else "the most where a server has never replied, start it first"
        )
        return (
            f"{self.endpoint}: expected the server to answer within {patience_s:g} s of the pause "
            f"({limit}), it does not ({self._why}). All results are kept; run the same command to "
            f"continue."
        )

    @property
    def paused(self) -> bool:
        """Whether the circuit is open: the endpoint counts as unavailable."""
        return self._paused_at is not None

    def attempt(
        self, send: Callable[[], Completion | Failure], rng: Random, *, since: float
    ) -> Completion | Failure:
        """Send once, and adapt to the outcome.

        Args:
            send: Sends the request.
            rng: Draws the wait after a failure.
            since: When ``turn`` gave permission.
        """
        outcome = send()
        with self._changed:
            self._reached |= isinstance(outcome, Completion) or outcome.kind != "unreachable"
            if isinstance(outcome, Completion):
                self._succeed()
            elif outcome.kind != "refused" and (outcome.kind != "key" or self.answered):
                if since >= self._failed_at:  # else a concurrent call has met the same failure
                    self._fail(outcome, rng)
                rest = outcome.retry_after_s or 0
                self._not_before = max(self._not_before, time.monotonic() + rest)
                if rest > _LONG_S and self._paused_at is None:
                    self._pause(outcome, rest)
            self._changed.notify_all()
        return outcome

    def _succeed(self) -> None:
        if self._paused_at is not None:
            say(f"{self.endpoint} answers again; the run continues.")
        self.answered, self._paused_at, self._failures = True, None, 0
        self._concurrency = min(self._max_concurrency, self._concurrency + 1 / self._concurrency)

    def _fail(self, failure: Failure, rng: Random) -> None:
        now = self._failed_at = time.monotonic()
        doubled = self._backoff_s * 2 ** min(self._failures, _LAST_DOUBLING)
        wait = rng.uniform(0, min(doubled, self._backoff_max_s))
        wait = max(wait, failure.retry_after_s or 0)
        self._failures += 1
        self._not_before = now + wait
        if failure.kind in {"rate", "quota"}:  # some servers say quota and mean the rate
            self._concurrency = max(1.0, self._concurrency / 2)
        if self._failures >= _OPENS_AFTER or failure.kind in {"quota", "key"} or wait > _LONG_S:
            self._pause(failure, wait)

    def _pause(self, failure: Failure, wait: float) -> None:
        self._why = f"{failure.kind}: {failure.told}"
        self._paused_at = self._paused_at or time.monotonic()
        say(
            f"{self.endpoint}: paused ({self._why}); trying again in {math.ceil(wait)} s. Ctrl-C "
            f"ends the run; run the same command to continue."
        )
