"""Print how many seeds a comparison needs: ``python -m harness.power --comparisons 4``."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from harness.analysis.comparison import Comparison, comparisons, paired_differences
from harness.analysis.loading import runs_below
from harness.analysis.metric import Metric
from harness.analysis.metrics import comparison_metric
from harness.analysis.statistics.intervals import LEVEL
from harness.analysis.statistics.paired import seeds_needed
from harness.analysis.statistics.power import MOST_SEEDS, STUDIES, seeds_by_size, seeds_to_find
from harness.reporting.console import show_table
from harness.reporting.formatting import format_of
from harness.terminal import exit_on_error


def main() -> None:
    """Print how many seeds a comparison of arms with one reference needs.

    With a folder of runs, such as a pilot, also how far their differences vary between seeds.
    """
    parser = argparse.ArgumentParser(
        prog="python -m harness.power", description=main.__doc__, allow_abbrev=False
    )
    parser.add_argument(
        "runs_dir", type=Path, nargs="?", help="runs whose differences are planned with (optional)"
    )
    parser.add_argument("--reference", metavar="ARM", help="arm that they are compared with")
    parser.add_argument("--measure", metavar="METRIC", help="metric that they are compared by")
    parser.add_argument(
        "--comparisons", type=int,
        help="arms to compare with the reference (default: those of the runs, or else 1)",
    )  # fmt: skip
    parser.add_argument(
        "--power", type=float, default=0.8, help="probability of finding it (default: 0.8)"
    )
    arguments = parser.parse_args()
    power, given = arguments.power, arguments.comparisons
    with exit_on_error():
        if arguments.runs_dir is None:
            _show(1 if given is None else given, power=power)
            return
        runs = runs_below(arguments.runs_dir).runs
        for one in comparisons(runs, reference=arguments.reference):
            measure = comparison_metric(arguments.measure, one.primary, one.runs, one.wording)
            others = max(1, len(one.compared_by(measure))) if given is None else given
            _show(others, power=power)
            _show_spread(one, measure, comparisons=others, power=power)


def _show(comparisons: int, *, power: float) -> None:
    """Print the fewest seeds for each size of a difference, and how to read them.

    Args:
        comparisons: Number of arms that are compared with the reference.
        power: Probability of finding the difference.
    """
    sizes = list(seeds_by_size(comparisons=comparisons, power=power))
    header = ["mean difference, in standard deviations", "seeds"]
    rows = [[f"{size:g}", _seeds(n)] for size, n in sizes]
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


def _show_spread(
    comparison: Comparison, measure: Metric, *, comparisons: int, power: float
) -> None:
    """Print how far the differences of these runs vary, and the seeds that this asks for."""
    notation, relevant = format_of(measure, comparison.wording), comparison.relevant(measure)

    def rows() -> Iterator[list[str]]:
        for arm, found in paired_differences(comparison, measure):
            spread, seeds = "unknown", "unknown"
            if found.deviation is not None:
                spread = notation.text(found.deviation)
            if found.deviation and relevant is not None:
                size = relevant / found.deviation
                seeds = _seeds(seeds_to_find(size, comparisons=comparisons, power=power))
            yield [arm.name, str(found.n), spread, *([] if relevant is None else [seeds])]

    reference = comparison.reference.name if comparison.reference else "none"
    header = ["arm", "seeds in common", "standard deviation"]
    if relevant is not None:
        header.append(f"seeds to find {notation.text(relevant)}")
    notes = [
        "Standard deviation: of the arm's value less that of the reference at the same seed; runs "
        "without a value are left out. Of few seeds it is uncertain itself: of 6, the true one may "
        "be 0.6 to 2.5 times as large (95 %, normal differences). Unknown: fewer than two seeds, "
        "or differences that are all equal.",
        "Runs that planned a study are no part of it: use other seeds.",
    ]
    if relevant is None:
        notes.append(
            "This measure has no least difference that matters: divide the one that matters to you "
            "by the standard deviation, and find the seeds in the table above."
        )
    title = f"Spread of {measure.phrase}, less {reference}. {comparison.title}"
    show_table([header, *rows()], title=title, notes=notes, turned=False)


def _seeds(n: int | None) -> str:
    return str(n or f"more than {MOST_SEEDS}")


if __name__ == "__main__":
    main()
