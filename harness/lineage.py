"""Print an individual's lineage: ``python -m harness.lineage RUN_DIR ID``."""

import argparse
from pathlib import Path

from harness.analysis.loading import read_run
from harness.reporting.console import show_lines
from harness.reporting.lineage import describe_lineage
from harness.terminal import exit_on_error


def main() -> None:
    """Print the lineage of an individual, such as g2.c3, starting from the seed network."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.lineage", description=main.__doc__, allow_abbrev=False
    )
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("id", help="a step, such as g2.c3: generation 2, child 3")
    arguments = parser.parse_args()
    with exit_on_error():
        lines = list(describe_lineage(read_run(arguments.run_dir), arguments.id))
    show_lines(lines)


if __name__ == "__main__":
    main()
