"""Processes that complete runs, which tests kill: everything is real but the trainings.

They are forked from a process that has imported the harness, so that a start takes milliseconds.
"""

import math
import multiprocessing
import os
import threading
import time
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path
from random import Random

import pytest

from harness.errors import HarnessError
from harness.record import database
from harness.runs.runner import complete_runs
from tests.support.backends import ImaginedTrainings

KILLS = int(os.environ.get("KILLS", "36"))
"""How often each kind of run is killed, and the seed of the moments."""
SEED = int(os.environ.get("KILLS_SEED", "0"))
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([pytest.__name__, __name__, "tests.support.warm_run"])
_REFUSED, _REFUSAL = "refused: ", 100
"""What a driver says and adds to its status where it ends with a sentence of the harness."""
_SHORTEST_S = 0.001
_EARLY = 0.25
"""Share of the kills that may come before a driver does anything new."""
_PART = 6
"""A driver is killed after at most this part of a run's time, so that it takes dozens of them."""


class Paced(ImaginedTrainings):
    """Three candidates at once; each training takes some milliseconds.

    Args:
        begun: Closed when a driver begins with what no earlier one has done.
    """

    def __init__(self, begun):
        self._begun, self._mutex = begun, threading.Lock()

    def open(self, config, dataset, network, **how):
        return replace(super().open(config, dataset, network, **how), workers=3)

    def search(self, genome, **how):
        self._begin()
        time.sleep(Random(genome.digest).uniform(0, 0.01))
        return super().search(genome, **how)

    def final(self, genome, **how):
        self._begin()
        return super().final(genome, **how)

    def _begin(self):
        with self._mutex:
            self._begun.close()

    def _gates(self, genome, **how):
        self._begin()
        return super()._gates(genome, **how)


class Driver:
    """A process that completes runs.

    Args:
        configs: The runs.
        log: File to which its output is added.
    """

    def __init__(self, configs, log):
        self._log = log
        self._begun, begun = _PROCESSES.Pipe(duplex=False)
        arguments = (configs, begun, log, dict(os.environ))
        self._process = _PROCESSES.Process(target=_complete, args=arguments, daemon=True)
        self._process.start()
        begun.close()

    @property
    def pid(self):
        """Number of the process."""
        return self._process.pid

    def begins(self):
        """Wait until it does what no earlier process has done, or has ended."""
        wait([self._begun, self._process.sentinel])

    def ends_within(self, seconds):
        """Wait for its end; return whether it has completed all runs."""
        self._process.join(seconds)
        if self._process.exitcode is None:
            return False
        assert self._process.exitcode == 0, Path(self._log).read_text()[-5000:]
        return True

    def refuses(self):
        """Wait for its end; return the sentence with which it refused to go on, None if it did not.

        An end by anything but a sentence is an error.
        """
        self._process.join()
        said = Path(self._log).read_text()
        assert self._process.exitcode == 0 or self._process.exitcode > _REFUSAL, said[-5000:]
        return said.rpartition(_REFUSED)[2] if self._process.exitcode else None

    def kill(self):
        """Kill it, as kill -9 does."""
        self._process.kill()
        self._process.join()
        self._begun.close()


def _complete(configs, begun, log, environment):
    os.environ.clear()
    os.environ.update(environment)
    database.SYNCHRONOUS = "OFF"  # what a killed process wrote is there; no test ends the machine
    to = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(to, 1)
    os.dup2(to, 2)
    try:
        complete_runs(configs, Paced(begun))
    except HarnessError as error:
        print(f"{_REFUSED}{error}", flush=True)
        raise SystemExit(error.exit_status + _REFUSAL) from None


def in_folder(configs, folder):
    """Return the runs in a folder of their own."""
    return [replace(config, runs_dir=str(folder)) for config in configs]


def uninterrupted(configs, log):
    """Complete the runs; return the seconds to the first gate, and from there to the end."""
    start = time.monotonic()
    driver = Driver(configs, log)
    driver.begins()
    begun = time.monotonic()
    assert driver.ends_within(None)
    return begun - start, time.monotonic() - begun


def killed_at_random(configs, log, rng: Random, times, *, most, ready=Driver.begins):
    """Start drivers, and kill each at random, until one has completed the runs.

    Args:
        configs: The runs.
        log: File to which output is added.
        rng: Draws the moments.
        times: What ``uninterrupted`` returned.
        most: Number of kills after which a driver may end.
        ready: Waits until a driver may be killed, unless it is killed before.

    Returns:
        The number of kills.
    """
    to_begin, to_end = times
    for kills in range(most):
        driver = Driver(configs, log)
        if rng.random() < _EARLY:
            pause = rng.uniform(0, to_begin)
        else:
            ready(driver)
            longest = max(2 * _SHORTEST_S, to_end / _PART)
            pause = math.exp(rng.uniform(math.log(_SHORTEST_S), math.log(longest)))
        if driver.ends_within(pause):
            return kills
        driver.kill()
    assert Driver(configs, log).ends_within(None)
    return most
