"""One endpoint, as all calls share it: how many are under way, and when the next may go."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from random import Random

from harness.errors import MachineError
from harness.llm.model import Completion, Failure

_BREAKS_AFTER = 3
"""Failures in a row after which an endpoint is left alone but for one call that tries it."""
_LONG_S = 10
"""A server that asks for a longer rest than this is waited for aloud."""
_LAST_DOUBLING = 10


class Gate:
    """One endpoint, as all calls share it: how many are under way, and when the next may go.

    Too many requests halve the number, answers raise it again by one per round. After a failure
    all wait for a random part of a range that doubles (full jitter), or as long as the server
    asks. After three failures in a row the run pauses: one call at a time tries, until one is
    answered or ``patience_s`` has passed.
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
        self._most, self._places = concurrency, float(concurrency)
        self._backoff_s, self._backoff_max_s = backoff_s, backoff_max_s
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self._under_way = self._failures = 0
        self._not_before = self._heeded_at = 0.0
        self._paused_at: float | None = None
        self.answered = False
        self._why = ""

    def open(self) -> None:
        """Begin with new patience: what an earlier run gave up, this one tries."""
        with self._changed:
            self._paused_at, self._failures, self._not_before = None, 0, 0.0

    @contextlib.contextmanager
    def turn(self) -> Iterator[float]:
        """Hold one of the places, from the moment that is yielded.

        MachineError where a pause would outlast the patience.
        """
        with self._changed:
            while (wait := self._wait_s()) is None or wait > 0:
                self._changed.wait(wait)
            self._under_way += 1
            since = time.monotonic()
        try:
            yield since
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def _wait_s(self) -> float | None:
        """Seconds to wait, 0 for none, None for a change."""
        now = time.monotonic()
        wait = max(0.0, self._not_before - now)
        if self._paused_at is not None and now + wait > self._paused_at + self._patience_s:
            raise MachineError(
                f"{self.endpoint}: expected the server to answer within {self._patience_s:g} s of "
                f"the pause (model.patience_s), it does not ({self._why}). What was done is kept; "
                f"the same command goes on from here."
            )
        places = 1 if self._paused_at is not None else int(self._places)
        return wait or (None if self._under_way >= max(1, places) else 0)

    @property
    def paused(self) -> bool:
        """Whether the endpoint is held to be away."""
        return self._paused_at is not None

    def attempt(
        self, send: Callable[[], Completion | Failure], rng: Random, *, since: float
    ) -> Completion | Failure:
        """Send, and learn from what comes; since: when the turn was given."""
        outcome = send()
        with self._changed:
            if isinstance(outcome, Completion) or outcome.kind == "empty":
                self._answers()
            elif outcome.kind != "refused" and (outcome.kind != "key" or self.answered):
                if since >= self._heeded_at:  # else the same trouble, met by calls beside it
                    self._fails(outcome, rng)
                rest = time.monotonic() + (outcome.retry_after_s or 0)
                self._not_before = max(self._not_before, rest)
            self._changed.notify_all()
        return outcome

    def _answers(self) -> None:
        if self._paused_at is not None:
            print(f"{self.endpoint} answers again; the run goes on.", flush=True)
        self.answered, self._paused_at, self._failures = True, None, 0
        self._places = min(self._most, self._places + 1 / self._places)

    def _fails(self, failure: Failure, rng: Random) -> None:
        now = self._heeded_at = time.monotonic()
        doubled = self._backoff_s * 2 ** min(self._failures, _LAST_DOUBLING)
        wait = rng.uniform(0, min(doubled, self._backoff_max_s))
        wait = max(wait, failure.retry_after_s or 0)
        self._failures += 1
        self._not_before = now + wait
        self._why = f"{failure.kind}: {failure.told}"
        if failure.kind in {"rate", "quota"}:  # some servers say quota and mean the rate
            self._places = max(1.0, self._places / 2)
        if self._failures >= _BREAKS_AFTER or failure.kind in {"quota", "key"} or wait > _LONG_S:
            self._paused_at = self._paused_at or now
            print(
                f"{self.endpoint}: paused ({self._why}); trying again in {wait:.0f} s. Ctrl-C "
                f"ends, and the same command goes on from here.",
                flush=True,
            )
