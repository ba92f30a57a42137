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
for _ in range(300):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
print("started", flush=True)
time.sleep(600)
"""
LEADERLESS = """
import ctypes, os, threading, time
def work():
    kept = bytearray(os.urandom(1)) * (64 << 20)
    print("holds", flush=True)
    time.sleep(600)
threading.Thread(target=work).start()
ctypes.CDLL(None).syscall(93 if os.uname().machine == "aarch64" else 60, 0)  # exit: this thread
"""
REUSED = """
import os, subprocess, sys
sys.path.insert(0, sys.argv[1])
from harness.sandbox.child_process import ChildProcess
def sleep(after):
    with open("/proc/sys/kernel/ns_last_pid", "w") as last:
        last.write(str(after))
    return subprocess.Popen(["sleep", "60"], start_new_session=True)
first = sleep(5000)
child = ChildProcess(first.pid, os.pidfd_open(first.pid))
first.kill()
first.wait()
other = sleep(first.pid - 1)
assert other.pid == first.pid == child.pid
seen = child.resident_bytes(), child.n_threads
child.kill()
try:
    print(*seen, other.wait(timeout=0.3))
except subprocess.TimeoutExpired:
    print(*seen, "lives")
"""
DAEMONS = """
import ctypes, os, time
told, tells = os.pipe()
if os.fork() == 0:
    ctypes.CDLL(None).prctl(15, b"{name}")
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
    os._exit(0)
os.wait()
os.close(tells)
os.read(told, 1)  # until the daemon has ended
if os.fork() == 0:
    ctypes.CDLL(None).prctl(15, b"{name}")
    for _ in range(6):  # each in a session of its own, the child of the one before
        os.setsid()
        if os.fork():
            time.sleep(600)
    time.sleep(600)
time.sleep(0.3)
raise ValueError("left")
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


def can_unshare():
    command = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


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


def test_the_memory_of_a_process_is_seen_whose_main_thread_has_left():
    process = subprocess.Popen([sys.executable, "-c", LEADERLESS], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"holds\n"
    deadline = time.monotonic() + 30
    while alive(process.pid):  # the main thread is reported for the process
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child = ChildProcess(process.pid, None)
    assert child.resident_bytes() > 64 << 20
    assert child.n_threads >= 1
    child.kill()
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.skipif(not can_unshare(), reason="needs user and PID namespaces")
def test_a_number_that_belongs_to_another_process_by_now_is_left_alone():
    namespaces = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
    done = subprocess.run(
        [*namespaces, sys.executable, "-c", REUSED, str(ROOT)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stdout == "0 0 lives\n", done.stderr


def test_processes_that_leave_their_job_end_with_it_or_earlier(config, network):
    name = f"left{os.getpid()}"
    job = build_job(
        network.replace("DW", DAEMONS.format(name=name) + network["DW"]), SIGNATURE, config.recipe
    )
    with (
        Sandbox(config.limits, level="limits", most="limits", device="cpu") as sandbox,
        pytest.raises(JobFailed, match="left"),
        sandbox.run(job, time_limit_s=60) as session,
    ):
        session.receive()
    names = (path.read_text() for path in Path("/proc").glob("[0-9]*/comm"))
    assert f"{name}\n" not in names


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
