"""The tables of a paper's claims: published numbers, required ranges, measured values, verdicts."""

import re
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from harness.analysis.comparison import comparisons
from harness.analysis.statistics.intervals import Interval
from harness.claims.figures import name_of, write_figure
from harness.claims.judge import (
    FAILS,
    HOLDS,
    INCONCLUSIVE,
    NOT_CONTRADICTED,
    NOT_RUN,
    WORDS,
    Verdict,
)
from harness.claims.reproduction import Reproduction
from harness.claims.schemas.claims_file import Section
from harness.claims.statement import AHEAD, EVERY_RUN, ONE_RUN
from harness.claims.wording import describe_requirement, describe_runs, describe_value
from harness.files import check_writable, write_text
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.formatting import Column, markdown
from harness.reporting.notes.note import Note
from harness.reporting.notes.provenance import measured_on, provenance
from harness.reporting.tables import SUFFIXES, Document, Table, render_all

STYLES = ("markdown", "latex")
_COUNTS = re.compile(rf"^\*Of (\d{{1,9}}) claims: .*{NOT_RUN} (\d{{1,9}})\.\*", re.MULTILINE)
"""Heading of a table with the counts of its claims."""
_HEADING_BYTES = 1 << 14
"""Length of the start of an untrusted table that is searched for the counts."""


def claims_table(reproduction: Reproduction, among: Container[str] | None = None) -> Document:
    """Return a table for each table or figure of the paper, with a row for each claim.

    Args:
        reproduction: The paper and its runs.
        among: Names of comparisons, to restrict it to the claims that these decide.
    """
    verdicts = {
        claim.name: reproduction.verdict(claim)
        for claim in reproduction.claims
        if among is None or claim.comparison in among
    }
    words = Counter(verdict.word for verdict in verdicts.values())
    counts = ", ".join(f"{word} {words[word]}" for word in WORDS)
    return Document(
        title=reproduction.paper.title,
        headings=tuple(
            map(Note, [f"Of {len(verdicts)} claims: {counts}.", *_changed(reproduction)])
        ),
        tables=tuple(
            _table(section, judged, reproduction)
            for section in reproduction.sections
            if (judged := [verdicts[c.name] for c in section.claims if c.name in verdicts])
        ),
        headline=_RULE,
        notes=tuple(map(Note, _notes(reproduction, among))),
    )


_RULE = (
    f"A claim is judged when the last run of its arms is complete. Required is the range in which "
    f"the measured value must lie. A claim {HOLDS} where the whole 95 % interval of the mean over "
    f"runs (Student's) lies in it, {FAILS} where no part of it does, and is {INCONCLUSIVE} "
    f"otherwise. Where {ONE_RUN} is said, a single run was published, and the 95 % prediction "
    f"interval of one further run of ours is compared instead. A claim is {NOT_CONTRADICTED} where "
    f"that interval lies partly in the range: the published number could be of such a run. This is "
    f"no evidence for the claim, and the wider the interval, the less it says; an exact repetition "
    f"is contradicted in at most 5 % of cases if runs are normally distributed, in up to 11 % of "
    f"those simulated otherwise. Where {EVERY_RUN} is required, it "
    f"{HOLDS} or {FAILS} by the value of each run. A curve over generations has one verdict, on "
    f"the mean of its points. Where a run has no value, a claim is {INCONCLUSIVE}. Nothing is "
    f"corrected for the number of claims."
)


def count_decided(reproduction: Reproduction) -> int:
    """Return the number of claims that the runs on record decide."""
    return sum(reproduction.verdict(claim).word != NOT_RUN for claim in reproduction.claims)


def count_written(folder: Path) -> int:
    """Return the number of decided claims in the table that a folder has, 0 without one."""
    path = folder / f"table.{SUFFIXES['markdown']}"
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        found = _COUNTS.search(file.read(_HEADING_BYTES).decode("utf-8", "replace"))
    return int(found[1]) - int(found[2]) if found else 0


def _changed(reproduction: Reproduction) -> Iterator[str]:
    """Yield the settings in which these are not the planned runs."""
    if reproduction.changed:
        yield f"Not as planned, but with {', '.join(reproduction.changed)}."


