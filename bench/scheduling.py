"""The wall time that a schedule allows: trainings of known lengths, and nothing else takes time."""

import heapq
from collections.abc import Sequence


def steady_state_s(
    lengths: Sequence[float], predicted: Sequence[float], *, under_way: int, workers: int
) -> float:
    """Return how long ``schedule=steady_state`` takes, its simulated clock having as many workers.

    Args:
        lengths: Seconds of each training, in the order in which children are conceived.
        predicted: What the simulated clock takes them for, in any unit.
        under_way: Children that are conceived and not yet decided.
        workers: Trainings at once.
    """
    now, places, clock = 0.0, [0.0] * workers, [0.0] * workers
    simulated, ends = 0.0, list[tuple[float, float]]()
    for k, (length, guess) in enumerate(zip(lengths, predicted, strict=True)):
        if k >= under_way:  # the child that ends next on the simulated clock makes room
            simulated, ended = heapq.heappop(ends)
            now = max(now, ended)
        heapq.heappush(places, end := max(now, heapq.heappop(places)) + length)
        heapq.heappush(clock, at := max(simulated, heapq.heappop(clock)) + guess)
        heapq.heappush(ends, (at, end))
    return max(end for _, end in ends)


def generations_s(lengths: Sequence[float], *, size: int, workers: int) -> float:
    """Return how long ``schedule=generational`` takes with generations of one size."""
    now = 0.0
    for first in range(0, len(lengths), size):
        places = [now] * workers
        for length in lengths[first : first + size]:
            heapq.heappush(places, heapq.heappop(places) + length)
        now = max(places)
    return now
