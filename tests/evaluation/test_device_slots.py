"""Who may be on a GPU at once, and how one that ran out of its memory gets it alone."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from harness.evaluation import executor
from harness.evaluation.device_slots import Device, Slots, fitting
from harness.evolution.candidate import Evaluation, Rejection
from harness.sandbox.sandbox import Sandbox


@pytest.mark.parametrize("n", [1, 2, 3])
def test_never_more_than_there_are_places(n):
    places, present, most = Slots(n), [], []

    def candidate(_):
        with places.shared():
            present.append(1)
            most.append(len(present))
            time.sleep(0.005)
            present.pop()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(candidate, range(40)))
    assert max(most) == n


def test_who_asks_to_be_alone_is_and_newcomers_wait():
    places, inside, log = Slots(None), threading.Event(), []

    def first():
        with places.shared() as stay:
            inside.set()
            time.sleep(0.1)
            log.append(("first leaves", stay.accompanied))

    def later():
        time.sleep(0.05)
        with places.shared():
            log.append("later comes")

    with ThreadPoolExecutor(3) as pool:
        pool.submit(first)
        inside.wait()
        coming = pool.submit(later)

        def alone():
            with places.alone():
                log.append("alone")
                time.sleep(0.1)
                log.append("not alone any more")

        pool.submit(alone).result()
        coming.result()
    assert log == [("first leaves", False), "alone", "not alone any more", "later comes"]


def test_it_is_known_whether_there_was_company():
    places = Slots(2)
    with places.shared() as first:
        assert not first.accompanied
        with places.shared() as second:
            assert second.accompanied
        with places.shared() as third:
            pass
    assert first.accompanied
    assert third.accompanied
    with places.shared() as last:
        assert not last.accompanied


def test_as_many_as_the_memory_holds_with_a_margin():
    assert fitting(80_000, 3_500) == 12  # 72,000 of 6,000 each
    assert fitting(80_000, 60_000) == 1
    assert fitting(8_000, 100_000) == 1


class Box(Sandbox):
    """A sandbox of which only the device is looked at."""

    def __init__(self, device):
        self._on = device

    @property
    def device(self):
        return self._on


SHORT = Rejection(gate="train", kind="memory", reason="ran out of its memory budget")
FATE = Evaluation(score=0.5, n_params=3, train_s=1.0)


@pytest.mark.parametrize(
    ("device", "accompanied", "verdicts", "end"),
    [
        ("cuda", True, [SHORT, FATE], FATE),
        ("cuda", True, [SHORT, SHORT], SHORT),
        ("cuda", False, [SHORT], SHORT),
        ("cpu", True, [SHORT], SHORT),
        ("cuda", True, [replace(SHORT, kind="diverged")], replace(SHORT, kind="diverged")),
    ],
)
def test_a_gpus_memory_that_ran_out_beside_others_is_tried_alone(
    device, accompanied, verdicts, end
):
    verdicts, chosen = list(verdicts), Device(Box(device))
    chosen.slots = Slots(2)
    if accompanied:
        other = chosen.slots.shared()
        other.__enter__()
        threading.Timer(0.1, other.__exit__, (None, None, None)).start()
    assert chosen.run(lambda: verdicts.pop(0)) == end
    assert not verdicts


def test_a_cpu_takes_as_many_as_it_has_threads_for(config, backend, monkeypatch):
    monkeypatch.setattr(executor, "cores", lambda: 8)
    monkeypatch.setattr(executor, "memory_mib", lambda: 8 * config.limits.memory_mib)
    for threads, workers, expected in ((2, None, 4), (3, None, 2), (16, None, 1), (2, 5, 5)):
        limits = replace(config.limits, threads=threads)
        assert (
            executor.candidates_at_once(replace(config, workers=workers, limits=limits)) == expected
        )
    assert backend.evaluate._device.slots.n is None


@pytest.mark.parametrize(("share", "workers"), [(100, 8), (3.5, 3), (0.5, 1)])
def test_no_more_at_once_than_there_is_memory_for(config, monkeypatch, share, workers):
    mib = config.limits.memory_mib
    monkeypatch.setattr(executor, "cores", lambda: 8)
    monkeypatch.setattr(executor, "memory_mib", lambda: int(share * mib))
    one = replace(config, workers=None, limits=replace(config.limits, threads=1))
    assert executor.candidates_at_once(one) == workers
