"""Arms that ask an LLM for points of the typed space, or for whole networks."""

import ast
import json
from dataclasses import asdict, replace
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.baselines.llm_typed import TypedChoice, read_architecture
from harness.baselines.nsga_net import CHOICES, Architecture, decoded, encoded, sampled
from harness.baselines.whole_network import cut, entry_points, file_of, network_of
from harness.config.strategies import build
from harness.errors import InputError
from harness.evolution.candidate import Decided, Evaluation, Individual, Proposal, Rejection
from harness.evolution.genome import Genome
from harness.evolution.proposer import Context
from harness.llm.model import Completion
from harness.llm.offline import Scripted
from harness.tasks.image_classification.wording import WORDING
from harness.testing.proposers import ProposerContract
from tests.conftest import OWN_NETWORK, ROOT, SEED_NETWORK
from tests.support.configs import composed

NETWORK = Genome.parse(SEED_NETWORK.read_text())
GOLDEN = ROOT / "tests" / "golden" / "baseline_prompts.txt"
BEST_OF_N, SEQUENTIAL = "whole_network_best_of_n", "whole_network_sequential"
POINT = json.loads(json.dumps(asdict(sampled(Random(1)))))
WHOLE = """Smaller.

```python
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

SLOPE = 0.1


class Stem(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 3, stride=2, padding=1)

    def forward(self, x):
        return F.leaky_relu(self.conv(x), SLOPE)


class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.stem = Stem(img_channels, 16)
        self.linear = nn.Linear(16, class_num)

    def forward(self, x):
        return self.linear(self.stem(x).mean(dim=(2, 3)))


def get_optimizer(model, lr, weight_decay, nesterov, slope=SLOPE):
    return torch.optim.SGD(model.parameters(), lr=lr * slope, momentum=0.9, nesterov=nesterov)


if __name__ == "__main__":
    print(ExquisiteNetV2(10, 3))
```
"""


class Says:
    """A model that gives one answer and keeps what it was asked."""

    def __init__(self, text, finish_reason="stop"):
        self.requests, self._text, self._finish_reason = [], text, finish_reason

    def complete(self, request):
        self.requests.append(request)
        return Completion(
            text=self._text, model="says", date="2026-01-01", finish_reason=self._finish_reason
        )


def typed_answer(**genes):
    return f"I think.\n\n```json\n{json.dumps(POINT | genes)}\n```"


def measured(k, genome, *, score=0.97, n_params=200_000):
    outcome = Evaluation(score=score, n_params=n_params, train_s=1.0)
    return Decided(proposal=proposal(k, genome), outcome=outcome)


def proposal(k, child):
    return Proposal(step=f"g0.c{k}", parents=("seed",), variations=(), child=child)


@pytest.fixture
def start():
    evaluation = Evaluation(score=0.9861, n_params=518_230, train_s=1.0)
    seed = Individual(step="seed", genome=NETWORK, evaluation=evaluation)
    return Context(step="g0.c0", seed=7, founding=False, reference=seed, elites=[])


def proposer_of(arm, model, *overrides):
    return build(composed(f"+ablation={arm}", *overrides).proposer, model=model, wording=WORDING)


def asked(arm, text, context, *overrides, genome=NETWORK, finish_reason="stop"):
    """Mutate once; return the child, its variation and the request."""
    model = Says(text, finish_reason)
    child, variation = proposer_of(arm, model, *overrides).mutate(genome, context)
    (request,) = model.requests
    return child, variation, request


class TestTypedChoice(ProposerContract):
    @pytest.fixture
    def proposer(self):
        points = [asdict(sampled(Random(k))) for k in range(12)]
        answers = ["No.", json.dumps(asdict(Architecture())), *map(json.dumps, points)]
        return proposer_of("llm_typed", Scripted(answers=answers))


class TestWholeNetwork(ProposerContract):
    @pytest.fixture
    def proposer(self):
        answers = [WHOLE.replace("16", str(width)) for width in (8, 12, 24, 32)]
        return proposer_of(SEQUENTIAL, Scripted(answers=["No.", *answers]))


