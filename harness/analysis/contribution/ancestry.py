"""Ancestors of a network, and the changes of code from one to the next."""

import difflib
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence

from harness.analysis.proposals import Candidate
from harness.analysis.run_result import RunResult
from harness.errors import GenomeError, RecordError
from harness.evolution.genome import Genome

_MOST_STEPS = 10**8
"""Limit on the work of difflib, about one second."""


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
        if comparable(old, new):
            names = f"{name} before", f"{name} after"
            yield from difflib.unified_diff(old, new, *names, lineterm="")
        else:
            whole = f"@@ -1,{len(old)} +1,{len(new)} @@"
            yield from (f"--- {name} before", f"+++ {name} after", whole)
            yield from (*(f"-{line}" for line in old), *(f"+{line}" for line in new))


def comparable(old: Sequence[Hashable], new: Sequence[Hashable]) -> bool:
    """Return whether difflib compares these lines within seconds.

    The time grows with the number of pairs of equal lines, times the number of lines.
    """
    among = Counter(new)
    return sum(among[line] for line in old) * min(len(old), len(new)) <= _MOST_STEPS
