"""Ancestors of a network, and the changes of code from one to the next."""

import difflib
from collections.abc import Iterator

from harness.analysis.run_result import Candidate, RunResult
from harness.errors import GenomeError, RecordError
from harness.evolution.genome import Genome


def ancestry(run: RunResult, step: str) -> list[Candidate]:
    """Return a candidate and all its ancestors but the seed network, eldest first.

    Raises:
        RecordError: The run has no such candidate.
    """
    known = {candidate.step: candidate for candidate in run.candidates}
    if step not in known:
        raise RecordError(
            f"{run.folder}: expected one of its individuals, from {next(iter(known), 'none')} to "
            f"{next(reversed(known), 'none')}, got {step}."
        )
    family, unseen = set[str](), [step]
    while unseen:
        one = unseen.pop()
        if one not in family:
            family.add(one)
            unseen += (parent for parent in known[one].parents if parent != "seed")
    return [candidate for candidate in run.candidates if candidate.step in family]


def segments_of(source: str) -> dict[str, str]:
    """Return the header and the segments of a source; one without valid markers stays whole."""
    try:
        genome = Genome.parse(source)
    except GenomeError:
        return {"source": source}
    return {"header": genome.header} | {s.name: s.source for s in genome.segments}


def changed_segments(parent: str, child: str) -> Iterator[tuple[str, str, str]]:
    """Yield each segment of a child that differs from the parent's: name, before, after."""
    before = segments_of(parent)
    for name, text in segments_of(child).items():
        old = before.get(name, "")
        if old != text:
            yield name, old, text


def unified_diff(parent: str, child: str) -> Iterator[str]:
    """Yield the lines of a unified diff of each segment in which a child differs."""
    for name, before, after in changed_segments(parent, child):
        old, new = before.splitlines(), after.splitlines()
        yield from difflib.unified_diff(old, new, f"{name} before", f"{name} after", lineterm="")
