"""The table of contributions, in Markdown, CSV and JSON."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import astuple

from harness.analysis.aggregation import UNKNOWN
from harness.analysis.attribution import Contribution
from harness.reporting.formatting import markdown, spreadsheet
from harness.reporting.tables import aligned
from harness.text import each_text, one_line

STYLES = ("markdown", "csv", "json")
HEADER = (
    "arm", "by", "name", "proposed", "same function %", "accepted %", "improving %",
    "on the front %",
)  # fmt: skip


def render_contributions(found: Sequence[Contribution], style: str) -> str:
    """Return contributions as ``markdown`` with shares, or ``csv`` or ``json`` with counts."""
    found = [Contribution(**each_text(vars(one), one_line)) for one in found]
    if style == "json":
        return json.dumps([vars(one) for one in found], indent=2, ensure_ascii=False) + "\n"
    if style == "csv":
        text = io.StringIO()
        names = list(Contribution.__dataclass_fields__)
        csv.writer(text, lineterminator="\n").writerows(
            [names, *(map(spreadsheet, astuple(one)) for one in found)]
        )
        return text.getvalue()
    tables = []
    for title in dict.fromkeys(one.comparison for one in found):
        rows = [_row(one) for one in found if one.comparison == title]
        tables.append(f"**{markdown(title)}**\n\n{aligned([HEADER, *rows], n_text=3)}\n")
    return "\n".join(tables)


def _row(one: Contribution) -> tuple[str, ...]:
    counts = (one.same_function, one.accepted, one.improving, one.on_front)
    shares = (UNKNOWN if count is None else f"{100 * count / one.proposed:.0f}" for count in counts)
    return one.arm, one.by, one.name, str(one.proposed), *shares
