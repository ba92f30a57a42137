"""Write one HTML page of a study: ``python -m harness.report [RUNS_DIR]``.

The page holds tables, figures, and for each run the lineage of its front, refusals, prompts,
answers and settings. It needs no server and no network.
"""

import argparse
import sys
from pathlib import Path

from harness.analysis.comparison import comparisons
from harness.analysis.loading import runs_below
from harness.analysis.metrics import comparable_metrics
from harness.reporting.html import write_report
from harness.reporting.paper.choice import add_choice, choice_of, names_of
from harness.reporting.paper.floats import PLACES
from harness.reporting.summary import print_left_out
from harness.terminal import add_runs_dir, exit_on_error, say


def main() -> None:
    """Write tables, figures and one page of all runs below a folder."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.report", description=main.__doc__, allow_abbrev=False
    )
    add_runs_dir(parser)
    parser.add_argument("--out", type=Path, help="folder to write to (default: RUNS_DIR)")
    parser.add_argument("--reference", metavar="ARM", help="arm that the others are compared with")
    parser.add_argument(
        "--measure", metavar="METRIC",
        help=f"metric of the comparison, one of {', '.join(comparable_metrics())} (default: the "
        f"primary measure, final.measure); any other is labelled exploratory",
    )  # fmt: skip
    add_choice(parser)
    parser.add_argument(
        "--width", choices=PLACES,
        help="draw figures for a column or the page of a paper, without titles, and write tables "
        "in LaTeX for it (default: figures for a screen)",
    )  # fmt: skip
    arguments = parser.parse_args()
    with exit_on_error():
        below = runs_below(arguments.runs_dir)
        found = comparisons(below.runs, reference=arguments.reference)
        page = write_report(
            found,
            arguments.out or arguments.runs_dir,
            measure=arguments.measure,
            damaged=below.damaged,
            choice=choice_of(arguments, names_of(found)),
            width=arguments.width,
        )
    say(f"{page}: open it in a browser. Tables and figures: {page.parent}/comparison-*/")
    sys.exit(print_left_out(below.damaged))


if __name__ == "__main__":
    main()
