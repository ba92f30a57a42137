"""A paper's tables and figures again, with our numbers beside the published ones."""

import re
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from harness.analysis.stats import Interval
from harness.claims.claim import (
    EVERY_RUN,
    FAILS,
    HOLDS,
    NOT_RUN,
    UNDECIDED,
    Verdict,
)
from harness.claims.figures import write_figure
from harness.claims.reproduction import Reproduction
from harness.claims.spec import Section
from harness.files import check_writable
from harness.reporting.comparison import Comparison, Table, comparisons
from harness.reporting.footnotes import measured_on, provenance
from harness.reporting.formatting import Column
from harness.reporting.tables import SUFFIXES, document

STYLES = ("markdown", "latex")
WORDS = (HOLDS, FAILS, UNDECIDED, NOT_RUN)
_COUNTS = re.compile(rf"^\*Of (\d+) claims: .*{NOT_RUN} (\d+)\.\*", re.MULTILINE)
"""What a table's heading says of its claims."""


def claims_table(
    reproduction: Reproduction, comparisons: Container[str] | None = None
) -> Comparison:
    """Return every claim beside what was measured, a table for each table or figure.

    comparisons: only claims that these decide.
    """
    verdicts = {
        claim.name: reproduction.verdict(claim)
        for claim in reproduction.claims
        if comparisons is None or claim.comparison in comparisons
    }
    words = Counter(verdict.word for verdict in verdicts.values())
    told = ", ".join(f"{word} {words[word]}" for word in WORDS)
    return Comparison(
        title=reproduction.paper.title,
        headings=(f"Of {len(verdicts)} claims: {told}.", *_changed(reproduction)),
        tables=tuple(
            _table(section, judged, reproduction.paper.given)
            for section in reproduction.sections
            if (judged := [verdicts[c.name] for c in section.claims if c.name in verdicts])
        ),
        headline=_RULE,
        notes=tuple(_notes(reproduction, comparisons)),
        arms=(),
        reference=None,
    )


_RULE = (
    f"A claim is judged when the last run of its arms has ended. Wanted is where the measured "
    f"value has to lie. It {HOLDS} where the whole 95 % interval of the mean over runs (Student's) "
    f"lies there, it {FAILS} where no part of it does, and else it is {UNDECIDED}; where "
    f"{EVERY_RUN} is wanted there, it {HOLDS} or not by each run alone. Where a run has no such "
    f"value, it is {UNDECIDED}. Nothing is corrected for the number of claims."
)


def judged(what: Reproduction | Path) -> int:
    """Count the claims that runs on record decide, or did for the table in a folder, 0 without."""
    if isinstance(what, Reproduction):
        return sum(what.verdict(claim).word != NOT_RUN for claim in what.claims)
    path = what / f"table.{SUFFIXES['markdown']}"
    found = _COUNTS.search(path.read_text(encoding="utf-8")) if path.is_file() else None
    return int(found[1]) - int(found[2]) if found else 0


def _changed(reproduction: Reproduction) -> Iterator[str]:
    """Say where these are not the runs that were planned."""
    if reproduction.changed:
        yield f"Not as planned, but with {', '.join(reproduction.changed)}."


def _table(section: Section, verdicts: Sequence[Verdict], given: str) -> Table:
    notes = [f"Source: {section.source}.", *section.notes]
    if any(v.claim.of == EVERY_RUN and isinstance(v.measured, Interval) for v in verdicts):
        notes.append(f"In brackets, where {EVERY_RUN} is wanted: the least and the most.")
    reasons = (f"{v.claim.says}: {v.reason}." for v in verdicts if v.reason and v.word != NOT_RUN)
    return Table(
        name=section.name,
        title=section.title,
        columns=_columns(given),
        rows=tuple(_row(verdict) for verdict in verdicts),
        notes=(*notes, *reasons),
    )


def _columns(given: str) -> tuple[Column, ...]:
    headings = {
        "claim": "claim",
        "published": given,
        "wanted": "wanted",
        "measured": "measured [95 % CI]",
        "n": "runs",
        "verdict": "verdict",
    }
    return tuple(Column(name=name, heading=heading) for name, heading in headings.items())


def _row(verdict: Verdict) -> dict[str, str | None]:
    claim = verdict.claim
    return {
        "claim": claim.says,
        "published": claim.written(claim.published),
        "wanted": claim.wanted,
        "measured": None if verdict.measured is None else claim.written(verdict.measured),
        "n": verdict.runs if verdict.of else None,
        "verdict": verdict.word,
    }


def _notes(reproduction: Reproduction, comparisons: Container[str] | None) -> Iterator[str]:
    """Say what is missing or was left out, and where runs without tables of their own come from."""
    for name, records in reproduction.records.items():
        if comparisons is not None and name not in comparisons:
            continue
        if not records.complete:
            yield f"{name}: {records.done} runs done; {records.command}"
        yield from (f"{name}, left out: {told}" for told in (*records.damaged, *records.left_out))
        if records.found and len(records.planned) == 1:
            yield from dict.fromkeys(f"{name}: {measured_on(run)}" for run in records.found)
            yield f"{name}: {provenance(dict.fromkeys(records.planned, records.found))}"


def published_text(reproduction: Reproduction, style: str) -> str:
    """Return the claims and the tables of the runs behind them as ``markdown`` or ``latex``."""
    several = [
        replace(comparison, headings=(f"Comparison {name}.", *comparison.headings))
        for name, records in reproduction.records.items()
        for comparison in comparisons(records.found)
        if len(records.planned) > 1
    ]
    return document([claims_table(reproduction), *several], style)


def write_published(reproduction: Reproduction, folder: Path) -> list[Path]:
    """Write tables and figures into a folder; return the files."""
    check_writable(folder)
    figures = {
        section: write_figure(reproduction, section, folder)
        for section in reproduction.sections
        if section.figure
    }
    texts = {style: published_text(reproduction, style) for style in STYLES}
    texts["markdown"] += "".join(
        f"\n![{section.title}]({section.name}.png)\n\n{section.title}. {caption}\n"
        if caption
        else f"\n{section.title}: no figure yet, for no arm of it is done.\n"
        for section, caption in figures.items()
    )
    for style, text in texts.items():
        (folder / f"table.{SUFFIXES[style]}").write_text(text, encoding="utf-8")
    drawn = [section.name for section, caption in figures.items() if caption]
    names = [
        *(f"table.{SUFFIXES[style]}" for style in STYLES),
        *(f"{name}.{suffix}" for name in drawn for suffix in ("png", "pdf")),
    ]
    return [folder / name for name in names]
