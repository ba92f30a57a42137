"""Wall time and busy share of several runs on shared workers, by a simulation of their schedules.

Trainings wait for a free worker, in the order in which they were asked for. A generation asks for
its trainings when its last answer has come, and ends with its last training; in a steady state, a
child is conceived whenever another one is decided. Gates take no time here.
"""

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

Draw = Callable[[], float]
Course = Iterator[float]
"""A run: it yields the times until which it waits."""


@dataclass(frozen=True, kw_only=True)
class Steady:
    """Arguments of ``schedule.SteadyState``, and how wrong its predictions are.

    Attributes:
        under_way: Children that are conceived and not yet decided.
        workers: Trainings at once on the simulated clock of the schedule.
        answer: Seconds of an answer on that clock.
        error: Draws what a prediction is a multiple of.
    """

    under_way: int
    workers: int
    answer: float
    error: Draw


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a run asks for.

    Attributes:
        generations: Evaluations of each generation of its search.
        finals: Numbers of re-trainings, one after the other.
        train_s: Draws the seconds of a training.
        answer_s: Draws the seconds until a child is proposed.
        answers: Children that may ask at once.
        steady: Its schedule, None for generations.
    """

    generations: Sequence[int]
    finals: Sequence[int]
    train_s: Draw
    answer_s: Draw
    answers: int
    steady: Steady | None = None


@dataclass(frozen=True, kw_only=True)
class WallTime:
    """How long runs take together."""

    seconds: float
    busy: float
    """Share of the workers' time in which they train."""


class _Servers:
    """Workers, or places to ask an LLM: each serves one request after the other."""

    def __init__(self, n: int) -> None:
        self.free_at, self.busy_s = [0.0] * n, 0.0

    def serve(self, now: float, seconds: float) -> float:
        """Return when a request that is made now is served."""
        end = max(now, heapq.heappop(self.free_at)) + seconds
        heapq.heappush(self.free_at, end)
        self.busy_s += seconds
        return end


class Simulation:
    """Runs on shared workers.

    Args:
        workers: Candidates that are trained at once.
        at_once: Runs that go on at once.
    """

    def __init__(self, *, workers: int, at_once: int) -> None:
        self._workers, self._at_once = _Servers(workers), at_once
        self._n, self._now = workers, 0.0

    def run(self, works: Sequence[Work]) -> WallTime:
        """Return how long these runs take, in their order."""
        waiting = map(self._course, works)
        order = itertools.count()
        events = [(0.0, next(order), one) for one in itertools.islice(waiting, self._at_once)]
        while events:
            self._now, _, course = heapq.heappop(events)
            until = next(course, None)
            if until is None and (course := next(waiting, iter(()))) is not None:
                until = next(course, None)
            if until is not None:
                heapq.heappush(events, (max(self._now, until), next(order), course))
        return WallTime(seconds=self._now, busy=self._workers.busy_s / (self._n * self._now))

    def _course(self, work: Work) -> Course:
        yield self._trained(work)
        asking = _Servers(work.answers)
        yield from (
            self._steady(work, work.steady, asking)
            if work.steady
            else self._generations(work, asking)
        )
        for n in work.finals:
            yield from [self._trained(work) for _ in range(n)]

    def _trained(self, work: Work) -> float:
        return self._workers.serve(self._now, work.train_s())

    def _generations(self, work: Work, asking: _Servers) -> Course:
        for n in work.generations:
            yield from [asking.serve(self._now, work.answer_s()) for _ in range(n)]
            yield from [self._trained(work) for _ in range(n)]

    def _steady(self, work: Work, steady: Steady, asking: _Servers) -> Course:
        """Follow ``evolution.steady_state``: take in what ends next on the schedule's own clock."""
        clock = _Servers(steady.workers)
        left, now, number = sum(work.generations), 0.0, itertools.count()
        ends: list[tuple[float, int, float, bool]] = []
        while left or ends:
            while left and len(ends) < steady.under_way:
                answered = asking.serve(self._now, work.answer_s())
                heapq.heappush(ends, (now + steady.answer, next(number), answered, False))
                left -= 1
            now, _, until, is_trained = heapq.heappop(ends)
            yield until
            if not is_trained:
                seconds = work.train_s()
                trained = self._workers.serve(self._now, seconds)
                predicted = clock.serve(now, seconds * steady.error())
                heapq.heappush(ends, (predicted, next(number), trained, True))
