"""Print which prompts and operators contributed: ``python -m harness.credit RUNS_DIR``."""

import argparse
import sys
from pathlib import Path

from harness.analysis.attribution import credits_of, render
from harness.analysis.loading import runs_below
from harness.reporting.comparison import tell_damaged
from harness.terminal import exit_on_error


def main() -> None:
    """Print for each operator and prompt how many children it made and what became of them."""
    parser = argparse.ArgumentParser(prog="python -m harness.credit", description=main.__doc__)
    parser.add_argument("runs_dir", type=Path)
    parser.add_argument(
        "--format", choices=("markdown", "csv", "json"), default="markdown", dest="style"
    )
    arguments = parser.parse_args()
    with exit_on_error():
        below = runs_below(arguments.runs_dir)
        found = credits_of(below.runs)
    print(render(found, arguments.style), end="")
    sys.exit(tell_damaged(below))


if __name__ == "__main__":
    main()
