"""Notes on numbers that are of some of the completed runs alone."""

from collections.abc import Collection, Iterator, Sequence

from harness.reporting.formatting import Column, Values, partly


def on_partly_known(columns: Collection[Column], rows: Sequence[Values]) -> Iterator[str]:
    """Yield a note on the columns whose numbers are of some runs alone, and of how many.

    Args:
        columns: The columns that a table shows.
        rows: Its rows.
    """
    headings: dict[str, list[str]] = {}
    for column in columns:
        counts = [
            f"{row['arm']} {row[name]}" for row in rows if (name := partly(column.name)) in row
        ]
        if counts:
            headings.setdefault(", ".join(counts), []).append(column.heading)
    for those, names in headings.items():
        yield f"Of the runs that have a value: {'; '.join(names)} ({those})."