def _table(section: Section, verdicts: Sequence[Verdict], reproduction: Reproduction) -> Table:
    notes = [f"Source: {section.source}.", *section.notes]
    intervals = {v.claim.of for v in verdicts if isinstance(v.measured, Interval)}
    if any(verdict.claim.relation == AHEAD for verdict in verdicts):
        notes.append(
            f"Sign only: the claim is that the difference is above 0. Whether it is as large as "
            f"{reproduction.paper.given} is not put to the test."
        )
    if EVERY_RUN in intervals:
        notes.append(f"In brackets, where {EVERY_RUN} is required: the least and the greatest.")
    if ONE_RUN in intervals and intervals != {ONE_RUN}:
        notes.append(f"In brackets, where {ONE_RUN} is said: the 95 % prediction interval.")
    reasons = (f"{v.claim.says}: {v.reason}." for v in verdicts if v.reason and v.word != NOT_RUN)
    return Table(
        name=section.name,
        shows=section.title,
        columns=_columns(reproduction.paper.given, verdicts),
        rows=tuple(row for verdict in verdicts for row in _rows(verdict, reproduction)),
        notes=(*notes, *reasons),
    )


def _columns(given: str, verdicts: Sequence[Verdict]) -> tuple[Column, ...]:
    of_one_run = {verdict.claim.of for verdict in verdicts} == {ONE_RUN}
    headings = {
        "claim": "claim",
        "published": given,
        "required": "required",
        "measured": f"measured [95 % {'of one further run' if of_one_run else 'CI'}]",
        "n": "runs",
        "verdict": "verdict",
    }
    return tuple(Column(name=name, heading=heading) for name, heading in headings.items())


def _rows(verdict: Verdict, reproduction: Reproduction) -> Iterator[dict[str, str | None]]:
    """Yield the row of a claim, and those of the points of its curve, which have no verdict."""
    yield _row(verdict)
    for point in verdict.claim.points:
        yield _row(reproduction.verdict(point)) | {"required": None, "verdict": None}


def _row(verdict: Verdict) -> dict[str, str | None]:
    claim, words, measured = verdict.claim, verdict.wording, verdict.measured
    return {
        "claim": claim.says,
        "published": describe_value(claim, claim.published, words),
        "required": describe_requirement(claim, words),
        "measured": None if measured is None else describe_value(claim, measured, words),
        "n": describe_runs(verdict) if verdict.of else None,
        "verdict": verdict.word,
    }


def _notes(reproduction: Reproduction, among: Container[str] | None) -> Iterator[str]:
    """Yield missing and left-out runs, and the provenance of runs without a table of their own."""
    for name, evidence in reproduction.evidence.items():
        if among is not None and name not in among:
            continue
        if not evidence.complete:
            yield f"{name}: {evidence.done} runs done; {evidence.command}"
        yield from (f"{name}, left out: {one}" for one in (*evidence.damaged, *evidence.left_out))
        if evidence.found and len(evidence.planned) == 1:
            yield from dict.fromkeys(f"{name}: {measured_on(run)}" for run in evidence.found)
            yield f"{name}: {provenance(dict.fromkeys(evidence.planned, evidence.found))}"


def published_text(reproduction: Reproduction, style: str) -> str:
    """Return the claims and the tables of the runs behind them as ``markdown`` or ``latex``."""
    several = [
        replace(document, headings=(Note(f"Comparison {name}."), *document.headings))
        for name, evidence in reproduction.evidence.items()
        if len(evidence.planned) > 1
        for comparison in comparisons(evidence.found)
        for document in (describe_comparison(comparison),)
    ]
    return render_all([claims_table(reproduction), *several], style)


def write_published(reproduction: Reproduction, folder: Path) -> list[Path]:
    """Write the tables and figures into a folder; return the files.

    The folder is untrusted: a link in the place of a file is replaced, not followed.
    """
    check_writable(folder)
    figures = {
        section: write_figure(reproduction, section, folder)
        for section in reproduction.sections
        if section.figure
    }
    texts = {style: published_text(reproduction, style) for style in STYLES}
    texts["markdown"] += "".join(
        f"\n![{title}]({name_of(section)}.png)\n\n{title}. {caption}\n"
        if caption
        else f"\n{title}: no figure yet, since no arm of it is complete.\n"
        for section, caption in figures.items()
        for title in (markdown(section.title),)
    )
    for style, text in texts.items():
        write_text(folder / f"table.{SUFFIXES[style]}", text)
    drawn = [name_of(section) for section, caption in figures.items() if caption]
    names = [
        *(f"table.{SUFFIXES[style]}" for style in STYLES),
        *(f"{name}.{suffix}" for name in drawn for suffix in ("png", "pdf")),
    ]
    return [folder / name for name in names]
