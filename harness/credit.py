"""Print which prompts and operators contributed: ``python -m harness.credit RUNS_DIR``."""

import argparse
import sys
from pathlib import Path

from harness.analysis.attribution import contributions
from harness.analysis.comparison import comparisons
from harness.analysis.loading import runs_below
from harness.reporting.attribution_table import STYLES, render_contributions
from harness.reporting.summary import print_left_out
from harness.terminal import exit_on_error


def main() -> None:
    """Print the children of each operator, prompt and model: accepted, improving, on the front."""
    parser = argparse.ArgumentParser(prog="python -m harness.credit", description=main.__doc__)
    parser.add_argument("runs_dir", type=Path)
    parser.add_argument("--format", choices=STYLES, default="markdown", dest="style")
    arguments = parser.parse_args()
    with exit_on_error():
        below = runs_below(arguments.runs_dir)
        found = [one for runs in comparisons(below.runs) for one in contributions(runs)]
    print(render_contributions(found, arguments.style), end="")
    sys.exit(print_left_out(below.damaged))


if __name__ == "__main__":
    main()
