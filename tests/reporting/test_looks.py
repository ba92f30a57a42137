"""How an arm looks in every figure."""

from pathlib import Path

import pytest

import harness
from harness.reporting import plot_style
from harness.reporting.figures.looks import look


def test_a_name_of_somebody_else_is_drawn_as_one_short_visible_line():
    """A warning of matplotlib about a character without a glyph holds that character."""
    assert plot_style.short("a\x1b[31m\n\u202e") == r"a\u001b[31m \u202e"
    assert len(plot_style.short("\x07" * 99)) == 40


ABLATIONS = sorted(path.stem for path in Path(harness.__file__).parent.glob("conf/ablation/*.yaml"))


def test_every_arm_of_the_harness_has_a_look_of_its_own():
    assert len(ABLATIONS) > 30
    looks = [look(name) for name in ABLATIONS]
    for i, one in enumerate(looks):
        for other in looks[:i]:
            assert (one.color, one.marker) != (other.color, other.marker)
            assert (one.color, one.linestyle) != (other.color, other.linestyle)
            assert (one.marker, one.fill) != (other.marker, other.fill)  # in grey


BESIDE_AN_LLM = ["full", "random_mutation", "nas", "width", "no_eot", "no_crp", "no_eot_no_crp"]


LADDER = [
    "nas", "width", "optuna_nsga2", "optuna_tpe", "random_search", "random_mutation",
    "random_mutation_as_before", "seed_only",
]  # fmt: skip


@pytest.mark.parametrize("names", [BESIDE_AN_LLM, LADDER])
def test_arms_that_are_often_compared_differ_in_colour_and_in_marker(names):
    assert len({look(name).color for name in names}) == len(names)
    assert len({look(name).marker for name in names}) == len(names)


def test_the_look_of_an_arm_depends_on_its_name_alone():
    """The digest is the same on every machine; indigo is of the reference."""
    assert look("my_arm") == look("my_arm") != look("my_other_arm")
    assert look("guided~pool:no_eot").color == look("no_eot").color
    assert look("guided~pool:no_eot") != look("no_eot")
    others = [look(f"arm_{k}") for k in range(200)]
    assert look("full").color not in {one.color for one in others}
    assert look("full").linestyle not in {one.linestyle for one in others}
    assert len({str(one) for one in others}) > 120
    shipped = [look(name) for name in ABLATIONS]
    for one in others:
        assert in_grey(one) not in map(in_grey, shipped)


def in_grey(one):
    return (one.linestyle, one.marker, one.fill)
