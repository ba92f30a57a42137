"""Print how many seeds a comparison needs: ``python -m harness.power --comparisons 4``."""

import argparse

from harness.analysis.statistics.power import seeds_by_size
from harness.reporting.power_table import show_power
from harness.terminal import exit_on_error


def main() -> None:
    """Print how many seeds a comparison of arms with one reference needs."""
    parser = argparse.ArgumentParser(prog="python -m harness.power", description=main.__doc__)
    parser.add_argument(
        "--comparisons", type=int, default=1,
        help="arms to compare with the reference (default: 1)",
    )  # fmt: skip
    parser.add_argument(
        "--power", type=float, default=0.8, help="probability of finding it (default: 0.8)"
    )
    arguments = parser.parse_args()
    wanted = {"comparisons": arguments.comparisons, "power": arguments.power}
    with exit_on_error():
        sizes = list(seeds_by_size(**wanted))
    show_power(sizes, **wanted)


if __name__ == "__main__":
    main()
