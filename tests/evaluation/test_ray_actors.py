"""Runs on two nodes of a Ray cluster: the record is that of one machine, whatever dies."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from random import Random

import pytest

from harness.config.compose import compose, compose_jobs
from harness.config.strategies import build
from harness.errors import InputError, MachineError
from harness.evaluation.executor import Executors
from harness.evolution.genome import read_network
from harness.record.events import Manifest, NetworkTrained
from harness.record.journal import find_runs, is_complete, read_kind
from tests.conftest import ROOT, told
from tests.support.backends import complete_folders
from tests.support.drivers import KILLS, SEED
from tests.support.killed_runs import KEY, answers, assert_counted, assert_same, overrides_of
from tests.support.llm_server import serving
from tests.support.ray_nodes import Nodes, actors, token, until

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(
        not find_spec("ray"), reason="Ray is not installed: pip install -e '.[ray]'"
    ),
    pytest.mark.timeout(1200),
    pytest.mark.filterwarnings("default"),  # Ray has warnings of its own
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with token(tmp_path_factory.mktemp("token")), closing(Nodes()) as nodes:
        yield nodes


@pytest.fixture
def nodes(cluster):
    return cluster.complete()


@pytest.fixture(scope="module")
def settings(quick):
    """A run whose trainings take some seconds, so that processes can be killed meanwhile."""
    return [
        *quick, "+ablation=random_mutation", "compare=[]", "budget.evaluations=4",
        "recipe.epochs=120", "limits.train_s=900",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def local(settings, tmp_path_factory, executor):
    """The record of that run on this machine, without Ray."""
    runs = tmp_path_factory.mktemp("local")
    (folder,) = complete_folders([compose([*settings, f"runs_dir={runs}"])], executor)
    return folder


def on_ray(cluster, settings, runs):
    return [
        *settings, f"runs_dir={runs}", "executor=ray", f"executor.address={cluster.address}",
        "executor.cache=false",
    ]  # fmt: skip


class Running(threading.Thread):
    """The runs of a command, in a thread."""

    def __init__(self, overrides):
        super().__init__(daemon=True)
        (self._configs,) = compose_jobs([overrides])
        self.folders, self.error = [], None
        self.start()

    def run(self):
        try:
            self.folders = complete_folders(self._configs)
        except Exception as error:  # noqa: BLE001 - raised in the other thread
            self.error = error

    def end(self):
        self.join(900)
        if self.error:
            raise self.error
        return self.folders


def trained(runs):
    """Return what is on record as trained, of the one run in a folder."""
    return [
        e
        for path in Path(runs).glob("*/journal.sqlite")
        for e in read_kind(path.parent, NetworkTrained)
    ]


def working(cluster, runs):
    """Return the actors that train, once the seed network has been trained."""
    found = actors(cluster.address)
    return trained(runs) and [pid for pid, title in found.items() if title.endswith(".ask")]


def test_the_record_is_that_of_one_machine_event_by_event(nodes, settings, local, tmp_path):
    (folder,) = complete_folders([compose(on_ray(nodes, settings, tmp_path))])
    assert folder.name == local.name
    (manifest,) = read_kind(folder, Manifest)
    assert manifest.machine["actors"] == 2
    assert told(folder) == told(local)
    assert len({one.outcome.score for one in trained(tmp_path)}) > 2
    until(lambda: not actors(nodes.address))


def test_a_killed_actor_costs_no_event(nodes, settings, local, tmp_path):
    running = Running(on_ray(nodes, settings, tmp_path))
    pid = until(lambda: working(nodes, tmp_path), 600)[0]
    os.kill(pid, signal.SIGKILL)
    assert [told(folder) for folder in running.end()] == [told(local)]


def test_a_killed_node_costs_no_event(nodes, settings, local, tmp_path):
    running = Running(on_ray(nodes, settings, tmp_path))
    until(lambda: working(nodes, tmp_path), 600)
    nodes.kill_second()
    assert [told(folder) for folder in running.end()] == [told(local)]
    until(lambda: not actors(nodes.address))


def test_runs_at_once_share_the_actors_one_of_which_is_killed(nodes, settings, tmp_path, executor):
    arms = [*settings, "compare=[one_plus_one,width]", "budget.evaluations=2", "recipe.epochs=60"]
    (alone,) = compose_jobs([[*arms, f"runs_dir={tmp_path / 'alone'}"]])
    expected = complete_folders(alone, executor)
    running = Running([*on_ray(nodes, arms, tmp_path / "ray"), "runs_at_once=3"])
    seen, at_once, killed = set(), 0, None
    while running.is_alive():
        found = actors(nodes.address)
        seen |= found.keys()
        begun = [*(tmp_path / "ray").glob("*/journal.sqlite")]
        at_once = max(at_once, len(begun) - sum(is_complete(path.parent) for path in begun))
        if killed is None and len(begun) == 3 and len(found) == 2:
            killed = max(found)
            os.kill(killed, signal.SIGKILL)
        time.sleep(0.1)
    folders = running.end()
    assert [folder.name for folder in folders] == [folder.name for folder in expected]
    assert [*map(told, folders)] == [*map(told, expected)]
    assert at_once == 3
    assert killed
    assert len(seen) == 3, "two actors, and one in place of that which was killed"


def test_after_a_killed_driver_the_same_command_goes_on(nodes, settings, local, tmp_path):
    overrides = on_ray(nodes, settings, tmp_path)
    command = [sys.executable, "-m", "harness", *overrides]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as driver:
        until(lambda: working(nodes, tmp_path), 600)
        driver.kill()
    before = len(trained(tmp_path))
    assert before < len(read_kind(local, NetworkTrained))
    until(lambda: not actors(nodes.address))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (journal,) = tmp_path.glob("*/journal.sqlite")
    assert told(journal.parent) == told(local)


def killed_at_random(cluster, command, rng, log, most):
    """Start a driver until one completes its run, and kill it and its actors; return the kills."""
    for kills in range(most):
        with subprocess.Popen(command, cwd=ROOT, stdout=log) as driver:
            until(lambda: driver.poll() is not None or actors(cluster.address), 600)
            found = [*actors(cluster.address)]
            with contextlib.suppress(subprocess.TimeoutExpired):
                assert driver.wait(rng.uniform(0, 10)) == 0
                return kills
            if found and rng.random() < 0.5:
                with contextlib.suppress(ProcessLookupError):  # another one has taken its place
                    os.kill(rng.choice(found), signal.SIGKILL)
            else:
                driver.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                assert driver.wait(rng.uniform(0, 5)) in {0, -signal.SIGKILL}
            driver.kill()
        until(lambda: not actors(cluster.address))
    subprocess.run(command, cwd=ROOT, stdout=log, check=True)
    return most


def test_drivers_and_actors_are_killed_at_random_again_and_again(nodes, settings, local, tmp_path):
    rng, kills = Random(SEED), []
    while sum(kills) < KILLS // 2:
        runs = tmp_path / str(len(kills))
        command = [sys.executable, "-m", "harness", *on_ray(nodes, settings, runs)]
        with (tmp_path / "log").open("ab") as log:
            left = KILLS // 2 - sum(kills)
            kills.append(killed_at_random(nodes, command, rng, log, left))
        (journal,) = runs.glob("*/journal.sqlite")
        assert told(journal.parent) == told(local)
    print(f"\n{sum(kills)} kills of drivers, after actors or alone, {max(kills)} of one run")


@pytest.mark.parametrize("kind", ["full", "steady state, random edits", "at once"])
def test_other_kinds_of_runs_survive_kills_on_ray(
    nodes, kind, quick, executor, tmp_path, monkeypatch
):
    """As ``tests/kills`` on one machine; here with trainings in the sandbox, on two nodes."""
    monkeypatch.setenv(*KEY)
    rng, done = Random(f"{SEED} {kind}"), []
    with serving() as server:
        server.always = answers(kind)
        overrides = [
            *overrides_of(kind, quick, server.url), "budget.evaluations=6", "budget.proposals=12",
            "recipe.epochs=60", "limits.train_s=900",
        ]  # fmt: skip
        (configs,) = compose_jobs([[*overrides, f"runs_dir={tmp_path / 'whole'}"]])
        complete_folders(configs, executor)
        whole = find_runs(tmp_path / "whole")
        while sum(done) < KILLS // 6:
            again, left = tmp_path / f"killed {len(done)}", KILLS // 6 - sum(done)
            command = [sys.executable, "-m", "harness", *on_ray(nodes, overrides, again)]
            server.seen.clear()
            with (tmp_path / "log").open("ab") as log:
                done.append(killed_at_random(nodes, command, rng, log, left))
            assert_same(whole, find_runs(again))
            assert_counted(find_runs(again), [seen.prompt for seen in server.seen])
    print(f"\n{kind}: {sum(done)} kills survived, {max(done)} of one run")


def opened(cluster, settings, runs, *more, change=lambda dataset: dataset):
    config = compose([*on_ray(cluster, settings, runs), *more])
    dataset, network = build(config.task).load(), read_network(Path(config.network.path))
    with closing(Executors()) as executors:
        return executors.open(config, change(dataset), network)


def test_other_data_than_the_drivers_are_refused(nodes, settings, tmp_path):
    def other(dataset):
        return replace(dataset, test=dataset.validation)

    with pytest.raises(InputError, match=r"executor: expected data with digest \w+ on every node"):
        opened(nodes, settings, tmp_path, change=other)


def test_machines_without_room_are_refused(nodes, settings, tmp_path):
    with pytest.raises(
        InputError, match=r"expected a node with limits\.threads=1 cores and limits"
    ):
        opened(nodes, settings, tmp_path, "limits.memory_mib=99999")
    with pytest.raises(MachineError, match="expected a node with a free GPU in the cluster"):
        opened(nodes, settings, tmp_path, "device=cuda", "executor.room_s=5")
    hold = (
        "import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False)\n"
        "class Held:\n    def held(self): return True\n"
        "held = [ray.remote(num_cpus=1)(Held).remote() for _ in range(2)]\n"
        "print(ray.get([one.held.remote() for one in held]), flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", hold, nodes.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout.readline() == b"[True, True]\n"
        with pytest.raises(MachineError, match="expected a node with free cores in the cluster"):
            opened(nodes, settings, tmp_path, "executor.room_s=20")
        holder.stdin.close()


@pytest.mark.parametrize("how", [{"RAY_AUTH_TOKEN": "0" * 64}, {"RAY_AUTH_MODE": "disabled"}])
def test_a_client_without_the_token_is_not_admitted(nodes, how):
    code = "import ray, sys; ray.init(address=sys.argv[1]); print(len(ray.nodes()), 'nodes')"
    known = {k: v for k, v in os.environ.items() if k != "RAY_AUTH_TOKEN_PATH"}
    command = [sys.executable, "-c", code, nodes.address]
    client = subprocess.run(
        command, env={**known, **how}, capture_output=True, text=True, check=False, timeout=600
    )
    assert client.returncode
    assert "nodes" not in client.stdout
    assert "AuthenticationError" in client.stderr


def test_the_harness_says_that_it_was_not_admitted(nodes, settings, tmp_path, monkeypatch):
    wrong = tmp_path / "wrong"
    wrong.write_text("0" * 64)
    code = "import sys; from harness.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *on_ray(nodes, settings, tmp_path)], cwd=ROOT, check=False,
        capture_output=True, text=True, env={**os.environ, "RAY_AUTH_TOKEN_PATH": str(wrong)},
    )  # fmt: skip
    assert done.returncode == 2
    assert "executor.address: expected a Ray cluster" in done.stderr
