"""Runs of many candidates: a scripted proposer, and what a process holds at points of a run."""

import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from harness.evolution.candidate import Variation
from tests.conftest import OWN_FUNCTIONS, ROOT, SEED_NETWORK
from tests.support.records import record_study


class Numbered:
    """Proposes the parent with the child's own step in it: a new source each time."""

    max_calls = 0

    def mutate(self, genome, context):
        child = genome.replace("notes", f'def notes():\n    return "{context.step}"')
        return child, Variation(operator="mutation", segment="notes")

    def mate(self, genome, mate, context):
        raise AssertionError("rates.p_mate is 0")


def numbered(folder, n, *more):
    """Return settings for a run of so many proposals of ``Numbered``, in a folder of its own."""
    network = Path(folder) / "network.py"
    network.write_text(OWN_FUNCTIONS)
    return [
        "ablation=random_mutation", "compare=[]", "proposer=none", "rates.p_mate=0",
        f"+proposer._target_={__name__}.Numbered", f"network.path={network}",
        f"budget.evaluations={n}", f"budget.proposals={n}", "final.seeds=1",
        "final.hall_of_fame=1", "display=plain", f"runs_dir={Path(folder) / 'runs'}", *more,
    ]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Held:
    """What this process holds at a moment, and what it has taken so far."""

    candidates: int
    wall_s: float
    cpu_s: float
    mib: float
    descriptors: int
    threads: int
    processes: int
    """Descendants of this process."""
    worker_mib: float
    """Of the worker's server, 0 where there is none."""
    temporary: int
    """Entries of the folder of temporary files."""


class Watched:
    """An executor whose backend is that of another; looks at what is held between candidates.

    Args:
        executor: The other.
        every: How many candidates lie between two looks.
        temporary: The folder of temporary files.
    """

    def __init__(self, executor, *, every, temporary):
        self._executor, self._every, self._temporary = executor, every, temporary
        self._n, self._mutex, self._server = 0, threading.Lock(), None
        self.looks = []

    def open(self, *what, **how):
        backend = self._executor.open(*what, **how)
        sandbox = getattr(backend.evaluate, "_sandbox", None)
        self._server = sandbox and _server_of(sandbox)

        def validate(genome, *, seed):
            with self._mutex:
                if self._n % self._every == 0:
                    self.look()
                self._n += 1
            return backend.validate(genome, seed=seed)

        return replace(backend, validate=validate)

    def look(self):
        """Take a look."""
        self.looks.append(
            Held(
                candidates=self._n,
                wall_s=time.perf_counter(),
                cpu_s=time.process_time(),
                mib=mib_of(os.getpid()),
                descriptors=len([*Path("/proc/self/fd").iterdir()]),
                threads=threading.active_count(),
                processes=len(descendants(os.getpid())),
                worker_mib=mib_of(self._server) if self._server else 0.0,
                temporary=len([*Path(self._temporary).iterdir()]),
            )
        )


def mib_of(pid):
    """Return the resident memory of a process."""
    return (
        int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20
    )


def descendants(pid):
    """Return the processes below a process."""
    found, left = [], [pid]
    while left:
        for task in Path(f"/proc/{left.pop()}/task").glob("*/children"):
            children = [int(child) for child in task.read_text().split()]
            found += children
            left += children
    return found


def _server_of(sandbox):
    """Return the worker's server; within namespaces its first process only waits."""
    pid = sandbox._worker.pid
    return descendants(pid)[0] if sandbox.level == "isolated" else pid


ARMS = ("full", "no_eot", "no_crp", "only_expert", "shuffled_eot", "random_mutation")


def table_of(folder, seeds):
    """Return the processor time of the command that prints the table of six arms, in seconds."""
    study = Path(folder) / f"{seeds} seeds"
    source = SEED_NETWORK.read_text()
    try:
        record_study(study, arms=ARMS, seeds=range(seeds), proposals=200, source=source)
        began = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "harness.table", str(study)]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True, cwd=ROOT)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    finally:
        shutil.rmtree(study, ignore_errors=True)  # three hundred runs take more than a gigabyte
    return ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime
