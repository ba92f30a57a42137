"""An LLM that chooses points of the typed search space: its judgement without its code.

The space is that of ``nsga_net``. The LLM answers with a point as JSON and sees the points measured
so far with their objectives, as in LLAMBO (Liu 2024, for hyperparameters) and GENIUS (Zheng 2023,
for architectures). What ``full`` gains beyond this arm comes from the open space of code; what this
arm gains beyond ``nas`` comes from the LLM's judgement.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from string import Template
from typing import ClassVar

from harness.baselines.llm_history import (
    chosen,
    measured,
    objectives_text,
    refused,
    require_counts,
    shown_detail,
)
from harness.baselines.llm_single_call import SingleCall
from harness.baselines.nsga_net import (
    CHOICES,
    Architecture,
    channels_of,
    decoded,
    encoded,
    read_architecture,
    sampled,
    variation_of,
)
from harness.errors import InputError
from harness.evolution.candidate import Rejection, Variation
from harness.evolution.genome import Genome
from harness.evolution.proposer import Context
from harness.llm.answers.json_answers import extract_object
from harness.llm.call_sequence import CallSequence
from harness.llm.model import Completion, Request
from harness.llm.prompts import fill, require_template, require_texts

_ASKED = "architecture"
"""Stands for the segment in a request that asks for none."""


@dataclass(frozen=True, kw_only=True)
class TypedPrompts:
    """The texts of ``conf/prompts/llm_typed.yaml``, with ``$name`` for each value.

    Attributes:
        genes: Meaning of each gene, by name.
        request: The whole prompt.
        place: Sentence on the place of a child among those that are asked for at the same time.
        left_out: What is said of measurements that are left out.
    """

    genes: Mapping[str, str]
    request: str
    place: str
    left_out: str

    def __post_init__(self) -> None:
        """Raise InputError for what is no text, and for a template with a name without a value."""
        require_texts(self)
        require_template("request", self.request, {"space", "history", "place"})
        require_template("place", self.place, {"place", "batch"})
        require_template("left_out", self.left_out, {"n"})
        for name in CHOICES:
            if name not in self.genes:
                raise InputError(f"prompts.genes: expected the meaning of {name}, found none.")
            require_template(f"genes.{name}", self.genes[name], {"channels"})


@dataclass(frozen=True, kw_only=True)
class TypedChoice(SingleCall):
    """Asks an LLM for each architecture.

    The parent decides nothing, the measurements do. All children of a generation see the same
    measurements, those of earlier generations. Each prompt states the child's place among them,
    from the best guess to the boldest, so that children differ.

    Args:
        prompts: Arguments of ``TypedPrompts``.
        batch: Children of a generation.
    """

    prompts: Mapping[str, object]
    batch: int

    labels: ClassVar = {"place": "place in the generation"}

    def __post_init__(self) -> None:
        """Refuse impossible settings, and prompts with missing or unknown texts."""
        super().__post_init__()
        require_counts(batch=self.batch)
        _ = self.texts

    @cached_property
    def texts(self) -> TypedPrompts:
        """The prompts, by name."""
        return TypedPrompts(**self.prompts)  # type: ignore[arg-type]

    @staticmethod
    def require(seed: Genome) -> None:
        """Raise InputError for a seed network without the places that are varied."""
        encoded(Architecture(), seed)

    @staticmethod
    def stand_in(request: Request) -> str:
        """Return an answer that an LLM might give, for estimates."""
        point = sampled(request.rng("stand-in"))
        return f"```json\n{json.dumps(asdict(point))}\n```"

    def ask(
        self, operator: str, genome: Genome, context: Context
    ) -> tuple[Genome | Rejection, Variation]:
        """Have an architecture chosen."""
        calls = self.calls(_Choice, genome, context, segment=_ASKED)
        place = context.place + 1
        child = calls.ask(operator, self._text(context, place))
        detail = {"place": f"{place} of {self.batch}", **shown_detail(context)}
        if isinstance(child, Genome):
            detail |= variation_of(operator, Architecture(), decoded(child)).detail
        steps = tuple(call.request.step for call in calls.made)
        return child, Variation(operator=operator, segment="several", detail=detail, calls=steps)

    def _text(self, context: Context, place: int) -> str:
        prompts = self.texts
        place_text = Template(prompts.place).substitute(place=place, batch=self.batch)
        return fill(
            prompts.request,
            space="\n".join(self._space(context.reference.genome)),
            history="\n".join(self._history(context)),
            place=place_text if self.batch > 1 else "",
        )

    def _space(self, seed: Genome) -> Iterator[str]:
        """Yield a line for each gene: its name, number of values, choices and meaning."""
        channels = ", ".join(map(str, channels_of(seed)))
        for name, values in asdict(Architecture()).items():
            choices = ", ".join(map(json.dumps, CHOICES[name]))
            meaning = Template(self.texts.genes[name]).substitute(channels=channels)
            count = f"{len(values)} items, each" if len(values) > 1 else "1 item,"
            yield f"- {json.dumps(name)}: {count} one of {choices}. {meaning}"

    def _history(self, context: Context) -> Iterator[str]:
        """Yield a line for each measurement and refusal that the prompt shows."""
        shown, left_out = chosen(measured(context), most=self.most_measured)
        for one in (context.reference, *shown):
            yield f"- {objectives_text(one, self.wording)}: {_json(decoded(one.genome))}"
        if left_out:
            yield Template(self.texts.left_out).substitute(n=left_out)
        for decided in refused(context, most=self.most_refused):
            child, outcome = decided.proposal.child, decided.outcome
            if isinstance(outcome, Rejection):
                point = f": {_json(decoded(child))}" if isinstance(child, Genome) else ""
                yield f"- not measured ({outcome.reason}){point}"


class _Choice(CallSequence):
    """Reads a point of the space instead of code."""

    unchanged = "the answer is the architecture of the seed network"

    def read(self, completion: Completion) -> Genome | Rejection:
        """Return the genome of the answer's architecture, or why it is none."""
        try:
            architecture = read_architecture(extract_object(completion.text))
        except ValueError as error:
            return Rejection(gate="extract", kind="extract", reason=str(error))
        return encoded(architecture, self.context.reference.genome)


_json = partial(json.dumps, default=asdict)
"""An architecture as JSON, in the form of the answers."""
