"""The table of contributions, in Markdown, CSV and JSON."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import astuple

from harness.analysis.aggregation import UNKNOWN
from harness.analysis.contribution.attribution import Contribution
from harness.reporting.formatting import markdown, spreadsheet
from harness.reporting.tables import aligned
from harness.text import each_text, one_line

STYLES = ("markdown", "csv", "json")
_NOTES = (
    "proposed: children of completed runs. Of each kind, a child counts once: for its operators in "
    "their order; for its segment, its model and each label of its prompts, or for several or "
    "none of them.",
    "%: of the children proposed. accepted: passed every gate and trained. improving: better than "
    "the first parent in one objective and worse in none; a mate neither equals nor dominates it. "
    "on the front: on the final front of its run, and not dominated by the seed network.",
    "The shares are descriptive: operators act at different times, and gains are easier among the "
    "founders.",
)
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
    return "\n".join([*tables, *(f"- {note}" for note in _NOTES if tables)]) + "\n" * bool(tables)


def _row(one: Contribution) -> tuple[str, ...]:
    counts = (one.same_function, one.accepted, one.improving, one.on_front)
    shares = (UNKNOWN if count is None else f"{100 * count / one.proposed:.0f}" for count in counts)
    return one.arm, one.by, one.name, str(one.proposed), *shares
