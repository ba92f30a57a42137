"""The worker's server: neither what candidates leave nor the end of the harness stops it."""

import contextlib
import os
import signal
import socket
import time

import pytest

from harness.sandbox.job import JobFailed, running
from harness.sandbox.messages import Conditions, Machine, Probe, Signature
from harness.sandbox.sandbox import Sandbox
from harness.sandbox.worker_process import WorkerLostError, WorkerProcess
from tests.conftest import children_of, children_of_worker
from tests.support.jobs import build_job
from tests.support.processes import alive

SIGNATURE = Signature(
    kind="image_classification", class_name="ExquisiteNetV2", input_shape=(3, 32, 32), n_outputs=10
)
CONDITIONS = Conditions(
    device="cpu", deterministic=False, memory_mib=512, threads=1, time_limit_s=60
)
TRACED = """
import ctypes, os, time
libc = ctypes.CDLL(None)
def trace():
    told, tells = os.pipe()
    attached, attaches = os.pipe()
    if os.fork() == 0:  # the tracer lives as long as the job
        if os.fork() == 0:
            if os.fork() == 0:  # loses its parent, so the server must reap it
                libc.prctl(0x59616D61, ctypes.c_ulong(2**64 - 1), 0, 0, 0)  # PR_SET_PTRACER
                os.write(tells, b"%d" % os.getpid())
                time.sleep(600)
            os.read(attached, 1)
            os._exit(0)
        seizes = 0x4206
        libc.ptrace(seizes, int(os.read(told, 20)), None, None)
        os.write(attaches, b"x")
        time.sleep(600)
    time.sleep(0.5)
trace()
raise ValueError("left")
"""
TRACES_ITS_JOB = """
import ctypes, os, time
libc = ctypes.CDLL(None)
libc.prctl(0x59616D61, ctypes.c_ulong(2**64 - 1), 0, 0, 0)  # PR_SET_PTRACER
attached, attaches = os.pipe()
job = os.getpid()
if os.fork() == 0:
    seizes = 0x4206
    assert libc.ptrace(seizes, job, None, None) == 0
    os.write(attaches, b"x")
    time.sleep(600)
os.read(attached, 1)
raise ValueError("left")
"""


@contextlib.contextmanager
def worker_of(level="limits", **settings):
    worker = WorkerProcess(level, **settings)
    try:
        yield worker
    finally:
        worker.close()


def probe(worker, limits):
    with running(worker, Probe(), CONDITIONS, limits=limits) as job:
        return job.receive_answer(Machine)


@pytest.mark.parametrize("traces", [TRACED, pytest.param(TRACES_ITS_JOB, marks=pytest.mark.slow)])
def test_a_process_that_another_one_traces_stops_no_job(config, network, traces):
    """The kernel lets nobody reap it while the tracer lives."""
    source = network.replace("DW", traces + network["DW"])
    with Sandbox(config.limits, level="limits", most="limits", device="cpu") as sandbox:
        with (
            pytest.raises(JobFailed, match="left"),
            sandbox.run(build_job(source, SIGNATURE, config.recipe), time_limit_s=60) as job,
        ):
            job.receive()
        assert children_of_worker(sandbox) == []
        with sandbox.run(build_job(network, SIGNATURE, config.recipe), time_limit_s=60) as job:
            job.receive()


def test_a_server_outlives_a_harness_that_asked_for_a_job_and_died(config):
    with worker_of() as worker:
        (gone, job), (deaf, status) = socket.socketpair(), socket.socketpair()
        gone.close()
        deaf.close()
        with job, status:
            worker._hand_over(b"j", job.fileno(), status.fileno())
        probe(worker, config.limits)
        assert children_of(worker.pid) == []


@pytest.mark.parametrize("level", ["limits", pytest.param("isolated", marks=pytest.mark.slow)])
def test_a_server_that_does_not_respond_is_killed_with_its_children(config, level):
    with worker_of(level, patience_s=60) as worker:
        probe(worker, config.limits)
        worker._patience_s = 1
        with running(worker, Probe(), CONDITIONS, limits=config.limits) as job:
            job.receive_answer(Machine)
            left = descendants(worker.pid)
            os.kill(left[0] if level == "isolated" else worker.pid, signal.SIGSTOP)
        assert not worker.is_alive
        assert not any(map(alive, [worker.pid, *left]))
        with pytest.raises(WorkerLostError):
            worker.fork(max_bytes=1)


@pytest.mark.slow
def test_a_request_that_nobody_answers_ends_in_an_error(config):
    with worker_of() as worker:
        probe(worker, config.limits)
        worker._patience_s = 1
        os.kill(worker.pid, signal.SIGSTOP)
        start = time.monotonic()
        with pytest.raises(WorkerLostError, match="did not respond and was killed"):
            worker.fork(max_bytes=1)
        assert time.monotonic() - start < 30
        assert not alive(worker.pid)


def descendants(pid):
    children = children_of(pid)
    return [*children, *(found for child in children for found in descendants(child))]
