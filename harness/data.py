"""Write runs as tidy data: ``python -m harness.data RUNS_DIR --out FOLDER``.

One file has a row for each run, one for each proposal, one for each LLM call. Columns, types and
units are the same whatever the runs hold.
"""

import argparse
import sys
from pathlib import Path

from harness.analysis.loading import runs_below
from harness.files import make_own_folder
from harness.reporting.summary import print_left_out
from harness.terminal import add_runs_dir, exit_on_error, say
from harness.tidy.files import STYLES, write_files


def main() -> None:
    """Write a row for each run, each proposal and each LLM call below a folder, as files."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.data", description=main.__doc__, allow_abbrev=False
    )
    add_runs_dir(parser)
    parser.add_argument("--format", choices=STYLES, default="csv", dest="style")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="where to write (default: RUNS_DIR/data)"
    )
    arguments = parser.parse_args()
    with exit_on_error():
        below = runs_below(arguments.runs_dir)
        folder = arguments.out
        if folder is None:
            folder = arguments.runs_dir / "data"
            make_own_folder(folder)
        paths = write_files(below.runs, folder, arguments.style)
        say(*map(str, paths))
    sys.exit(print_left_out(below.damaged))


if __name__ == "__main__":
    main()
