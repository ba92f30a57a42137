"""A paper's tables and figures again, with our numbers beside the published ones."""

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from pathlib import Path

from harness.claims import (
    EVERY_RUN,
    FAILS,
    HOLDS,
    NOT_RUN,
    UNDECIDED,
    Verdict,
)
from harness.columns import Column
from harness.comparison import Comparison, Table, comparisons
from harness.inference import Interval
from harness.journal import check_writable
from harness.notes import notes_on, provenance
from harness.reprints import CAPTIONS, write_figure
from harness.reproduction import Reproduction, Section
from harness.table import SUFFIXES, document

STYLES = ("markdown", "latex")
COLUMNS = tuple(
    Column(name=name, heading=heading)
    for name, heading in (
        ("claim", "claim"),
        ("published", "published"),
        ("wanted", "wanted"),
        ("measured", "measured [95 % CI]"),
        ("n", "runs"),
        ("verdict", "verdict"),
    )
)


_PLURAL = {HOLDS: "hold", FAILS: "do not hold", UNDECIDED: "are undecided", NOT_RUN: "are not run"}


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
    told = ", ".join(f"{words[word]} {plural}" for word, plural in _PLURAL.items())
    return Comparison(
        title=reproduction.title,
        headings=(f"{len(verdicts)} claims: {told}",),
        tables=tuple(
            _table(reproduction, section, judged)
            for section in reproduction.sections
            if (judged := [verdicts[c.name] for c in section.claims if c.name in verdicts])
        ),
        headline=(
            "A claim is judged when all runs of its arms have ended, and by them alone. It holds "
            "where the 95 % interval of the mean over runs (Student's) lies as a whole where the "
            "claim wants it, does not hold where none of it does, and is undecided between. A "
            "claim of every run holds where each run lies there. Each interval is for its own "
            "claim alone."
        ),
        notes=tuple(_notes(reproduction)),
        arms=(),
        reference=None,
    )


def _table(reproduction: Reproduction, section: Section, verdicts: Sequence[Verdict]) -> Table:
    notes = [f"Source: {section.source}.", *section.notes]
    if any(v.claim.of == EVERY_RUN and isinstance(v.measured, Interval) for v in verdicts):
        notes.append("In brackets, where a claim is of every run: the least and the most.")
    missing = dict.fromkeys(v.claim.comparison for v in verdicts if v.word == NOT_RUN)
    records = [reproduction.records[name] for name in missing]
    return Table(
        name=section.name,
        title=section.title,
        columns=COLUMNS,
        rows=tuple(_row(verdict) for verdict in verdicts),
        notes=(
            *notes,
            *(f"{v.claim.says}: {v.reason}." for v in verdicts if v.reason and v.word != NOT_RUN),
            *(f"{NOT_RUN}: {r.done} runs done; {r.command}" for r in records),
        ),
    )


def _row(verdict: Verdict) -> dict[str, str | None]:
    claim = verdict.claim
    return {
        "claim": claim.says,
        "published": claim.written(claim.published),
        "wanted": claim.wanted,
        "measured": None if verdict.measured is None else claim.written(verdict.measured),
        "n": str(verdict.n) if verdict.n else None,
        "verdict": verdict.word,
    }


def _notes(reproduction: Reproduction) -> Iterator[str]:
    """Say what was left out, and of runs that have no table of their own where they come from."""
    for name, records in reproduction.records.items():
        yield from (f"{name}, left out: {told}" for told in records.told)
        if records.found and len(records.planned) == 1:
            yield from (f"{name}: {told}" for told in notes_on(records.found))
            yield f"{name}: {provenance(dict.fromkeys(records.planned, records.found))}"


def published_text(reproduction: Reproduction, style: str) -> str:
    """Return the claims and the tables of the runs behind them as ``markdown`` or ``latex``."""
    several = [
        comparison
        for records in reproduction.records.values()
        for comparison in comparisons(records.found)
        if len(records.planned) > 1
    ]
    return document([claims_table(reproduction), *several], style)


def write_published(reproduction: Reproduction, folder: Path) -> list[Path]:
    """Write tables and figures into a folder; return the files."""
    check_writable(folder)
    drawn = [s for s in reproduction.sections if s.figure and write_figure(reproduction, s, folder)]
    texts = {style: published_text(reproduction, style) for style in STYLES}
    texts["markdown"] += "".join(
        f"\n![{section.title}]({section.name}.png)\n\n{section.title}. {CAPTIONS[section.figure]}\n"
        for section in drawn
    )
    for style, text in texts.items():
        (folder / f"table.{SUFFIXES[style]}").write_text(text, encoding="utf-8")
    names = [
        *(f"table.{SUFFIXES[style]}" for style in STYLES),
        *(f"{section.name}.{suffix}" for section in drawn for suffix in ("png", "pdf")),
    ]
    return [folder / name for name in names]
