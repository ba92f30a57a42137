"""A host without free process numbers: what the harness starts waits for one."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

COMMAND = ("unshare", "--pid", "--fork", "--mount-proc")
SCARCE = """
import subprocess, sys, threading, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from harness.config.compose import compose
from harness.evaluation.gates import lint
from harness.evolution.genome import read_network
from harness.sandbox.messages import Build, Candidate, Signature
from harness.sandbox.parser import syntax_tree
from harness.sandbox.sandbox import Sandbox
from tests.conftest import SMALL

Path("/proc/sys/kernel/pid_max").write_text("700")
freed, free = threading.Event(), threading.Event()

def take_all():
    threads = []
    while True:
        try:
            threads.append(threading.Thread(target=free.wait, daemon=True))
            threads[-1].start()
        except RuntimeError:
            break
    assert len(threads) > 100
    return threads

def scarcely(step):
    threads = take_all()
    timer.set()
    outcome = step()
    for thread in threads[:-1]:
        thread.join()
    free.clear()
    return outcome

def clock():
    while True:
        timer.wait()
        timer.clear()
        time.sleep(0.5)
        free.set()

timer = threading.Event()
threading.Thread(target=clock, daemon=True).start()
config = compose(SMALL)
network = read_network(Path(config.network.path))
syntax_tree("1")
signature = Signature(
    kind="image_classification", class_name=network.names[-1], input_shape=(1, 8, 8), n_outputs=10
)
job = Build(candidate=Candidate(source=network.source, signature=signature, recipe=config.recipe, seed=0))
with Sandbox(config.limits, device="cpu", level="limits", most="limits") as sandbox:
    def build():
        with sandbox.run(job, time_limit_s=60) as running:
            return type(running.receive()).__name__
    build()
    print(type(scarcely(lambda: syntax_tree("2"))).__name__)
    print(scarcely(lambda: lint(network)))
    print(scarcely(build))
"""
ORPHANS = """
import os, socket, sys, threading, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from harness.config.paths import PACKAGE
from harness.sandbox.confinement.child import Confinement
from harness.sandbox.confinement.system import PR_SET_CHILD_SUBREAPER, prctl
from harness.worker.server import Server

Path("/proc/sys/kernel/pid_max").write_text("700")
prctl(PR_SET_CHILD_SUBREAPER, 1)

def leave():
    if os.fork() == 0:
        if os.fork() == 0:
            os.setsid()
            while True:  # any number that becomes free is taken, too
                try:
                    threading.Thread(target=time.sleep, args=(600,)).start()
                except RuntimeError:
                    time.sleep(0.0005)
        os._exit(0)
    os.wait()
    while True:
        try:
            pid = os.fork()
        except BlockingIOError:
            return
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)

server = Server(socket.socketpair()[0], Confinement(exclude=PACKAGE, enforce=False), None)
(_, job), (near, status) = socket.socketpair(), socket.socketpair()
leave()
server._fork(job, status)
print(int(near.recv(32)) > 0)
server._kill_orphans()
os._exit(0)
"""
NONE_FREE = """
import sys, threading
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from harness.config.compose import compose
from harness.sandbox.messages import Machine, Probe
from harness.sandbox.sandbox import Sandbox
from harness.sandbox.worker_process import WorkerLostError
from tests.conftest import SMALL

Path("/proc/sys/kernel/pid_max").write_text("700")

def probe():
    try:
        with sandbox.run(Probe(), time_limit_s=60) as running:
            return type(running.receive()).__name__
    except WorkerLostError as error:
        return error

with Sandbox(compose(SMALL).limits, device="cpu", level="limits", most="limits") as sandbox:
    print(probe())
    free, threads = threading.Event(), []
    try:
        while True:
            threads.append(threading.Thread(target=free.wait, daemon=True))
            threads[-1].start()
    except RuntimeError:
        worker = sandbox._worker
        print(probe())
    free.set()
    for thread in threads[:-1]:
        thread.join()
    print(probe(), worker is sandbox._worker)
"""


def has_small_namespaces():
    if tuple(map(int, os.uname().release.split(".")[:2])) < (6, 14):
        return False  # the limit is the host's
    shell = "echo 700 > /proc/sys/kernel/pid_max"
    done = subprocess.run([*COMMAND, "sh", "-c", shell], capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not has_small_namespaces(), reason="needs a limit of a PID namespace's own")
def test_a_parse_a_check_and_a_job_wait_for_a_process_number():
    assert in_small_namespace(SCARCE) == ["Module", "None", "Built"]


@pytest.mark.slow
@pytest.mark.skipif(not has_small_namespaces(), reason="needs a limit of a PID namespace's own")
def test_what_a_candidate_left_is_killed_where_it_holds_all_process_numbers():
    assert in_small_namespace(ORPHANS) == ["True"]


@pytest.mark.slow
@pytest.mark.skipif(not has_small_namespaces(), reason="needs a limit of a PID namespace's own")
def test_a_server_that_finds_no_process_number_says_so_and_serves_on():
    first, second, third = in_small_namespace(NONE_FREE)
    assert first == "Machine"
    assert second.startswith("expected a process for a job, the host had no free process number")
    assert third == "Machine True"


def in_small_namespace(script):
    """Lines that a script prints."""
    command = [*COMMAND, sys.executable, "-c", script, str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
