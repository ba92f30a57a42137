"""The executor that a configuration names opens its backends, and decides no outcome."""

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config.compose import compose
from harness.config.identity import settings_of
from harness.config.strategies import build
from harness.errors import InputError, MachineError
from harness.evaluation.backend import Backend, Queue
from harness.evaluation.cache import FOLDER
from harness.evaluation.executor import Executors
from harness.evolution.candidate import Evaluation, Gated
from harness.evolution.genome import read_network
from harness.runs.runner import complete_runs

TARGET = "tests.evaluation.test_executor.Remote"
STARTED = []


class Remote:
    """An executor of another kind: where it works, every network is as good as the next."""

    def __init__(self, *, cluster):
        self.cluster, self.opened, self.closed = cluster, 0, False
        STARTED.append(self)

    def open(self, config, dataset, network, *, on_epoch=None):
        self.opened += 1
        return Backend(validate=lambda _, seed: Gated(), evaluate=self, workers=3, machine={
            "device": "cpu", "torch": "0", "sandbox": "none", "cluster": self.cluster,
        })  # fmt: skip

    def search(self, genome, *, seed, split="validation", epochs=None):
        return Evaluation(score=0.5, n_params=len(genome.source), train_s=1.0)

    def final(self, genome, *, seed):
        return self.search(genome, seed=seed)

    def close(self):
        self.closed = True


@pytest.fixture
def started():
    STARTED.clear()
    return STARTED


def test_a_run_is_executed_where_its_configuration_says(quick, tmp_path, started):
    config = compose([*quick, "+ablation=random_mutation", "compare=[]", f"runs_dir={tmp_path}"])
    config.executor = {"_target_": TARGET, "cluster": "here"}
    (result,) = complete_runs([config])
    assert result.complete
    assert result.seed_objectives.score == 0.5
    assert result.manifest.machine["cluster"] == "here"
    (executor,) = started
    assert executor.closed


def test_an_executor_is_started_once_for_all_jobs_of_a_command(started, config, digits, network):
    with closing(Executors()) as executors:
        for cluster in ("a", "b", "a"):
            chosen = replace(config, executor={"_target_": TARGET, "cluster": cluster})
            executors.open(chosen, digits, network)
        assert [(e.cluster, e.opened, e.closed) for e in started] == [
            ("a", 2, False), ("b", 1, False),
        ]  # fmt: skip
    assert all(executor.closed for executor in started)


def test_it_is_no_part_of_a_runs_identity(config):
    other = replace(config, executor={"_target_": TARGET, "cluster": "elsewhere"})
    assert settings_of(other) == settings_of(config)


def test_an_argument_that_it_does_not_take_is_refused():
    with pytest.raises(InputError, match=r"executor\.nodes: expected an argument of harness"):
        compose(["+executor.nodes=3"])


def test_work_is_spread_over_threads_and_comes_back_in_order():
    backend = Backend(validate=lambda _, seed: Gated(), evaluate=None, workers=3)
    assert backend.map(lambda n: n * n, range(10)) == [n * n for n in range(10)]


def test_without_the_cache_a_network_is_trained_again(quick, tmp_path):
    config = compose([*quick, f"runs_dir={tmp_path}", "executor.cache=false"])
    dataset, trained = build(config.task).load(), []
    network = read_network(Path(config.network.path))
    with closing(Executors()) as executors:
        backend = executors.open(
            config, dataset, network, on_epoch=lambda epoch, *_: trained.append(epoch)
        )
        first = backend.evaluate.search(network, seed=1)
        second = backend.evaluate.search(network, seed=1)
    assert trained == [1, 1]
    assert replace(first, train_s=0) == replace(second, train_s=0)
    assert not (tmp_path / FOLDER).exists()


def test_all_runs_on_a_backend_share_its_slots_until_it_stops():
    backend = Backend(validate=lambda _, seed: Gated(), evaluate=None, workers=2)
    inside, most = [], []

    def work(n):
        with backend.slot():
            inside.append(n)
            most.append(len(inside))
            time.sleep(0.01)
            inside.remove(n)

    with ThreadPoolExecutor(3) as runs:
        list(runs.map(lambda _: backend.map(work, range(4)), range(3)))
    assert max(most) == 2
    backend.stop()
    with pytest.raises(MachineError, match="the same command continues"):
        work(0)


def waits_in(queue, n):
    """Wait until so many threads wait for a slot."""
    deadline = time.monotonic() + 60
    while len(queue._hurried) + len(queue._others) != n:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_gates_go_before_trainings_that_wait_and_each_in_its_turn():
    backend, order = Backend(validate=None, evaluate=None, workers=1), []

    def work(name, hurried):
        with backend.slot(hurried=hurried):
            order.append(name)

    asked = [("training 0", False), ("training 1", False), ("gate 0", True), ("gate 1", True)]
    with ThreadPoolExecutor(len(asked)) as threads, backend.slot():
        for k, one in enumerate(asked, start=1):
            threads.submit(work, *one)
            waits_in(backend._queue, k)
    assert order == ["gate 0", "gate 1", "training 0", "training 1"]
    work("free again", False)


def test_who_is_interrupted_while_waiting_leaves_the_line():
    queue = Queue(1)

    def interrupt():
        waits_in(queue, 1)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    with ThreadPoolExecutor(1) as threads:
        with queue.slot(hurried=False):
            interrupting = threads.submit(interrupt)
            with pytest.raises(KeyboardInterrupt), queue.slot(hurried=True):
                pass
        interrupting.result()
    with queue.slot(hurried=False):
        waits_in(queue, 0)
