"""The digest of behaviour: equal for one function, unequal for any honest difference."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.sandbox.messages import Candidate
from harness.tasks.kind import kind_of
from harness.worker.behaviour.digest import _same_bits, behaviour_of
from harness.worker.behaviour.effects import EffectRecorder, Names, alive
from harness.worker.graph import GraphError
from tests.conftest import ROOT
from tests.support.behaviours import (
    DISTINCT,
    MIXED,
    NETWORK,
    RECIPE,
    SAME,
    SIGNATURE,
    UNREADABLE,
    UNSHOWN,
    later,
)


def digest(source, *, seed=3, signature=SIGNATURE, recipe=RECIPE):
    candidate = Candidate(source=source, signature=signature, recipe=recipe, seed=seed)
    return behaviour_of(candidate, kind_of(signature.kind), device="cpu").hex()


def changed(case):
    source, before, after = case
    assert before in source
    return source, source.replace(before, after)


@pytest.mark.parametrize("case", SAME.values(), ids=SAME)
def test_one_function_has_one_digest(case):
    before, after = changed(case)
    assert before != after
    assert digest(before) == digest(after)


@pytest.mark.parametrize("case", DISTINCT.values(), ids=DISTINCT)
def test_an_honest_difference_has_another_digest(case):
    before, after = changed(case)
    assert digest(before) == digest(before)
    assert digest(before) != digest(after)


@pytest.mark.parametrize("case", UNSHOWN.values(), ids=UNSHOWN)
def test_what_the_observed_steps_do_not_show_makes_another_digest(case):
    before, after = changed(case)
    assert before != after
    assert digest(before) == digest(before)
    assert digest(before) != digest(after)


@pytest.mark.parametrize("source", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_compared_has_no_digest(source):
    with pytest.raises(GraphError, match="whose later values cannot be told"):
        digest(source)


@pytest.mark.parametrize("part", [
    "nn.MultiheadAttention(6, 2)", "nn.LSTM(6, 6)", "nn.TransformerEncoderLayer(6, 2, 8)",
    "nn.utils.parametrizations.weight_norm(nn.Linear(6, 6))", "nn.Sequential(nn.GELU())",
])  # fmt: skip
def test_parts_of_torch_can_be_compared(part):
    runs = MIXED + "        self.part\n"
    source = later(held=f"self.part = {part}", runs=runs)
    assert digest(source) == digest(source + "\n\nclass Unbuilt(Block):\n    part = 1\n")


def test_reordered_classes_are_the_same_network():
    parts = NETWORK.split("\n\n\n")
    assert digest("\n\n\n".join([parts[0], *parts[:0:-1]])) == digest(NETWORK)


def test_the_seed_and_the_recipe_are_part_of_the_comparison():
    assert digest(NETWORK, seed=3) != digest(NETWORK, seed=4)
    assert digest(NETWORK) != digest(NETWORK, recipe=replace(RECIPE, lr=RECIPE.lr * 2))


def test_a_segment_that_the_seed_network_never_builds_does_not_count(network):
    signature = replace(SIGNATURE, class_name="ExquisiteNetV2", input_shape=(1, 32, 32))
    assert "F.relu" in network["SE"]
    other = network.replace("SE", network["SE"].replace("F.relu", "F.silu"))
    built = network.replace("SE_LN", network["SE_LN"].replace("torch.sigmoid", "torch.tanh"))
    start = "    def forward(self, x):\n"
    assert start in network["DW"]
    more = start + "        if len(x) > 9000:\n            return getattr(self, 'other', x)\n"
    branching = network["DW"].replace(start, more)
    assert network.digest != other.digest
    for one, two in (
        (network, other),
        (network.replace("DW", branching), other.replace("DW", branching)),
    ):
        assert digest(one.source, signature=signature) == digest(two.source, signature=signature)
    assert digest(network.source, signature=signature) != digest(built.source, signature=signature)


PROCESS = """
import sys
import torch
from tests.support.behaviours import COUNTED
from tests.worker.test_behaviour import digest
torch.set_num_threads(int(sys.argv[1]))
print(digest(COUNTED.replace("< 500", "in {500, 'a', 'b', 'c'}")))
"""


@pytest.mark.slow
def test_another_process_and_another_number_of_threads_give_the_same_digest():
    """Sets of texts are ordered by a hash that differs between processes."""
    found = set()
    for threads, hashes in (("1", "1"), ("3", "2")):
        done = subprocess.run(
            [sys.executable, "-c", PROCESS, threads], capture_output=True, text=True, check=True,
            cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": hashes, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        found.add(done.stdout)
    assert len(found) == 1


INSTRUCTIONS = st.lists(
    st.tuples(
        st.sampled_from(["add", "alias", "mul_", "half_", "copy_"]),
        st.integers(0, 30), st.integers(0, 30),
    ), min_size=1, max_size=12,
)  # fmt: skip


def carried_out(program, result, *, without=()):
    """Run a program on vectors; return its result, its effects, and those of each instruction.

    An instruction that is left out changes nothing, and what it would have made is no number.
    """
    pool = [torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([0.5, 0.25, 2.0, 1.0])]
    recorder, spans = EffectRecorder(), []
    for place, (kind, one, two) in enumerate(program):
        a, b = pool[one % len(pool)], pool[two % len(pool)]
        before = len(recorder.effects)
        if place in without:
            pool += [torch.full((4,), torch.nan)] if kind == "add" else []
        else:
            with recorder:
                if kind == "add":
                    pool.append(a + b)
                elif kind == "alias":
                    pool.append(a.view(2, 2).view(4))
                elif kind == "mul_":
                    a.mul_(b)
                elif kind == "half_":
                    a[:2].add_(b[2:])
                else:
                    a.copy_(b)
        spans.append(range(before, len(recorder.effects)))
    answer = pool[result % len(pool)]
    with recorder:
        answer = answer * 1
    return answer, recorder, spans


def told(recorder, answer):
    names = Names()
    return [names.text(e) for e in alive(recorder.effects, [recorder.storage_of(answer)])]


@settings(max_examples=150)
@given(program=INSTRUCTIONS, result=st.integers(0, 30))
def test_what_is_left_out_of_the_record_has_no_effect_on_the_result(program, result):
    answer, recorder, spans = carried_out(program, result)
    kept = {id(e) for e in alive(recorder.effects, [recorder.storage_of(answer)])}
    dead = {
        place for place, span in enumerate(spans)
        if span and not any(id(recorder.effects[k]) in kept for k in span)
    }  # fmt: skip
    again, shorter, _ = carried_out(program, result, without=dead)
    assert torch.equal(answer, again)
    assert told(recorder, answer) == told(shorter, again)


@pytest.mark.parametrize("before", [(False, False), (True, False), (True, True)])
def test_what_gives_the_same_bits_on_a_gpu_is_as_it_was_afterwards(before):
    def state():
        warns = torch.is_deterministic_algorithms_warn_only_enabled()
        return torch.are_deterministic_algorithms_enabled(), warns

    torch.use_deterministic_algorithms(before[0], warn_only=before[1])
    try:
        with _same_bits("cuda"):
            assert state() == (True, True)
        assert state() == before
    finally:
        torch.use_deterministic_algorithms(False)
