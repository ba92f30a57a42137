"""Random edits of a segment's syntax tree: the usual mutations of neuroevolution.

Kinds: widths, kernel sizes, activations, normalisation, dropout rates, optimiser constants, and
dropping or doubling a layer (as in Real 2017, table 1, and NSGA-Net, Lu 2019). Edits preserve
shapes where arithmetic suffices, such as the padding of a larger kernel; the gates refuse the rest.
Options differ from the current code. ``FINDERS`` are those of 0.1.0, ``MATCHED`` those since.
"""

import ast
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

from harness.sandbox.parser import syntax_tree

ACTIVATIONS = ("ReLU", "SiLU", "GELU", "Hardswish", "LeakyReLU", "ELU", "Mish")
FUNCTIONS = ("relu", "silu", "gelu", "hardswish", "leaky_relu", "elu", "mish")
GATES = ("sigmoid", "tanh")
ODD_KERNELS, EVEN_KERNELS = (1, 3, 5, 7), (2, 4, 6)
WIDTH_FACTORS = (1 / 2, 2 / 3, 4 / 5, 5 / 4, 3 / 2, 2)
DROPOUT_RATES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7)
MOMENTA = (0.5, 0.8, 0.9, 0.95, 0.99)
WEIGHT_DECAYS = (0.0, 1e-5, 1e-4, 5e-4, 1e-3, 5e-3)
RATE_FACTORS = (0.1, 0.3, 0.5, 1.0, 2.0, 3.0)
MIN_WIDTH = 8
"""Smallest width: smaller integers in a constructor are kernel sizes and ratios."""


