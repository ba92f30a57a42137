"""Tables of runs, as text and as rows."""

import csv
import io

from harness.analysis.comparison import compare
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.tables import render


def described(runs, style, *, reference=None, **chosen):
    """The tables of runs that may be compared, as text."""
    return render(describe_comparison(compare(runs, reference=reference), **chosen), style)


def row(runs, arm, **chosen):
    """A row of all tables together, as CSV has it."""
    rows = csv.DictReader(io.StringIO(described(runs, "csv", **chosen)))
    return next(r for r in rows if r["arm"] == arm)
