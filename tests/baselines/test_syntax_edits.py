"""The baseline's edits: of every kind, always a change, and as valid as arithmetic can make them."""

import ast
import tracemalloc
from collections import Counter
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.baselines.syntax_edits import FINDERS, MATCHED, MIN_WIDTH, edits_of, layers, mutated
from harness.evolution.genome import Genome, normalised
from tests.conftest import SEED_NETWORK

NETWORK = Genome.parse(SEED_NETWORK.read_text())
KINDS = {"width", "kernel", "activation", "normalisation", "dropout", "optimiser", "layer"}


def mutate_segment(source, *, rng):
    found = mutated({"A": source}, rng=rng)
    return found and found[1:]


@given(st.sampled_from(NETWORK.names), st.integers(0, 2**32))
def test_a_mutant_parses_and_differs(name, seed):
    found = mutate_segment(NETWORK[name], rng=Random(seed))
    assert found is not None
    assert normalised(found[0]) != normalised(NETWORK[name])
    ast.parse(found[0])


@given(st.sampled_from(NETWORK.names), st.lists(st.integers(0, 2**32), min_size=2, max_size=12))
def test_mutants_of_mutants_differ_from_their_parents(name, seeds):
    source = NETWORK[name]
    for seed in seeds:
        found = mutate_segment(source, rng=Random(seed))
        if found is None:
            return
        assert normalised(found[0]) != normalised(source)
        source = found[0]


def test_same_stream_same_edit():
    source = NETWORK["DFSEBV2"]
    first, again = (mutate_segment(source, rng=Random(5)) for _ in range(2))
    assert first is not None
    assert again is not None
    assert (first[0], first[1].site) == (again[0], again[1].site)


def test_every_kind_occurs_in_the_seed_network():
    assert {edit.kind for name in NETWORK.names for edit in edits_of(NETWORK[name])} == KINDS


def test_what_is_not_edited_stays_as_it_is_written():
    source = (
        "class A(nn.Module):\n    # é: why\n    def __init__(self):\n        self.a = nn.ReLU()\n"
    )
    found = mutate_segment(source, rng=Random(0))
    assert found is not None
    assert found[0].splitlines()[:3] == source.splitlines()[:3]


@pytest.mark.parametrize("source", ["x = 1\n", "def f(x):\n    return x + 1\n"])
def test_nothing_to_edit_is_said(source):
    assert mutate_segment(source, rng=Random(0)) is None


def test_a_width_changes_wherever_it_stands():
    wider = next(e for e in edits_of(NETWORK["ExquisiteNetV2"]) if e.site == "48 -> 60 channels")
    assert len(wider.changes) == 3  # EVE's out, the block's, ME's in
    assert MIN_WIDTH > 7  # kernels are never taken for widths


def sites(finders):
    return {edit.site for name in NETWORK.names for edit in edits_of(NETWORK[name], finders)}


def test_only_matched_edits_halve_a_width_that_is_twice_the_one_before_it():
    halved = {f"{width} -> {width // 2} channels" for width in (384, 192, 96)}
    assert halved <= sites(MATCHED)
    assert not halved & sites(FINDERS)


def test_matched_kernels_change_by_one_step_and_1x1_convolutions_stay():
    kernels = {site for site in sites(MATCHED) if ": " in site and site[-1].isdigit()}
    assert {site for site in kernels if "DFSEBV2" in site} == {"DFSEBV2: 3 -> 1", "DFSEBV2: 3 -> 5"}
    assert not {site for site in kernels if site.startswith("Conv2d: 1 ->")}
    assert {"Conv2d: 1 -> 5", "Conv2d: 1 -> 7"} <= sites(FINDERS)


@given(st.integers(0, 2**32))
def test_a_shrinking_edit_narrows_or_drops(seed):
    sources = {name: NETWORK[name] for name in NETWORK.names}
    _, _, edit = mutated(sources, rng=Random(seed), finders=MATCHED, shrinking=True)
    if edit.kind == "width":
        before, after = edit.site.removesuffix(" channels").split(" -> ")
        assert int(after) < int(before)
    else:
        assert edit.kind == "layer"
        assert edit.site.startswith("drop ")


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_changed_kernel_keeps_the_images_size(kernel, stride):
    source = f"conv = nn.Conv2d(2, 2, {kernel}, stride={stride}, padding={kernel // 2})\n"
    shapes = set()
    for edit in edits_of(source):
        if edit.kind == "kernel":
            scope = {"nn": torch.nn}
            exec(f"conv = {edit.changes[0][1]}", scope)
            shapes.add(tuple(scope["conv"](torch.rand(1, 2, 8, 8)).shape))
    assert shapes == {(1, 2, 8 // stride, 8 // stride)}


SOURCES = {name: NETWORK[name] for name in NETWORK.names}


@pytest.mark.slow
def test_most_first_mutants_of_the_seed_build(backend):
    """A baseline whose mutants die is a straw man: at least four of five must pass every gate."""
    passed = 0
    for i in range(30):
        name, source, _ = mutated(SOURCES, rng=Random(i))
        passed += backend.validate(NETWORK.replace(name, source), seed=0).refusal is None
    assert passed >= 24


@pytest.mark.slow
def test_kinds_are_drawn_equally_and_sizes_change_both_ways():
    """A baseline that never reaches another size is a straw man where size is an objective."""
    drawn = [mutated(SOURCES, rng=Random(i)) for i in range(700)]
    counts = Counter(edit.kind for _, _, edit in drawn)
    assert set(counts) == KINDS
    assert all(60 <= count <= 140 for count in counts.values())
    sites = [edit.site.split() for _, _, edit in drawn if edit.kind == "width"]
    narrower = sum(int(new) < int(old) for old, _, new, _ in sites)
    assert 0.3 < narrower / len(sites) < 0.7


def test_a_container_of_many_layers_takes_little_memory():
    source = f"def never():\n    return 'é' * 9, Sequential({'ELU(),' * 10_000})\n"
    tracemalloc.start()
    try:
        name, changed, edit = mutated({"never": source}, rng=Random(1), finders=[layers])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (name, edit.kind) == ("never", "layer")
    assert changed.count("ELU()") in {9_999, 10_001}
    assert peak < 300 * 2**20