Text = str | Callable[[], str]
"""A new text, or what writes it: all texts together may be as long as the square of a source."""


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One possible edit: its kind, its site in words, and the new text of each changed node."""

    kind: str
    site: str
    changes: tuple[tuple[ast.expr, "Text"], ...]
    shrinks: bool = False
    """Whether it narrows layers, or drops one with weights."""


Finder = Callable[[ast.Module], Iterator[Edit]]
"""Yields every edit of one kind."""


def mutated(
    sources: Mapping[str, str],
    *,
    rng: Random,
    finders: Sequence[Finder] | None = None,
    shrinking: bool = False,
) -> tuple[str, str, Edit] | None:
    """Draw one edit of one of several segments; return its name, its new source, and the edit.

    A kind is drawn from those that occur in any segment, then a site with its new value, so that
    widths, which decide the size of a network, are as likely as any other kind. Returns None if
    there is nothing to edit.

    Args:
        sources: The segments' sources by name.
        rng: The draws.
        finders: The edits to draw from; by default ``FINDERS``.
        shrinking: Whether to draw only from edits that shrink the network.
    """
    options = [
        (name, edit)
        for name, source in sources.items()
        for edit in edits_of(source, finders)
        if edit.shrinks or not shrinking
    ]
    if not options:
        return None
    kind = rng.choice(sorted({edit.kind for _, edit in options}))
    name, edit = rng.choice([option for option in options if option[1].kind == kind])
    return name, rewritten(sources[name], edit.changes), edit


def edits_of(source: str, finders: Sequence[Finder] | None = None) -> list[Edit]:
    """Return all possible edits of a segment, in a fixed order."""
    tree = syntax_tree(source)
    return [edit for find in finders or FINDERS for edit in find(tree)]


def widths(tree: ast.Module, *, merging: bool = False) -> Iterator[Edit]:
    """Change a number of channels everywhere in the segment.

    Args:
        tree: The segment.
        merging: Whether the new number may be that of another layer. From then on both change
            together. Without it, a layer twice as wide as the one before it cannot be halved.
    """
    places = width_places(tree)
    for width, constants in places.items():
        for new in sorted({max(MIN_WIDTH, on_grid(width * f)) for f in WIDTH_FACTORS} - {width}):
            if merging or new not in places:
                yield Edit(
                    kind="width",
                    site=f"{width} -> {new} channels",
                    changes=tuple((constant, str(new)) for constant in constants),
                    shrinks=new < width,
                )


def width_places(tree: ast.Module) -> dict[int, list[ast.expr]]:
    """Return where each number of channels stands as an argument of a call."""
    places: dict[int, list[ast.expr]] = {}
    for call in _calls(tree):
        for argument in call.args:
            value = _integer(argument)
            if value is not None and value >= MIN_WIDTH:
                places.setdefault(value, []).append(argument)
    return places


def on_grid(width: float) -> int:
    """Return the nearest multiple of 4, and at least 4."""
    return max(4, round(width / 4) * 4)


def kernels(tree: ast.Module, *, stepwise: bool = False) -> Iterator[Edit]:
    """Change a kernel size, in a convolution together with its padding.

    Args:
        tree: The segment.
        stepwise: Whether to draw only the next smaller and larger size, and never a larger one for
            a convolution of size 1: it mixes channels, and would grow by a factor of 9 to 49.
    """
    for call in _calls(tree):
        if _name(call) == "Conv2d" and len(call.args) > 2:  # noqa: PLR2004 - the third is it
            size = call.args[2]
        elif _is_block(call):
            size = next((a for a in call.args if _kernel_family(a)), call.func)
        else:
            continue
        for new in _neighbours(size, call) if stepwise else _kernel_family(size):
            if new != _integer(size):
                change = (call, _padded(call, new)) if _name(call) == "Conv2d" else (size, str(new))
                site = f"{_name(call)}: {_integer(size)} -> {new}"
                yield Edit(kind="kernel", site=site, changes=(change,))


def activations(tree: ast.Module) -> Iterator[Edit]:
    """Exchange an activation for another, as a module or as a function."""
    for call, family in itertools.product(_calls(tree), (ACTIVATIONS, FUNCTIONS, GATES)):
        if isinstance(call.func, ast.Attribute) and call.func.attr in family:
            for new in family:
                if new != call.func.attr:
                    text = partial(_member, call.func.value, new)
                    site = f"{call.func.attr} -> {new}"
                    yield Edit(kind="activation", site=site, changes=((call.func, text),))


def normalisations(tree: ast.Module) -> Iterator[Edit]:
    """Exchange a normalisation of feature maps for another, or remove it."""
    for call in _calls(tree):
        channels = _normalised_channels(call)
        if channels is None:
            continue
        news = {"Identity": "nn.Identity()"}
        if _name(call) != "LayerNorm":
            news |= {
                "BatchNorm2d": f"nn.BatchNorm2d({channels})",
                "GroupNorm": f"nn.GroupNorm(1, {channels})",
                "InstanceNorm2d": f"nn.InstanceNorm2d({channels}, affine=True)",
            }
        for new, text in news.items():
            if new != _name(call):
                site = f"{_name(call)} -> {new}"
                yield Edit(kind="normalisation", site=site, changes=((call, text),))


def dropouts(tree: ast.Module) -> Iterator[Edit]:
    """Change a dropout rate."""
    for call in _calls(tree):
        if _name(call).startswith("Dropout"):
            rates = [*call.args, *(k.value for k in call.keywords if k.arg == "p")]
            for rate in rates[:1]:
                yield from _exchanged(rate, DROPOUT_RATES, kind="dropout", name="rate")


def optimiser_constants(tree: ast.Module) -> Iterator[Edit]:
    """Change a constant of an optimiser, or scale an argument of it."""
    for name, value in _optimiser_settings(tree):
        if name == "momentum":
            yield from _exchanged(value, MOMENTA, kind="optimiser", name=name)
        elif name == "weight_decay" and isinstance(value, ast.Constant):
            yield from _exchanged(value, WEIGHT_DECAYS, kind="optimiser", name=name)
        elif name in {"lr", "weight_decay"}:
            text = ast.unparse(value)
            passed, _, factor = text.partition(" * ")
            if not passed.isidentifier():
                continue
            for new in RATE_FACTORS:
                scaled = passed if new == 1 else f"{passed} * {new}"
                if str(new) != (factor or "1.0"):
                    site = f"{name}: {text} -> {scaled}"
                    yield Edit(kind="optimiser", site=site, changes=((value, scaled),))


def layers(tree: ast.Module) -> Iterator[Edit]:
    """Drop or double a layer that maps a shape to itself."""
    for call in _calls(tree):
        if _name(call) == "Sequential" and len(call.args) > 1:
            texts = [ast.unparse(layer) for layer in call.args]
            for i, layer in enumerate(call.args):
                if isinstance(layer, ast.Call) and _keeps_shape(layer):
                    dropped, doubled = (partial(_repeated, call, texts, i, n) for n in (0, 2))
                    yield from _dropped_and_doubled(layer, texts[i], call, dropped, doubled)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
            layer, name = node.value, node.targets[0].attr
            if isinstance(layer, ast.Call) and _keeps_shape(layer) and not _is_block(layer):
                twice = f"nn.Sequential({ast.unparse(layer)}, {ast.unparse(layer)})"
                yield from _dropped_and_doubled(layer, name, layer, "nn.Identity()", twice)


FINDERS: tuple[Finder, ...] = (
    widths, kernels, activations, normalisations, dropouts, optimiser_constants, layers,
)  # fmt: skip
"""The edits of 0.1.0."""
MATCHED: tuple[Finder, ...] = (
    partial(widths, merging=True), partial(kernels, stepwise=True), *FINDERS[2:],
)  # fmt: skip
"""The same, with widths that can halve and kernels that change by one step."""


def rewritten(source: str, changes: Sequence[tuple[ast.expr, Text]]) -> str:
    """Replace the text of nodes; all other text, comments included, stays."""
    lines = source.encode().splitlines(keepends=True)
    begins = [0, *itertools.accumulate(map(len, lines))]
    text = source.encode()
    for node, new in sorted(changes, key=lambda c: (c[0].lineno, c[0].col_offset), reverse=True):
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = begins[node.lineno - 1] + node.col_offset
        end = begins[node.end_lineno - 1] + node.end_col_offset
        written = new if isinstance(new, str) else new()
        text = text[:start] + written.encode() + text[end:]
    return text.decode()


def _member(owner: ast.expr, name: str) -> str:
    return f"{ast.unparse(owner)}.{name}"


def _repeated(call: ast.Call, texts: Sequence[str], i: int, n: int) -> str:
    """Return a call with one of its arguments n times."""
    arguments = [*texts[:i], *[texts[i]] * n, *texts[i + 1 :]]
    return f"{ast.unparse(call.func)}({', '.join(arguments)})"


def _dropped_and_doubled(
    layer: ast.Call, name: str, changed: ast.Call, dropped: Text, doubled: Text
) -> Iterator[Edit]:
    """Yield the edits that drop and double a layer, as new texts of the node that changes."""
    weighted = _name(layer) == "Conv2d" or _is_block(layer)
    for verb, text in (("drop", dropped), ("double", doubled)):
        site, shrinks = f"{verb} {name}", weighted and verb == "drop"
        yield Edit(kind="layer", site=site, changes=((changed, text),), shrinks=shrinks)


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _is_block(call: ast.Call) -> bool:
    """Return whether a call builds one of the network's own blocks."""
    return isinstance(call.func, ast.Name) and call.func.id[:1].isupper()