def rendered():
    """The prompts of the arms: at the start, and with measurements and refusals."""
    evaluation = Evaluation(score=0.9861, n_params=518_230, train_s=1.0)
    seed = Individual(step="seed", genome=NETWORK, evaluation=evaluation)
    first = Context(step="g0.c1", seed=7, founding=False, reference=seed, elites=[])
    refusal = Rejection(gate="build", kind="forward", reason="RuntimeError: shapes do not fit")
    small = encoded(sampled(Random(1)), NETWORK)
    other = encoded(sampled(Random(2)), NETWORK)
    history = (measured(0, small), Decided(proposal=proposal(1, other), outcome=refusal))
    later = replace(first, step="g1.c2", history=history)
    for arm, answer in (("llm_typed", typed_answer()), (BEST_OF_N, WHOLE), (SEQUENTIAL, WHOLE)):
        yield f"{arm}, first", asked(arm, answer, first)[2].prompt
        if arm != BEST_OF_N:
            yield f"{arm}, later", asked(arm, answer, later, genome=small)[2].prompt


def test_all_prompts_read_as_they_are_kept():
    """A changed prompt changes published numbers: say so in the changelog."""
    assert "".join(f"===== {name}\n{prompt}" for name, prompt in rendered()) == GOLDEN.read_text()


@pytest.mark.parametrize("arm", ["llm_typed", BEST_OF_N, SEQUENTIAL])
def test_every_call_is_at_temperature_1_and_within_what_the_proposer_declares(arm, start):
    proposer = proposer_of(arm, Says("No."))
    child, variation, request = asked(arm, "No.", start)
    assert isinstance(child, Rejection)
    assert (request.settings.temperature, request.settings.top_p) == (1.0, 1.0)
    assert request.settings.max_tokens <= proposer.max_tokens
    assert proposer.max_calls >= len(variation.calls) == 1
    assert "accuracy 98.61%, 518,230 parameters" in request.prompt
    assert asked(arm, WHOLE, start, finish_reason="length")[0].kind == "truncated"
    assert asked(arm, " ", start, finish_reason="no")[0].reason == "the answer is empty: no"


