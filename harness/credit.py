"""Print which prompts and operators contributed: ``python -m harness.credit RUNS_DIR``."""

import argparse
import sys
from dataclasses import replace

from harness.analysis.comparison import comparisons
from harness.analysis.contribution.attribution import contributions
from harness.analysis.loading import runs_below
from harness.reporting.attribution_table import STYLES, render_contributions
from harness.reporting.paper.choice import add_choice, choice_of, names_of
from harness.reporting.summary import print_left_out
from harness.terminal import add_runs_dir, exit_on_error


def main() -> None:
    """Print the children of each operator, prompt and model: accepted, improving, on the front."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.credit", description=main.__doc__, allow_abbrev=False
    )
    add_runs_dir(parser)
    parser.add_argument("--format", choices=STYLES, default="markdown", dest="style")
    add_choice(parser, columns=False)
    arguments = parser.parse_args()
    with exit_on_error():
        below = runs_below(arguments.runs_dir)
        among = comparisons(below.runs)
        choice = choice_of(arguments, names_of(among), style=arguments.style)
        found = [
            replace(one, arm=choice.labels.get(one.arm, one.arm))
            for runs in among
            for one in contributions(choice.of_comparison(runs))
        ]
    print(render_contributions(found, arguments.style), end="")
    sys.exit(print_left_out(below.damaged))


if __name__ == "__main__":
    main()
