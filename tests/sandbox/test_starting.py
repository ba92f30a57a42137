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


def has_small_namespaces():
    if tuple(map(int, os.uname().release.split(".")[:2])) < (6, 14):
        return False  # the limit is the host's
    shell = "echo 700 > /proc/sys/kernel/pid_max"
    done = subprocess.run([*COMMAND, "sh", "-c", shell], capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not has_small_namespaces(), reason="needs a limit of a PID namespace's own")
def test_a_parse_a_check_and_a_job_wait_for_a_process_number():
    done = subprocess.run(
        [*COMMAND, sys.executable, "-c", SCARCE, str(ROOT)],
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.stdout == "Module\nNone\nBuilt\n", done.stderr