class TestTyped:
    @given(st.integers(0, 10**6), st.sampled_from([json.dumps, lambda v: json.dumps(v, indent=2)]))
    def test_every_point_is_read_back_as_it_was_written(self, seed, written):
        point = sampled(Random(seed))
        values = json.loads(written(asdict(point)))
        assert read_architecture(values) == point
        bare = {k: v[0] if len(v) == 1 else v for k, v in values.items()}
        whole = {k: int(v) if isinstance(v, float) and v == int(v) else v for k, v in bare.items()}
        assert read_architecture(whole) == point

    @given(
        st.sampled_from(sorted(CHOICES)),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.none()),
    )
    def test_any_other_value_of_a_gene_is_refused_by_its_name(self, name, value):
        count = len(POINT[name])
        assume(
            not any(
                c == value and (c is value or not isinstance(value, bool)) for c in CHOICES[name]
            )
        )
        with pytest.raises(ValueError, match=f"{name}: expected ") as error:
            read_architecture({**POINT, name: [value] * count})
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"widths": [1.0] * 4}, "widths: expected 5 items, found 4"),
            ({"depths": 1}, "depths: expected 5 items, found 1"),
            ({"kernels": [3, 3, 3, 3, 4]}, "kernels: expected one of 3, 5, 7, found 4"),
            ({"layer_norm_gates": [1] * 5}, "layer_norm_gates: expected one of true, false, found 1"),
            ({"dropout": {"p": 0.5}}, 'dropout: expected one of 0.0, 0.2, 0.5, found {"p": 0.5}'),
            ({"rate": [1.0]}, "found 'rate' as well"),
        ],
    )  # fmt: skip
    def test_a_wrong_gene_is_a_rejection_of_one_sentence(self, change, told, start):
        child, variation, _ = asked("llm_typed", typed_answer(**change), start)
        assert (child.gate, child.kind) == ("extract", "extract")
        assert told in child.reason
        assert variation.calls == ("g0.c0.mutation",)

    def test_a_missing_gene_and_an_answer_without_a_point_are_rejections(self, start):
        some = {k: v for k, v in POINT.items() if k != "dropout"}
        child, _, _ = asked("llm_typed", json.dumps(some), start)
        assert child.reason == "expected a value of dropout, found none"
        child, _, _ = asked("llm_typed", "I would rather not.", start)
        assert child.reason == "expected a JSON object, found none in the answer"

    def test_a_point_becomes_a_network_of_the_space_and_says_its_genes(self, start):
        child, variation, _ = asked("llm_typed", typed_answer(), start)
        assert decoded(child) == read_architecture(POINT)
        assert set(variation.detail["genes"].split(", ")) <= set(POINT)
        assert (variation.operator, variation.segment) == ("mutation", "several")

    def test_children_of_a_generation_know_their_place_and_nothing_of_each_other(self, start):
        prompts = []
        for k in range(3):
            at = replace(start, step=f"g1.c{k}")
            _, variation, request = asked("llm_typed", "No.", at, "sizes.offspring=3")
            assert variation.detail["place"] == f"{k + 1} of 3"
            prompts.append(request.prompt)
        assert len({p.replace(f"Yours is number {k}:", "") for k, p in enumerate(prompts, 1)}) == 1
        _, _, alone = asked("llm_typed", "No.", start, "sizes.offspring=1")
        assert "at the same time" not in alone.prompt

    def test_a_seed_network_outside_the_space_is_refused_before_anything_runs(self):
        TypedChoice.require(NETWORK)
        with pytest.raises(InputError, match="expected ExquisiteNetV2 as the seed network"):
            TypedChoice.require(Genome.parse(OWN_NETWORK))

    def test_what_a_stand_in_answers_is_a_point(self, start):
        model = Says("No.")
        proposer_of("llm_typed", model).mutate(NETWORK, start)
        child, _, _ = asked("llm_typed", TypedChoice.stand_in(model.requests[0]), start)
        assert isinstance(child, Genome)


@pytest.mark.parametrize("arm", ["llm_typed", SEQUENTIAL])
def test_a_long_history_is_told_in_part_the_best_of_it_and_the_rest_counted(arm, start):
    rng = Random(0)
    history = tuple(
        measured(
            k, encoded(sampled(rng), NETWORK), score=rng.random() / 2, n_params=10**5 + k
        )
        for k in range(40)
    )  # fmt: skip
    best = measured(40, encoded(sampled(rng), NETWORK), score=0.999, n_params=1_234)
    copy = Rejection(gate="duplicates", kind="duplicate", reason="the same network as g0.c1")
    twin = Decided(proposal=proposal(41, history[0].proposal.child), outcome=copy)
    context = replace(start, step="g9.c0", history=(*history, best, twin))
    _, _, request = asked(
        arm, "No.", context, "proposer.most_measured=10", genome=best.proposal.child
    )
    line, count = {"llm_typed": (" parameters: {", 11), SEQUENTIAL: ("- accuracy ", 10)}[arm]
    assert request.prompt.count(line) == count  # the points of llm_typed begin with the original
    assert "accuracy 99.90%, 1,234 parameters" in request.prompt
    assert "not shown: 31 others" in request.prompt
    assert "the same network as" not in request.prompt
    assert len(request.prompt) < 20_000


