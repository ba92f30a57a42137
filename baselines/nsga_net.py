"""Neural architecture search without an LLM, after NSGA-Net (Lu 2019).

The search space is typed, around ExquisiteNetV2 of any width. Founders are random samples of the
space, not variants of the seed network as in other arms; crossover has two points; mutation acts
gene by gene. Genes have several values instead of bits: widths, depths, kernels, blocks,
activations, normalisation, optimiser constants. An architecture is encoded as segments of the seed
network, and stored as a comment in the last one, from which it is decoded.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from random import Random
from typing import Any

from harness.errors import InputError
from harness.evolution.candidate import Rejection, Variation
from harness.evolution.genome import Genome
from harness.evolution.proposer import Context
from harness.record.bounded_json import parse_json
from harness.text import reason_of

_COMMENT = re.compile(r"^# architecture: (\{.*\})$", re.MULTILINE)
_NETWORK, _BLOCK, _OPTIMIZER = "ExquisiteNetV2", "DFSEBV2", "get_optimizer"
_HALVINGS = ("FCT", "EVE", "ME")
_WIDTH = re.compile(rf"(?:{'|'.join(_HALVINGS)})\(\w+, (\d+)\)")
"""The call of a halving block, with the channels that come out."""
_MOST_DRAWS = 200
"""Draws after which a crossover of parents that differ in one gene has almost surely shown it."""
_MOST_WITHOUT_EFFECT = 20
"""Draws of other genes that change no network: 5 % of mutations and 6 % of crossovers of random
architectures do not, but all do not where a seed network has its places in comments."""
STAGES = 5
FACTORS = (0.25, 0.5, 0.75, 1.0, 1.25)
ACTIVATIONS = ("SiLU", "ReLU", "GELU", "Hardswish", "Mish", "ELU")

Genes = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One point of the space; the defaults are the seed network."""

    widths: tuple[float, ...] = (1.0,) * STAGES
    """Factors of the seed network's channels per stage."""
    depths: tuple[int, ...] = (1,) * STAGES
    """Blocks per stage."""
    kernels: tuple[int, ...] = (3,) * STAGES
    halvings: tuple[str, ...] = ("FCT", "EVE", "ME", "ME", "ME")
    """Block that halves the resolution before each stage."""
    layer_norm_gates: tuple[bool, ...] = (True,) * STAGES
    """Whether a block's gate is ``SE_LN`` or ``SE``."""
    activations: tuple[str, ...] = ("SiLU", "Hardswish")
    """First and second within a block."""
    normalisations: tuple[str, ...] = ("batch",)
    last_kernel: tuple[int, ...] = (3,)
    """Of the depthwise convolution before the classifier, 0 for none."""
    dropout: tuple[float, ...] = (0.5,)
    momentum: tuple[float, ...] = (0.9,)
    rate_factor: tuple[float, ...] = (1.0,)
    decay_factor: tuple[float, ...] = (1.0,)

    def genes(self) -> list[tuple[str, int]]:
        """Return the places of all genes, in order: field and position within it."""
        return [(f.name, i) for f in fields(self) for i in range(len(getattr(self, f.name)))]


CHOICES: Mapping[str, tuple[Any, ...]] = {
    "widths": FACTORS,
    "depths": (0, 1, 2),
    "kernels": (3, 5, 7),
    "halvings": _HALVINGS,
    "layer_norm_gates": (True, False),
    "activations": ACTIVATIONS,
    "normalisations": ("batch", "group", "none"),
    "last_kernel": (0, 3, 5),
    "dropout": (0.0, 0.2, 0.5),
    "momentum": (0.8, 0.9, 0.95),
    "rate_factor": (0.3, 1.0, 2.0),
    "decay_factor": (0.0, 1.0, 5.0),
}
_NORMALISED: Mapping[str, Callable[[str], str]] = {
    "batch": lambda c: f"nn.BatchNorm2d({c})",
    "group": lambda c: f"nn.GroupNorm(1, {c})",
    "none": lambda _: "nn.Identity()",
}


