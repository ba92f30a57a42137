"""Proposers as arms build them, and a model that listens."""

from dataclasses import replace

from harness.config.compose import compose
from harness.config.strategies import build
from harness.evolution.candidate import Decided, Proposal
from harness.llm.model import Completion
from harness.tasks.image_classification.wording import WORDING

ANSWERS = [
    "```python\nclass DW(nn.Module):\n    pass\n```",
    "```python\nclass SE(nn.Module):\n    pass\n```",
    "No code today.",
]


def built(arm):
    return build(compose([f"+ablation={arm}"]).proposer)


def guided(model, *overrides):
    return build(compose(overrides).proposer, model=model, wording=WORDING)


def varied(proposer, network, context, n=200, generation=1):
    """Mutate n times, each at another step; return what each says it did."""
    steps = (replace(context, step=f"g{generation}.c{k}") for k in range(n))
    return [proposer.mutate(network, step)[1] for step in steps]


class Listener:
    """A model that keeps what it was asked and echoes the segment's code."""

    def __init__(self, *, finish_reason=None):
        self.requests, self._finish_reason = [], finish_reason

    def complete(self, request):
        self.requests.append(request)
        text = f"```python\nclass {request.segment}:\n    new = 1\n```"
        return Completion(
            text=text, model="listener", date="2026-01-01", finish_reason=self._finish_reason
        )


def decided(step, child, outcome):
    proposal = Proposal(step=step, parents=("seed",), variations=(), child=child)
    return Decided(proposal=proposal, outcome=outcome)
