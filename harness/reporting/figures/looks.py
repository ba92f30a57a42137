"""Colour, dashes and marker of each arm, decided by its name alone, so that all figures agree."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any, Literal

# The muted scheme of Paul Tol, "Colour Schemes" (SRON/EPS/TN/09-002, issue 3.2, 2021), which is
# distinct under common colour blindness: https://personal.sron.nl/~pault/. In grey, dashes and
# markers tell arms apart.
_INDIGO = "#332288"
_OTHERS = (
    "#CC6677", "#117733", "#882255", "#44AA99", "#999933", "#88CCEE", "#AA4499", "#DDCC77",
)  # fmt: skip
_DASHES: tuple[Any, ...] = (
    (0, (5, 1.5)),
    (0, (1.2, 1.2)),
    (0, (6, 1.5, 1.2, 1.5)),
    (0, (3, 1, 1, 1, 1, 1)),
    (0, (10, 2.5)),
)
_MARKERS = "s^DvXP<>p"
_Fill = Literal["none", "full", "left", "bottom"]
_FILLS: tuple[_Fill, ...] = ("none", "full", "left", "bottom")
_GREY = len(_DASHES) * len(_MARKERS) * len(_FILLS)
"""Places that differ in dashes, marker or fill."""
_BETWEEN_MARKS = 0.2
_KNOWN = (
    "full", "random_mutation", "nas", "width", "optuna_tpe", "optuna_nsga2", "random_search",
    "random_mutation_as_before", "seed_only", "one_plus_one", "regularized_evolution",
    "recombination", "drift", "no_eot", "no_crp", "no_eot_no_crp", "iid_sampling",
    "sequential_sampling", "whole_network_best_of_n", "whole_network_sequential", "no_crossover",
    "no_mutation", "no_elitism", "single_objective", "test_selection", "neutral_persona",
    "one_category", "only_expert", "only_dr_magoo", "only_innovative_scientist", "shuffled_eot",
    "eot_with_numbers", "eot_with_ties", "feedback", "llm_typed", "crossover_as_published",
    "steady_state",
)  # fmt: skip
"""Arms with a place of their own; any eight in a row differ in colour, and in their marker."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """How an arm is drawn in every figure.

    Attributes:
        color: Its colour.
        linestyle: Dashes of its lines.
        marker: Its mark.
        fill: The part of its mark that is filled.
        first_mark: Where the first mark of a line is, as a share of the axes' diagonal.
    """

    color: str
    linestyle: Any
    marker: str
    fill: _Fill
    first_mark: float

    @property
    def line(self) -> dict[str, Any]:
        """Arguments of a line without marks."""
        return {"color": self.color, "linestyle": self.linestyle}

    @property
    def mark(self) -> dict[str, Any]:
        """Arguments of marks without a line; most are open and do not hide what lies below."""
        return {
            "color": self.color,
            "marker": self.marker,
            "linestyle": "none",
            "fillstyle": self.fill,
        }

    @property
    def marked_line(self) -> dict[str, Any]:
        """Arguments of a line with a mark here and there, which tells it apart in grey."""
        return self.mark | self.line | {"markevery": (self.first_mark, _BETWEEN_MARKS)}


def look(arm: str) -> Look:
    """Return the look of an arm.

    Indigo and a line without dashes are of ``full`` alone, so that it shows below any other. An arm
    of a third party has a look by a digest of its name; its dashes, marker and fill are not those
    of an arm of the harness, and seldom those of another third party's. An arm whose LLM is
    replaced, such as ``guided~pool:no_eot``, has the colour of the arm that it is.

    Args:
        arm: Its name in the tables.
    """
    if arm == _KNOWN[0]:
        return Look(
            color=_INDIGO, linestyle="solid", marker="o", fill="none",
            first_mark=_BETWEEN_MARKS / 2,
        )  # fmt: skip
    if arm in _KNOWN:
        return _at(_KNOWN.index(arm) - 1)
    drawn = _at(_place_of_other(arm))
    replaced, _, original = arm.rpartition(":")
    if "~" in replaced and original in _KNOWN:
        return replace(drawn, color=look(original).color)
    return drawn


def _place_of_other(arm: str) -> int:
    """Return a place by a digest, one that differs in grey from those of the known arms."""
    digest = int.from_bytes(hashlib.sha256(arm.encode()).digest()[:4])
    first = len(_KNOWN) - 1
    turn, place = divmod(digest, _GREY - first)
    return first + place + turn % 2 * _GREY


def _at(place: int) -> Look:
    """Return the look of a place.

    The numbers of colours, dashes and markers have no common divisor, so that any two of the three
    differ for 40 places or more, and a marker's fill changes before the marker is used again.
    """
    return Look(
        color=_OTHERS[place % len(_OTHERS)],
        linestyle=_DASHES[place % len(_DASHES)],
        marker=_MARKERS[place % len(_MARKERS)],
        fill=_FILLS[place // len(_MARKERS) % len(_FILLS)],
        first_mark=_BETWEEN_MARKS * (place % len(_MARKERS) + 1) / (len(_MARKERS) + 1),
    )