class TypedSearch:
    """Samples founders uniformly; later children are mutated or crossed architectures."""

    max_calls = 0

    @staticmethod
    def require(seed: Genome) -> None:
        """Raise InputError for a seed network without the places that are varied."""
        encoded(Architecture(), seed)

    def mutate(self, genome: Genome, context: Context) -> tuple[Genome | Rejection, Variation]:
        """Resample each gene with probability 1/n, and at least one; all genes of a founder.

        Repeats while the change has no effect, such as a kernel of a stage without blocks, but only
        so often.
        """
        old = decoded(genome)
        rng = context.rng("mutation")

        def draw() -> Architecture:
            return sampled(rng) if context.founding else mutated(old, rng)

        child, new = _varied(draw, old, genome, context)
        return child, variation_of("mutation", old, new)

    def mate(
        self, genome: Genome, mate: Genome, context: Context
    ) -> tuple[Genome | Rejection, Variation]:
        """Take the mate's genes between two random points, both included.

        Repeats while the change has no effect, but only so often: parents may be nearly alike.
        """
        old, theirs = decoded(genome), decoded(mate)
        rng = context.rng("mating")
        child, new = _varied(lambda: crossed(old, theirs, rng), old, genome, context)
        return child, variation_of("mating", old, new)


def _varied(
    draw: Callable[[], Architecture], old: Architecture, genome: Genome, context: Context
) -> tuple[Genome | Rejection, Architecture]:
    """Draw until an architecture gives another network than its parent's."""
    without_effect = 0
    for _ in range(_MOST_DRAWS):
        if (new := draw()) == old:
            continue
        child = encoded(new, context.reference.genome)
        if child.differing(genome):
            return child, new
        without_effect += 1
        if without_effect == _MOST_WITHOUT_EFFECT:
            break
    reason = "a copy of its first parent"
    return Rejection(gate="extract", kind="duplicate", reason=reason), old


def sampled(rng: Random) -> Architecture:
    """Draw every gene uniformly."""
    values = {
        f.name: tuple(rng.choice(CHOICES[f.name]) for _ in f.default)  # type: ignore[union-attr]
        for f in fields(Architecture)
    }
    return Architecture(**values)


def mutated(old: Architecture, rng: Random) -> Architecture:
    """Resample one random gene, and each other one with probability 1/n."""
    places = old.genes()
    certain = rng.choice(places)
    values = _lists(old)
    for place in places:
        if place == certain or rng.random() < 1 / len(places):
            name, i = place
            others = [value for value in CHOICES[name] if value != values[name][i]]
            values[name][i] = rng.choice(others)
    return architecture_of(values)


def crossed(old: Architecture, mate: Architecture, rng: Random) -> Architecture:
    """Take the mate's genes between two points (two-point crossover)."""
    places = old.genes()
    first, last = sorted(rng.choices(range(len(places)), k=2))
    values, theirs = _lists(old), _lists(mate)
    for name, i in places[first : last + 1]:
        values[name][i] = theirs[name][i]
    return architecture_of(values)


def decoded(genome: Genome) -> Architecture:
    """Return a genome's architecture; the seed network has no comment and is the default.

    Raises:
        InputError: Its comment is no point of the space.
    """
    found = _COMMENT.search(genome[_NETWORK]) if _NETWORK in genome.names else None
    try:
        return read_architecture(parse_json(found[1])) if found else Architecture()
    except ValueError as error:
        raise InputError(
            f"network: expected an architecture of the search space in the comment of {_NETWORK}, "
            f"its comment is none ({reason_of(str(error))}). Remove the comment."
        ) from None


def encoded(architecture: Architecture, seed: Genome) -> Genome:
    """Return an architecture as a genome; InputError for another seed network."""
    missing = {_NETWORK, _BLOCK, _OPTIMIZER, *_HALVINGS} - set(seed.names)
    if missing:
        raise InputError(
            f"network: expected ExquisiteNetV2 as the seed network (network=exquisitenet_v2 or "
            f"network=slim), because the typed search space is built around it; this one has no "
            f"segment {', '.join(sorted(missing))}."
        )
    norm = architecture.normalisations[0]
    first, second = architecture.activations
    child = _edited(seed, _BLOCK, {
        "nn.BatchNorm2d(c)": _NORMALISED[norm]("c"),
        "nn.SiLU()": f"nn.{first}()",
        "nn.Hardswish()": f"nn.{second}()",
    })  # fmt: skip
    for name in _HALVINGS:
        child = _edited(child, name, {"nn.BatchNorm2d(cout)": _NORMALISED[norm]("cout")})
    child = _edited(child, _OPTIMIZER, {
        "momentum=0.9": f"momentum={architecture.momentum[0]}",
        "lr=lr": _scaled("lr", architecture.rate_factor[0]),
        '"weight_decay": weight_decay': f'"weight_decay": '
        f"{_scaled('weight_decay', architecture.decay_factor[0]).partition('=')[2]}",
    })  # fmt: skip
    widths = channels_of(seed)
    layers, width = _layers(architecture, widths)
    text = _with_layers(seed[_NETWORK], layers)
    text = text.replace("nn.Dropout(0.5)", f"nn.Dropout({architecture.dropout[0]})")
    text = text.replace(f"nn.Linear({widths[-1]},", f"nn.Linear({width},")
    return child.replace(_NETWORK, f"# architecture: {json.dumps(asdict(architecture))}\n{text}")


