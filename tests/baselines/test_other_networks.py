"""The other seed networks: without published names, slim, and of our own."""

import ast
import re
from dataclasses import replace

import pytest
import torch
from torch import nn

from harness.baselines.nsga_net import Architecture, decoded, encoded
from harness.config.compose import compose
from harness.config.paths import CONF
from harness.config.schema import Network
from harness.errors import InputError
from harness.evolution.genome import Genome, read_network
from harness.runs.spec import specify
from tests.conftest import ROOT

NETWORKS = ROOT / "baselines" / "networks"
OPTIONS = sorted(p.stem for p in (CONF / "network").glob("*.yaml"))
PUBLISHED_NAMES = ("Exquisite", "SE_LN", "DFSEBV2", "FCT", "EVE", "ME", "DW", "is_LN", "squeeze")


def genome_of(option):
    return read_network(NETWORKS / f"{option}.py")


def identifiers(genome):
    """Return all names in a genome's source, in the order of its syntax tree."""
    fields = [pair for node in ast.walk(ast.parse(genome.source)) for pair in ast.iter_fields(node)]
    return [v for name, v in fields if name in {"id", "attr", "name", "arg"} and v is not None]


def with_names_of(other, genome):
    """Return a genome with the names of another one, whose names are used in the same places."""
    pairs = set(zip(identifiers(genome), identifiers(other), strict=True))
    names = dict(pairs)
    assert len(names) == len(pairs)
    source = re.sub(r"\w+", lambda found: names.get(found[0], found[0]), genome.source)
    return Genome.parse(source)


def built(genome, seed=0):
    """Build a genome's network and its optimizer under a seed, as a worker does."""
    namespace = {"__name__": "seed"}
    exec(genome.source, namespace)
    torch.manual_seed(seed)
    network = namespace[genome.names[-1]](10, 3)
    return network, namespace["get_optimizer"](network, 0.1, 1e-4, True)


def trained(genome, *, steps):
    """Return the answers of a network before and after some steps, and its final state."""
    network, optimizer = built(genome)
    torch.manual_seed(1)
    images, labels = torch.rand(8, 3, 32, 32), torch.arange(8)
    answers = [network(images)]
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()
    answers.append(network.eval()(images))
    return answers, list(network.state_dict().values())


def test_every_network_is_an_option_and_the_default_is_the_published_one():
    assert sorted(p.stem for p in NETWORKS.glob("*.py") if p.stem != "__init__") == OPTIONS
    for option in OPTIONS:
        assert compose([f"network={option}"]).network.path == str(NETWORKS / f"{option}.py")
    assert compose([]) == compose(["network=exquisitenet_v2"])
    assert compose(["network.path=mine.py"]).network.path == "mine.py"


def test_a_choice_is_part_of_the_identity_by_the_content_of_its_file_alone(digits, tmp_path):
    def identity(override, path):
        config = compose([override, "+ablation=random_mutation"])
        return specify(config, digits, read_network(path)).identity

    copy = tmp_path / "copy.py"
    copy.write_text((NETWORKS / "own.py").read_text())
    chosen = identity("network=own", NETWORKS / "own.py")
    assert chosen == identity(f"network.path={copy}", copy)
    default = NETWORKS / "exquisitenet_v2.py"
    assert identity("seed=0", default) == identity(f"network.path={default}", default) != chosen


@pytest.mark.parametrize("option", [o for o in OPTIONS if o != "exquisitenet_v2"])
def test_it_passes_the_gates_and_is_another_function_unless_it_is_anonymous(
    option, config, digits, untrained, backend, network
):
    genome = genome_of(option)
    assert genome.names[0] == "get_optimizer"
    own = replace(config, network=Network(path=str(NETWORKS / f"{option}.py")))
    gated = untrained(own, digits, genome).validate(genome, seed=0)
    assert gated.refusal is None
    published = backend.validate(network, seed=0).behaviour
    assert published is not None
    same = genome if option != "anonymous" else with_names_of(network, genome)
    assert (backend.validate(same, seed=0).behaviour == published) == (option == "anonymous")