def _integer(node: ast.expr) -> int | None:
    value = node.value if isinstance(node, ast.Constant) else None
    return value if type(value) is int else None


def _kernel_family(node: ast.expr) -> tuple[int, ...]:
    """Return the sizes that may replace this one; none if it is no kernel size."""
    size = _integer(node)
    return next((family for family in (ODD_KERNELS, EVEN_KERNELS) if size in family), ())


def _neighbours(size: ast.expr, call: ast.Call) -> tuple[int, ...]:
    """Return the sizes next to this one; none for a convolution of size 1."""
    family = _kernel_family(size)
    if not family or (_name(call) == "Conv2d" and _integer(size) == 1):
        return ()
    place = family.index(_integer(size) or 0)
    return family[max(0, place - 1) : place + 2]


def _padded(call: ast.Call, kernel: int) -> str:
    """Return a convolution with another kernel and the padding that preserves the resolution.

    (k - 1) // 2 does so for odd kernels at stride 1 and for all kernels at stride 2.
    """
    into, out, _, *rest = (ast.unparse(a) for a in call.args)
    settings = {str(k.arg): ast.unparse(k.value) for k in call.keywords}
    settings["padding"] = str((kernel - 1) // 2)
    named = [f"{name}={value}" for name, value in settings.items()]
    return f"{ast.unparse(call.func)}({', '.join([into, out, str(kernel), *rest, *named])})"


def _keeps_shape(call: ast.Call) -> bool:
    """Return whether a layer, judged by its arguments, preserves the shape."""
    if _name(call) in ACTIVATIONS or _normalised_channels(call) is not None:
        return True
    if _name(call) == "Conv2d":
        into, out = (ast.dump(a) for a in call.args[:2])
        return into == out and all(k.arg != "stride" for k in call.keywords)
    channels = {value for a in call.args if (value := _integer(a)) and value >= MIN_WIDTH}
    constant = all(isinstance(a, ast.Constant) for a in call.args)
    return _is_block(call) and constant and len(channels) == 1


def _normalised_channels(call: ast.Call) -> str | None:
    """Return the number of channels that a normalisation layer is built with."""
    place = {"BatchNorm2d": 0, "InstanceNorm2d": 0, "LayerNorm": 0, "GroupNorm": 1}.get(_name(call))
    fits = place is not None and len(call.args) > place
    return ast.unparse(call.args[place]) if fits else None  # type: ignore[index]


def _optimiser_settings(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Yield name and value of each argument of an optimiser and of its parameter groups."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and "optim." in ast.unparse(node.func):
            for keyword in node.keywords:
                yield keyword.arg or "", keyword.value
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant):
                    yield str(key.value), value


def _exchanged(node: ast.expr, choices: Sequence[float], *, kind: str, name: str) -> Iterator[Edit]:
    if isinstance(node, ast.Constant):
        for new in choices:
            if new != node.value:
                site = f"{name}: {ast.unparse(node)} -> {new}"
                yield Edit(kind=kind, site=site, changes=((node, str(new)),))
