"""Print how many seeds a comparison needs: ``python -m harness.power --comparisons 4``."""

import argparse
from collections.abc import Iterable

from harness.analysis.statistics.intervals import LEVEL
from harness.analysis.statistics.paired import seeds_needed
from harness.analysis.statistics.power import MOST_SEEDS, STUDIES, seeds_by_size
from harness.reporting.console import show_table
from harness.terminal import exit_on_error


def main() -> None:
    """Print how many seeds a comparison of arms with one reference needs."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.power", description=main.__doc__, allow_abbrev=False
    )
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
    _show(sizes, **wanted)


def _show(sizes: Iterable[tuple[float, int | None]], *, comparisons: int, power: float) -> None:
    """Print the fewest seeds for each size of a difference, and how to read them.

    Args:
        sizes: Differences in standard deviations, each with its seeds, None beyond the most.
        comparisons: Number of arms that are compared with the reference.
        power: Probability of finding the difference.
    """
    header = ["mean difference, in standard deviations", "seeds"]
    rows = [[f"{size:g}", str(n or f"more than {MOST_SEEDS}")] for size, n in sizes]
    least = seeds_needed(comparisons)
    notes = [
        f"With fewer than {least} seeds nothing can be significant: the signed-rank test of n "
        f"pairs gives no p below 2^(1-n), and Holm requires {LEVEL:g}/{comparisons} first.",
        f"Seeds: the fewest with which a difference of this size is found in {power:.0%} of "
        f"{STUDIES} simulated studies, as the first of its family. Standard deviations are "
        f"those of the differences between two arms at the same seed. The differences are normal, "
        f"without ties: with many equal values, such as runs that save nothing, more seeds are "
        f"needed.",
    ]
    show_table([header, *rows], title=f"Seeds to compare {comparisons} with a reference arm",
               notes=notes)  # fmt: skip


if __name__ == "__main__":
    main()
