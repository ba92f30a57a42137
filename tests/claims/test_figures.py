"""A paper's figures and tables again: what is drawn and told is what was published and measured."""

import pytest

from harness.claims.figures import _KINDS
from harness.claims.reproduction import read_reproduction
from harness.claims.tables import published_text, write_published
from harness.config.paths import REPRODUCTIONS
from harness.reporting import plot_style
from tests.support.paper import record_plan, write_paper
from tests.support.records import LINT, evaluated

ARMS = """
comparisons:
  mine: {arms: [random_mutation], seeds: [0, 1]}
"""
CLAIMS = """
title: "A paper, 2025"
sections:
  curve:
    title: By generation
    source: A paper, figure 1
    figure: generations
    comparison: mine
    arm: random_mutation
    measure: best_accuracy
    claims:
      - {name: by, says: chance, published: {0: 0.9, 3: 0.95}, tolerance: 0.5}
      - {name: small, says: small, published: 0.9, within: {parameters: 600}}
  fronts:
    title: Fronts
    source: A paper, figure 2
    figure: fronts
    generation: 1
    comparison: mine
    arm: random_mutation
    measure: seed_parameters
    of: every run
    claims: [{name: size, says: size, published: 1000}]
  sizes:
    title: Sizes
    source: A paper, figure 3
    figure: sizes
    comparison: mine
    arm: random_mutation
    measure: test_accuracy
    tolerance: 0.05
    claims:
      - {name: of, says: "GE-L, with at most 1,500 parameters", published: 0.97, within: {parameters: 1500}}
"""


@pytest.fixture
def held(tmp_path):
    """Two runs: the second one finds nothing among the founders."""
    folder, runs = write_paper(tmp_path / "paper", arms=ARMS, claims=CLAIMS), tmp_path / "runs"
    first = [
        ("g0.c0", evaluated(0.90, 900)),
        ("g1.c0", evaluated(0.92, 900)),
        ("g3.c0", evaluated(0.96, 800)),
    ]
    second = [("g0.c0", LINT), ("g1.c0", evaluated(0.94, 1000)), ("g3.c0", evaluated(0.97, 2000))]
    record_plan(folder, runs, scores={"random_mutation": (0, 0)}, children=second)
    one = {"random_mutation": (0,)}
    record_plan(folder, runs, scores=one, children=first, finals=(0.95,))
    return read_reproduction(folder, [f"runs_dir={runs}"])


def drawn(reproduction, name):
    """The axes of a section's figure, and what is drawn on them by label."""
    (section,) = [s for s in reproduction.sections if s.name == name]
    with plot_style.styled():
        (axes,) = _KINDS[section.figure](reproduction, section).axes
    lines = {
        str(line.get_label()): list(zip(line.get_xdata(), line.get_ydata(), strict=True))
        for line in axes.get_lines()
    }
    return axes, lines


def test_by_generation_means_are_of_all_runs_or_not_drawn(held):
    axes, lines = drawn(held, "curve")
    assert lines["chance, published"] == [(0, pytest.approx(90)), (3, pytest.approx(95))]
    measured = [(1, 93.0), (2, 93.0), (3, 95.0)]  # beyond the seed network's size does not count
    assert lines["chance, measured"] == [(g, pytest.approx(y)) for g, y in measured]
    assert axes.get_ylabel().startswith("best validation accuracy, %")


def test_fronts_are_those_of_their_generation(held):
    axes, _ = drawn(held, "fronts")
    marks = [
        line for line in axes.get_lines() if line.get_marker() != "None" and line.get_xdata().size
    ]
    points = {point for line in marks for point in zip(*line.get_data(), strict=True)}
    assert points == {(900, 92.0), (1000, 94.0), (1000, 98.0)}  # the last is the seed network


def test_sizes_have_published_and_measured_at_the_limit(held):
    axes, lines = drawn(held, "sizes")
    assert lines["published"] == [(1500, pytest.approx(97))]
    (bar,) = axes.containers
    assert bar.lines[0].get_xydata().tolist() == [[1500, pytest.approx(96.5)]]  # of 0.95 and 0.98
    assert [text.get_text() for text in axes.texts] == ["GE-L"]


def test_brackets_are_explained_where_they_are_not_intervals(tmp_path, held):
    text = published_text(held, "markdown")
    assert "In brackets" not in text
    assert "| size  |     1,000 | exactly, every run |" in text
    folder = held.folder
    (folder / "claims.yaml").write_text(
        CLAIMS.replace("measure: seed_parameters", "measure: parameters")
    )
    again = published_text(read_reproduction(folder, held.overrides), "markdown")
    assert "In brackets, where every run is required: the least and the greatest." in again


def test_where_nothing_was_run_figures_show_what_was_published(tmp_path):
    reproduction = read_reproduction(REPRODUCTIONS / "ge2024", [f"runs_dir={tmp_path}/none"])
    axes, lines = drawn(reproduction, "figure_7")
    assert len(lines) == 3
    assert "nothing measured yet" in axes.get_title(loc="left")
    (tmp_path / "claims-figure_6.png").write_bytes(b"of before")
    for name in ("figure_6.png", "models.pdf"):  # a section may have the name of any file
        (tmp_path / name).write_bytes(b"mine")
    written = write_published(reproduction, tmp_path)
    assert {p.name for p in written} == {
        "table.md", "table.tex", "claims-models.png", "claims-models.pdf",
        "claims-figure_7.png", "claims-figure_7.pdf",
    }  # fmt: skip
    assert not (tmp_path / "claims-figure_6.png").exists()
    assert (tmp_path / "figure_6.png").read_bytes() == b"mine"
    assert (tmp_path / "models.pdf").read_bytes() == b"mine"
    text = (tmp_path / "table.md").read_text()
    assert "The fronts of the three arms at generation 9: no figure yet" in text
    assert "no arm of ablations is complete yet" in text