class TestAnonymous:
    def test_it_says_nothing_of_the_published_network(self):
        text = (NETWORKS / "anonymous.py").read_text()
        tree = ast.parse(text)
        nodes = [
            n for n in ast.walk(tree) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef)
        ]
        assert not any(map(ast.get_docstring, nodes))
        comments = [line for line in text.splitlines() if "#" in line]
        assert all(line.startswith("# segment: ") for line in comments)
        words = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        words |= {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
        words |= {n.name for n in nodes if not isinstance(n, ast.Module)} | set(
            genome_of("anonymous").names
        )
        assert not words & {*PUBLISHED_NAMES, *genome_of("exquisitenet_v2").names} - {
            "get_optimizer"
        }

    def test_it_computes_and_learns_the_same_bit_for_bit(self, network):
        mine, published = genome_of("anonymous"), network
        assert len(mine.names) == len(published.names)
        (one, other) = (trained(genome, steps=3) for genome in (mine, published))
        for a, b in zip([*one[0], *one[1]], [*other[0], *other[1]], strict=True):
            assert torch.equal(a, b)

    def test_its_unused_gate_is_the_same_too(self, network):
        inputs = torch.rand(2, 6, 4, 4)
        outputs = []
        for genome, name in ((genome_of("anonymous"), "Block"), (network, "DFSEBV2")):
            namespace = {"__name__": "seed"}
            exec(genome.source, namespace)
            torch.manual_seed(0)
            outputs.append(namespace[name](6, 3, False)(inputs))
        assert torch.equal(*outputs)


class TestSlim:
    def test_it_is_the_published_network_at_a_quarter_of_its_width(self, network):
        slim = genome_of("slim")
        assert slim.differing(network) == ("ExquisiteNetV2",)
        assert sum(p.numel() for p in built(slim)[0].parameters()) == 37_822

    def test_the_typed_space_is_built_around_it(self):
        slim = genome_of("slim")
        assert encoded(Architecture(), slim).digest == slim.digest
        half = Architecture(widths=(0.5,) * 5)
        child = encoded(half, slim)
        assert decoded(child) == half
        assert "ME(24, 48),\n            DFSEBV2(48" in slim["ExquisiteNetV2"]
        assert "ME(12, 24),\n            DFSEBV2(24" in child["ExquisiteNetV2"]
        assert "nn.Linear(48, class_num)" in child["ExquisiteNetV2"]


@pytest.mark.parametrize("option", ["anonymous", "own"])
def test_the_typed_space_says_which_networks_it_knows(option):
    with pytest.raises(InputError, match="network=exquisitenet_v2 or network=slim"):
        encoded(Architecture(), genome_of(option))


class TestOwn:
    def test_it_is_about_as_large_as_the_published_one_and_builds_every_segment(self):
        own = genome_of("own")
        module, _ = built(own)
        assert sum(p.numel() for p in module.parameters()) == 481_386
        kinds = {type(part).__name__ for part in module.modules()}
        assert kinds >= set(own.names) - {"get_optimizer"}

    @pytest.mark.parametrize("size", [8, 33, 96])
    def test_sizes_map_to_logits(self, size):
        module, _ = built(genome_of("own"))
        assert module(torch.rand(2, 3, size, size)).shape == (2, 10)

    def test_vectors_are_not_decayed(self):
        module, optimizer = built(genome_of("own"))
        decayed, free = optimizer.param_groups
        assert (decayed["weight_decay"], free["weight_decay"]) == (1e-4, 0.0)
        assert all(p.dim() > 1 for p in decayed["params"])
        assert {p.dim() for p in free["params"]} == {1}
        assert len(decayed["params"]) + len(free["params"]) == len(list(module.parameters()))
