"""A metric, a figure and a reproduction."""

METRIC = """    Metric(name="front_size", heading="networks on the front", phrase="networks on the front",
           value=lambda run: len(run.front), table=RESULTS, comparable=True),
"""
METRIC_TEST = """

def test_networks_on_the_front_are_counted(runs):
    rows = {row["arm"]: row for row in describe_comparison(compare(runs)).tables[0].rows}
    assert rows["random_mutation"]["front_size"] == 2
"""
FIGURE = '''"""Sizes of the networks on each front."""

from typing import Any

from harness.analysis.comparison import Comparison
from harness.reporting import plot_style
from harness.reporting.figures.figure import Figure


def _draw(comparison: Comparison) -> Any:
    drawn, axes = plot_style.figure(height=3)
    for run in comparison.runs:
        sizes = [c.objectives.n_params for c in run.front if c.objectives]
        axes[0][0].plot(sizes, linestyle="none", marker="o")
    return drawn


FIGURE = Figure(
    name="sizes", title="Sizes", caption="Parameters of each network.", draw=_draw, position=9
)
'''
FIGURE_TEST = """

def test_sizes_are_drawn(study, tmp_path):
    assert draw("sizes", compare(study), tmp_path)
"""
CLAIMS_PY = """def test_claim(claim, arms):
    claim.check(arms)
"""
ARMS_YAML = """comparisons:
  few:
    arms: [coin_flips]
    seeds: [0]
    overrides: [task=few_digits, recipe.epochs=2, final.seeds=1, budget.evaluations=2,
                sizes.founders=2, sizes.offspring=2]
"""
CLAIMS_YAML = """title: "A paper"
sections:
  fronts:
    title: Fronts
    source: A paper, table 1
    claims:
      - {name: some, says: some on the front, comparison: few, arm: coin_flips,
         measure: front_size, relation: at least, of: every run, published: 1}
"""


def metric(copy):
    copy.insert("harness/analysis/metrics.py", METRIC, before=")\nMETRICS = ")
    copy.add({"tests/reporting/test_tables.py": METRIC_TEST})


def figure(copy):
    copy.add(
        {
            "harness/reporting/figures/sizes.py": FIGURE,
            "tests/reporting/test_figures.py": FIGURE_TEST,
        }
    )


def reproduction(copy):
    copy.add(
        {
            "reproductions/few/arms.yaml": ARMS_YAML,
            "reproductions/few/claims.yaml": CLAIMS_YAML,
            "reproductions/few/test_claims.py": CLAIMS_PY,
        }
    )