def channels_of(seed: Genome) -> list[int]:
    """Return the seed network's channels per stage."""
    widths = [int(channels) for channels in _WIDTH.findall(seed[_NETWORK])]
    if len(widths) != STAGES:
        raise InputError(
            f"network: expected {STAGES} halving blocks, their channels as numbers, in the seed "
            f"network's {_NETWORK}, which the search space scales; found {len(widths)}."
        )
    return widths


def _layers(architecture: Architecture, widths: Sequence[int]) -> tuple[list[str], int]:
    """Return the calls that build the layers, and the channels that come out.

    Args:
        architecture: The point of the space.
        widths: Channels of the seed network per stage.
    """
    layers, into = [], "img_channels"
    for stage in range(STAGES):
        width = max(4, round(widths[stage] * architecture.widths[stage] / 4) * 4)
        kernel, gate = architecture.kernels[stage], architecture.layer_norm_gates[stage]
        layers.append(f"{architecture.halvings[stage]}({into}, {width})")
        layers += [f"{_BLOCK}({width}, {kernel}, {gate})"] * architecture.depths[stage]
        into = str(width)
    if architecture.last_kernel[0]:
        layers.append(f"DW({into}, {architecture.last_kernel[0]})")
    return layers, int(into)


def _with_layers(text: str, layers: Sequence[str]) -> str:
    """Return a text with the lines of its first ``nn.Sequential`` replaced, in linear time."""
    opened, closed = "nn.Sequential(\n", "\n        )"
    start = text.find(opened.rstrip())
    end = text.find(closed, start) if start >= 0 else -1
    if end < 0:
        return text
    lines = "".join(f"            {line},\n" for line in layers)
    return f"{text[:start]}{opened}{lines}        ){text[end + len(closed) :]}"


def _edited(genome: Genome, segment: str, changes: Mapping[str, str]) -> Genome:
    text = genome[segment]
    for old, new in changes.items():
        if old not in text:
            raise InputError(
                f"network: expected the shipped ExquisiteNetV2 as the seed network, because the "
                f"typed search space is built around its text; this one's {segment} has no {old!r}."
            )
        text = text.replace(old, new)
    return genome.replace(segment, text)


def _scaled(name: str, factor: float) -> str:
    return f"{name}={name}" if factor == 1 else f"{name}={name} * {factor}"


def _lists(architecture: Architecture) -> Genes:
    return {name: list(values) for name, values in asdict(architecture).items()}


def architecture_of(values: Mapping[str, Any]) -> Architecture:
    """Return the architecture with these genes, each field's as a list."""
    return Architecture(**{name: tuple(v) for name, v in values.items()})


def read_architecture(values: Mapping[str, Any]) -> Architecture:
    """Return the architecture that plain values describe.

    A number may be written as another type, such as 1 for 1.0, and the only item of a gene without
    its list.

    Raises:
        ValueError: It is no mapping, or a gene is missing or unknown, or has no such value or
            number of items.
    """
    if not isinstance(values, Mapping):
        raise ValueError("expected a JSON object")  # noqa: TRY004, it is a value in a text
    wanted = asdict(Architecture())
    if unknown := sorted(values.keys() - wanted.keys()):
        raise ValueError(f"expected the keys {', '.join(wanted)}, found {unknown[0]!r} as well")
    genes = {}
    for name, items in wanted.items():
        if name not in values:
            raise ValueError(f"expected a value of {name}, found none")
        given = values[name] if isinstance(values[name], list) else [values[name]]
        if len(given) != len(items):
            raise ValueError(f"{name}: expected {len(items)} items, found {len(given)}")
        genes[name] = tuple(_choice(name, one) for one in given)
    return Architecture(**genes)


def _choice(name: str, given: Any) -> Any:
    """Return the value of a gene that equals a given one; a boolean is no number."""
    for choice in CHOICES[name]:
        if choice == given and isinstance(choice, bool) == isinstance(given, bool):
            return choice
    choices = ", ".join(map(json.dumps, CHOICES[name]))
    raise ValueError(f"{name}: expected one of {choices}, found {json.dumps(given)}")


def variation_of(operator: str, old: Architecture, new: Architecture) -> Variation:
    """Return a variation that names the genes in which two architectures differ."""
    before, after = asdict(old), asdict(new)
    changed = [name for name in before if before[name] != after[name]]
    return Variation(operator=operator, segment="several", detail={"genes": ", ".join(changed)})
