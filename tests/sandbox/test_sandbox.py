"""The worker server: children end with their harness, and do not wait for one another."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.sandbox.child_process import ChildProcess
from harness.sandbox.job import JobFailed
from harness.sandbox.messages import Signature
from harness.sandbox.sandbox import Sandbox
from harness.sandbox.watchdog import Watchdog
from tests.conftest import ROOT, children_of, children_of_worker, server_of
from tests.support.jobs import build_job
from tests.support.processes import alive

THREADS = """
import threading, time
for _ in range(1100):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
print("started", flush=True)
time.sleep(600)
"""
LEAVES = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from harness.sandbox.sandbox import Sandbox
from tests.conftest import SMALL, server_of
from harness.config.compose import compose
from harness.tasks.image_classification.recipe import ImageRecipe
from harness.sandbox.messages import Build, Candidate, Signature
sandbox = Sandbox(compose(SMALL).limits, device="cpu")
signature = Signature(
    kind="image_classification", class_name="X", input_shape=(3, 32, 32), n_outputs=10
)
candidate = Candidate(source="while True: pass", signature=signature, recipe=ImageRecipe(), seed=0)
with sandbox.run(Build(candidate=candidate), time_limit_s=60):
    server = server_of(sandbox)
    while not (children := Path(f"/proc/{server}/task/{server}/children").read_text().split()):
        pass
    print(server, *children, flush=True)
    os._exit(1)
"""

SIGNATURE = Signature(
    kind="image_classification", class_name="ExquisiteNetV2", input_shape=(3, 32, 32), n_outputs=10
)


def sleeper(network, seconds):
    """A network whose class takes its time to be defined."""
    return network.replace("DW", f"import time\ntime.sleep({seconds})\n{network['DW']}")


def test_a_candidate_that_runs_ends_with_the_harness_that_died():
    done = subprocess.run(
        [sys.executable, "-c", LEAVES, str(ROOT)], capture_output=True, text=True, check=False
    )
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2, done.stderr
    deadline = time.monotonic() + 10
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, pids))


def test_a_candidate_that_ends_is_not_held_up_by_one_started_later(backend, network):
    sandbox, signature = backend.evaluate._sandbox, backend.evaluate._signature
    recipe = backend.evaluate._recipe

    def build(seconds):
        job = build_job(sleeper(network, seconds), signature, recipe)
        with sandbox.run(job, time_limit_s=30) as session:
            session.receive()

    first, second = (threading.Thread(target=build, args=(s,)) for s in (1, 5))
    start = time.monotonic()
    first.start()
    time.sleep(0.3)
    second.start()
    first.join()
    assert time.monotonic() - start < 4.5
    second.join()


def test_no_child_and_no_descriptor_is_left(backend, network):
    sandbox, signature = backend.evaluate._sandbox, backend.evaluate._signature
    job = build_job(network, signature, backend.evaluate._recipe)

    def left():
        pid = server_of(sandbox)
        return children_of(pid), len(list(Path(f"/proc/{pid}/fd").iterdir()))

    def build():
        with sandbox.run(job, time_limit_s=30) as session:
            session.receive()

    build()
    before, mine = left(), len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        build()
    assert left() == before
    assert before[0] == []
    assert len(list(Path("/proc/self/fd").iterdir())) == mine


def test_a_child_that_is_gone_is_killed_without_harm_to_others():
    """Its number reads as -1 then, which must not be taken for a process group."""
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    handle = os.pidfd_open(process.pid)
    process.wait()
    child = ChildProcess(process.pid, handle)
    assert child.pid < 1
    assert (child.resident_bytes(), child.n_threads) == (0, 0)
    child.kill()
    child.close()


def test_a_child_past_its_time_ends_while_the_harness_does_something_else(config, network):
    """Nobody listens to it: whoever audits a network has no time for the process that trains."""

    def busy(sandbox, job):
        deadline = time.monotonic() + 20
        with sandbox.run(job, time_limit_s=1) as session:
            while not children_of_worker(sandbox):
                assert time.monotonic() < deadline
            while children_of_worker(sandbox):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            session.receive()

    job = build_job(sleeper(network, 600), SIGNATURE, config.recipe)
    with (
        Sandbox(config.limits, level="limits", most="limits", device="cpu") as sandbox,
        pytest.raises(JobFailed) as refused,
    ):
        busy(sandbox, job)
    assert refused.value.kind == "timeout"
    assert refused.value.reason == "took longer than 1 s"


def test_threads_are_counted_before_memory_which_takes_longer_the_more_there_are(config):
    process = subprocess.Popen([sys.executable, "-c", THREADS], stdout=subprocess.PIPE)
    child = ChildProcess(process.pid, None)
    assert process.stdout.readline() == b"started\n"
    limits = replace(config.limits, memory_mib=0)
    watchdog = Watchdog(child, limits, deadline=time.monotonic() + 600, late="")
    assert process.wait(timeout=60) == -signal.SIGKILL
    watchdog.stop()
    process.stdout.close()
    assert watchdog.breach.kind == "threads"


def test_a_gpu_that_is_asked_for_and_not_there_is_told(backend, monkeypatch):
    sandbox = backend.evaluate._sandbox
    if sandbox.machine.cuda:
        pytest.skip("this machine has a CUDA GPU")
    monkeypatch.setattr(sandbox, "_wanted_device", "cuda")
    with pytest.raises(InputError, match="device=cuda: expected a CUDA GPU"):
        _ = sandbox.device
