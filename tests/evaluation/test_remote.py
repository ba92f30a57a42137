"""The driver's side of remote nodes, and a node, without anything that connects them."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.config.compose import compose
from harness.config.identity import settings_of
from harness.config.strategies import build
from harness.errors import InputError, MachineError
from harness.evaluation.remote.node import Node, genome_as_json, genome_of
from harness.evaluation.remote.pool import NodeLostError, Pool, answer_in, require_same
from harness.evaluation.remote.ray_actors import RayActors, _require_guarded
from harness.evolution.candidate import Evaluation, Gated, Rejection
from harness.evolution.genome import Genome, Segment, read_network

FOUND = {"data": "d", "code": "c", "decisive": {"processor": "p"}}
OUTCOME = {"score": 0.5, "n_params": 7, "train_s": 1.0}


class Imagined:
    """A node that answers with a text, or dies as often as it is told to."""

    def __init__(self, name, answer=None, *, dies=0, returns=True):
        self.name, self.answer = name, {"answer": OUTCOME} if answer is None else answer
        self.dies, self.returns = dies, returns
        self.asked, self.back = [], threading.Event()
        self.found = FOUND
        self.back.set()

    def ask(self, request):
        self.asked.append(json.loads(request))
        if self.dies:
            self.dies -= 1
            raise NodeLostError(f"{self.name} was lost")
        return self.answer if isinstance(self.answer, str) else json.dumps(self.answer)

    def open(self):
        self.back.wait(60)
        if not self.returns:
            raise NodeLostError(f"{self.name} ended")
        return json.dumps({"answer": self.found})


def pool_of(*nodes, places=None):
    return Pool(nodes, places or [1] * len(nodes), FOUND)


def test_a_lost_node_gets_nothing_before_it_has_opened_again(network):
    one, other = Imagined("a", dies=1), Imagined("b")
    one.back.clear()
    pool = pool_of(one, other, places=[3, 1])
    for _ in range(5):
        assert pool.search(network, seed=1) == Evaluation(**OUTCOME)
    assert (len(one.asked), len(other.asked)) == (1, 5)
    one.back.set()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: pool.final(network, seed=1), range(40)))
    while len(one.asked) == 1:  # its place comes back in a thread
        pool.final(network, seed=1)
    assert one.asked[1]["method"] == "final"


def test_three_lost_nodes_end_the_command(network):
    nodes = [Imagined(name, dies=1) for name in "abcd"]
    for node in nodes:
        node.back.clear()
    with pytest.raises(MachineError, match=r"each of a, b, c was lost while it worked on the same"):
        pool_of(*nodes).validate(network, seed=0)
    assert [len(node.asked) for node in nodes] == [1, 1, 1, 0]


def test_without_a_node_left_the_command_ends_and_says_why(network):
    pool = pool_of(Imagined("a", dies=1, returns=False), Imagined("b", dies=1, returns=False))
    with pytest.raises(MachineError, match=r"all were lost: \w ended; \w ended"):
        pool.search(network, seed=1)


def test_a_node_that_comes_back_as_another_is_not_used(network):
    changed = Imagined("a", dies=1)
    changed.found = FOUND | {"code": "other"}
    with pytest.raises(
        MachineError, match="expected code with digest c on every node, found other"
    ):
        pool_of(changed).search(network, seed=1)


@pytest.mark.parametrize("answer", [
    "{", "[]", "null", {"answer": None}, {"answer": OUTCOME | {"score": 2.0}}, {"told": "x"},
    {"answer": OUTCOME | {"n_params": True}}, {"answer": OUTCOME | {"other": 1}},
    {"answer": {"gate": "train", "kind": "timeout", "reason": 5}}, '{"answer": {"score": NaN}}',
    "[" * 100_000,
])  # fmt: skip
def test_an_answer_that_is_no_outcome_is_refused(network, answer):
    with pytest.raises(MachineError, match=r"^a: expected "):
        pool_of(Imagined("a", answer)).search(network, seed=1)


def test_gates_do_not_answer_with_the_refusal_of_a_training(network):
    refusal = {"gate": "train", "kind": "nonfinite", "reason": "x", "train_s": 1.0}
    with pytest.raises(MachineError, match="is none of the gates"):
        pool_of(Imagined("a", {"answer": refusal})).validate(network, seed=0)
    lint = {"gate": "lint", "kind": "lint", "reason": "x"}
    assert pool_of(Imagined("a", {"answer": lint})).validate(network, seed=0) == Gated(
        refusal=Rejection(**lint)
    )


def test_errors_of_a_node_are_those_of_this_process():
    with pytest.raises(InputError, match=r"^no data \(on a\)$"):
        answer_in(json.dumps({"status": 2, "told": "no data"}), "a")
    with pytest.raises(MachineError, match="worker lost"):
        answer_in(json.dumps({"status": 1, "told": "worker lost"}), "a")
    for what in FOUND:
        with pytest.raises(InputError, match="Outcomes depend on it"):
            require_same("a", FOUND | {what: "other"}, FOUND)


def test_a_genome_arrives_as_it_was_divided():
    for text in ("x = 1", "# segment: fake\ny = 2", "bytes \udc80 that are no text"):
        genome = Genome(header="import torch", segments=(Segment(name="A", source=text),))
        assert genome_of(json.loads(genome_as_json(genome))) == genome


@pytest.mark.slow
def test_a_node_answers_as_a_local_backend(quick, untrained, tmp_path):
    config = compose([*quick, f"runs_dir={tmp_path}"])
    network = read_network(Path(config.network.path))
    backend = untrained(config, build(config.task).load(), network)
    node = Node()
    arguments = (config, genome_as_json(network), str(tmp_path), False)
    found = answer_in(node.open(*arguments), "a")
    assert answer_in(node.open(*arguments), "a") == found
    assert found["decisive"] == dict(backend.decisive)
    pool = Pool([_Near(node)], [2], {"decisive": found["decisive"]})
    assert pool.validate(network, seed=0) == backend.validate(network, seed=0)
    bad = network.replace(network.names[-1], "import os\n" + network[network.names[-1]])
    assert pool.validate(bad, seed=0) == backend.validate(bad, seed=0)
    ours, theirs = pool.final(network, seed=3), backend.evaluate.final(network, seed=3)
    assert replace(ours, train_s=0) == replace(theirs, train_s=0)
    node._executor.close()


class _Near:
    name = "here"

    def __init__(self, node):
        self.ask = node.ask


def test_an_unguarded_cluster_is_refused(monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    config = compose(["executor=ray"])
    _require_guarded(config, "127.0.0.2:6379")
    for address in ("", "auto", "local", "ray://head:10001", "head"):
        with pytest.raises(InputError, match=r"^executor\.address: expected HOST:PORT"):
            _require_guarded(config, address)
    with pytest.raises(InputError, match=r"^sandbox\.level: expected contained or isolated"):
        _require_guarded(compose(["executor=ray", "sandbox.level=limits"]), "head:1")
    monkeypatch.delenv("RAY_AUTH_MODE")
    with pytest.raises(InputError, match="expected RAY_AUTH_MODE=token in the environment"):
        _require_guarded(config, "head:1")


@pytest.mark.skipif(find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_its_extra_is_named():
    with pytest.raises(InputError, match=r"^executor: expected ray, which is not installed"):
        RayActors(address="head:1")


def test_it_is_no_part_of_a_runs_identity(config):
    other = compose(["executor=ray", "executor.address=head:1"])
    assert settings_of(other) == settings_of(compose([]))
