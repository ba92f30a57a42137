"""Schedules: when children are conceived and when their outcomes count; generations, or neither."""

from collections.abc import Mapping
from typing import Any

from harness.config.strategies import TARGET
from harness.errors import InputError
from harness.evolution.candidate import Individual
from harness.evolution.loop import evolve
from harness.evolution.search import Method
from harness.evolution.steady_state import Course


class Generational:
    """Generations (Morris 2024, algorithm 1): all children of one are decided before the next."""

    def __call__(self, reference: Individual, method: Method, **run: Any) -> None:
        """Search; see ``search.Schedule``."""
        evolve(reference, method, **run)


class SteadyState:
    """Steady state: a child joins the population when it is decided, and another is conceived.

    The order in which children are decided is that of a simulated clock, on which a training takes
    as long as its FLOPs predict. So a run depends neither on the speed of a machine nor on the
    number of its workers.

    Args:
        under_way: Children that are conceived and not yet decided.
        workers: Trainings at once on the simulated clock.
        answer: Time that an LLM's answer takes on that clock, in trainings of the seed network.
    """

    def __init__(self, *, under_way: int, workers: int, answer: float) -> None:
        if not (1 <= workers <= under_way <= _MOST and answer >= 0):
            raise InputError(
                f"schedule: expected workers from 1 to under_way, at most {_MOST} under way, and "
                f"an answer of at least 0, got workers={workers}, under_way={under_way} and "
                f"answer={answer}."
            )
        self._under_way, self._workers, self._answer = under_way, workers, answer

    def __call__(self, reference: Individual, method: Method, **run: Any) -> None:
        """Search; see ``search.Schedule``."""
        course = Course(
            reference,
            method,
            under_way=self._under_way,
            workers=self._workers,
            answer=self._answer,
            **run,
        )
        course.run()


def is_steady(schedule: object) -> bool:
    """Return whether a schedule of a configuration or record has no generations.

    Args:
        schedule: Its class and arguments; None for one that is not recorded, which has them.
    """
    target = schedule.get(TARGET) if isinstance(schedule, Mapping) else None
    return str(target).endswith(f".{SteadyState.__name__}")


_MOST = 1000
"""Most children under way: each has a thread."""
