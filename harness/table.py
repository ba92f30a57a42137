"""Print the comparison tables of recorded runs: ``python -m harness.table [RUNS_DIR]``.

Markdown and LaTeX (booktabs) are rounded for readers; CSV and JSON hold the numbers as measured.
"""

import argparse
import math
import sys

from harness.analysis.comparison import comparisons
from harness.analysis.effort.cut import each_at_equal
from harness.analysis.effort.spent import EFFORTS
from harness.analysis.loading import runs_below
from harness.analysis.metrics import comparable_metrics
from harness.errors import InputError
from harness.reporting.paper.choice import add_choice, choice_of, described, names_of
from harness.reporting.paper.floats import PLACES
from harness.reporting.summary import print_left_out, print_tables
from harness.reporting.tables import STYLES, render_all
from harness.terminal import add_runs_dir, exit_on_error


def main() -> None:
    """Print the tables of all runs below a folder."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.table", description=main.__doc__, allow_abbrev=False
    )
    add_runs_dir(parser)
    parser.add_argument(
        "--format", choices=STYLES, dest="style",
        help="default: a table that fits the terminal, and markdown in a file or a pipe",
    )  # fmt: skip
    parser.add_argument(
        "--reference", metavar="ARM", help="arm that the others are compared with (default: full)"
    )
    parser.add_argument(
        "--measure", metavar="METRIC",
        help=f"metric of the comparison, one of {', '.join(comparable_metrics())} (default: the "
        f"primary measure, final.measure); any other is labelled exploratory",
    )  # fmt: skip
    parser.add_argument(
        "--equal", choices=EFFORTS,
        help="cut each run to the most evaluations, seconds or cost (of training and LLM) that all "
        "runs of a table reached",
    )  # fmt: skip
    parser.add_argument(
        "--training-price", metavar="PRICE", type=float,
        help="price of an hour of training, for --equal cost (default: the one on record)",
    )  # fmt: skip
    add_choice(parser)
    parser.add_argument(
        "--width", choices=PLACES, default="page",
        help="place in a paper of two columns that tables in LaTeX are for (default: page)",
    )  # fmt: skip
    arguments = parser.parse_args()
    price = arguments.training_price
    with exit_on_error():
        if price is not None and not (0 <= price < math.inf and arguments.equal == "cost"):
            raise InputError(
                f"--training-price: expected a price of at least 0, and --equal cost, which it is "
                f"for; got {price} and --equal {arguments.equal}."
            )
        below = runs_below(arguments.runs_dir)
        found = comparisons(below.runs, reference=arguments.reference)
        left_out = list(below.damaged)
        style = arguments.style or "markdown"
        choice = choice_of(arguments, names_of(found), style=style)
        if arguments.equal is not None:
            found, unequal = each_at_equal(found, arguments.equal, training_price=price)
            left_out += unequal
        documents = described(found, choice, measure=arguments.measure)
        if arguments.style is None and sys.stdout.isatty():
            for document in documents:
                print_tables(document)
        else:
            print(render_all(documents, style, place=arguments.width), end="")
    sys.exit(print_left_out(left_out))


if __name__ == "__main__":
    main()