class TestWhole:
    def test_a_whole_file_is_cut_at_the_names_of_segments(self, start, backend):
        child, variation, request = asked(BEST_OF_N, WHOLE, start)
        assert child.names == NETWORK.names
        assert child.header == NETWORK.header
        assert child["get_optimizer"].startswith("import math\n\n\nSLOPE = 0.1\n\n\ndef get_")
        assert child["ExquisiteNetV2"].startswith("class Stem")
        assert "__main__" not in child.source
        assert set(child.differing(NETWORK)) == {"get_optimizer", "ExquisiteNetV2"}
        assert backend.validate(child, seed=0).refusal is None
        assert request.segment == "ExquisiteNetV2"
        assert variation.segment == "several"

    def test_the_file_shown_has_neither_markers_nor_the_headers_docstring_nor_dead_code(self):
        shown = file_of(NETWORK, reference=NETWORK)
        assert ast.dump(ast.parse(shown)) == ast.dump(
            ast.Module(ast.parse(NETWORK.source).body[1:], [])
        )
        assert "segment:" not in shown
        small = NETWORK
        for name, source in cut(WHOLE.split("```")[1].removeprefix("python\n"), NETWORK).items():
            small = small.replace(name, source)
        shown = file_of(small, reference=NETWORK)
        assert "class Stem" in shown
        assert "class SE" not in shown

    @pytest.mark.parametrize(
        ("line", "left"),
        [
            ("import torch.nn as nn", ""), ("import torch.nn.functional as F", ""),
            ("from torch import nn", ""), ("import torch.nn", ""),
            ("import torch, math", "import math"), ("from torch import nn, Tensor", "from torch import Tensor"),
            ("import torch.nn as F", "import torch.nn as F"), ("import numpy as np", "import numpy as np"),
            ("from __future__ import annotations", ""),
        ],
    )  # fmt: skip
    def test_imports_of_what_the_header_imports_are_left_out(self, line, left):
        parts = cut(f"{line}\n\nclass ExquisiteNetV2(nn.Module):\n    pass", NETWORK)
        assert parts["ExquisiteNetV2"].partition("class")[0].strip() == left

    def test_an_answer_that_repeats_the_file_is_a_duplicate(self, start):
        again = f"```python\n{file_of(NETWORK, reference=NETWORK)}\n```"
        child, _, _ = asked(SEQUENTIAL, again, start)
        assert child.kind == "duplicate"

    @pytest.mark.parametrize("gone", ["get_optimizer", "ExquisiteNetV2"])
    def test_an_entry_point_that_is_missing_is_named(self, gone, start):
        child, _, _ = asked(BEST_OF_N, WHOLE.replace(gone, "Other"), start)
        if gone == "get_optimizer":
            assert child.reason == (
                "expected a whole file, the answer does not define get_optimizer"
            )
        else:
            assert isinstance(child, Rejection)

    def test_broken_code_is_left_to_the_parse_gate(self, start, backend):
        child, _, _ = asked(BEST_OF_N, WHOLE.replace("SLOPE = 0.1", "SLOPE = ("), start)
        assert backend.validate(child, seed=0).refusal.gate == "parse"

    def test_entry_points_are_what_no_other_segment_uses(self):
        assert entry_points(NETWORK) == ["get_optimizer", "ExquisiteNetV2"]
        assert network_of(NETWORK) == "ExquisiteNetV2"
        assert network_of(Genome.parse(OWN_NETWORK)) == "Net"

    def test_samples_are_independent_or_conditioned(self, start):
        history = (measured(0, encoded(Architecture(depths=(0,) * 5), NETWORK)),)
        later = replace(start, step="g3.c0", history=history)
        _, _, last = asked(BEST_OF_N, "No.", later, genome=history[0].proposal.child)
        assert asked(BEST_OF_N, "No.", start)[2].prompt == last.prompt
        _, _, told = asked(SEQUENTIAL, "No.", later, genome=history[0].proposal.child)
        assert "- accuracy 97.00%, 200,000 parameters\n" in told.prompt
        for arm, count in ((BEST_OF_N, None), (SEQUENTIAL, "1"), ("llm_typed", "1")):
            assert asked(arm, "No.", later)[1].detail.get("told") == count
            assert "told" not in asked(arm, "No.", start)[1].detail
        assert "as the original: accuracy 97.00%, 200,000 parameters." in told.prompt


@pytest.mark.parametrize("arm", ["llm_typed", SEQUENTIAL])
def test_a_refused_answer_without_a_network_is_shown_with_its_reason(arm, start):
    refusal = Rejection(gate="extract", kind="extract", reason="widths: expected 5 values, got 4")
    history = (Decided(proposal=proposal(0, refusal), outcome=refusal),)
    _, _, told = asked(arm, "No.", replace(start, step="g1.c0", history=history))
    assert refusal.reason in told.prompt
