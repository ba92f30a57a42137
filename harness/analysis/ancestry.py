"""Where an individual comes from: ``python -m harness.lineage RUN_DIR ID``.

Follows parents and mates back to the seed network, and shows each one's operators, what was
measured, and the code in which it differs from its first parent.
"""

import difflib
from collections.abc import Iterator

from harness.analysis.run_result import SAW_TEST_DATA, Candidate, RunResult
from harness.errors import GenomeError, RecordError
from harness.evolution.candidate import Variation
from harness.evolution.genome import Genome


def ancestry(run: RunResult, step: str) -> list[Candidate]:
    """Return the individual and all it comes from, eldest first; RecordError for an unknown one."""
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


def told(run: RunResult, step: str) -> Iterator[str]:
    """Yield the lineage's lines; changes of code as in a unified diff."""
    score, n_params = run.seed_objectives
    if run.saw_test_data:
        yield f"every accuracy{SAW_TEST_DATA}"
    yield f"seed: accuracy {score:.2%}, {n_params:,} parameters"
    sources = {"seed": run.seed_source} | {c.step: c.source for c in run.candidates}
    for candidate in ancestry(run, step):
        yield ""
        yield f"{candidate.step}: {measured(candidate)}"
        for variation in candidate.variations:
            yield f"  {made(run, variation)}"
        first, *mates = candidate.parents
        yield f"  of {first}" + "".join(f", mate {mate}" for mate in mates)
        if candidate.source:
            yield from changes(sources[first], candidate.source)


def measured(candidate: Candidate) -> str:
    """Say what came of a candidate."""
    if candidate.objectives is None:
        return f"refused by {candidate.gate}: {candidate.reason}"
    score, n_params = candidate.objectives
    return f"accuracy {score:.2%}, {n_params:,} parameters"


def made(run: RunResult, variation: Variation) -> str:
    """Say how one application of an operator made it, and who was asked."""
    detail = ", ".join(f"{key} {value}" for key, value in variation.detail.items())
    models = sorted({run.models[call] for call in variation.calls})
    by = f", by {', '.join(models)}" if models else ""
    return f"{variation.operator} of {variation.segment} ({detail}){by}"


def parts(source: str) -> dict[str, str]:
    """Cut a source into header and segments; one whose markers are spoilt stays whole."""
    try:
        genome = Genome.parse(source)
    except GenomeError:
        return {"source": source}
    return {"header": genome.header} | {s.name: s.source for s in genome.segments}


def changes(source: str, child: str) -> Iterator[str]:
    """Yield the lines of a unified diff for each segment in which a child differs."""
    before = parts(source)
    for name, text in parts(child).items():
        old, new = before.get(name, "").splitlines(), text.splitlines()
        if old != new:
            yield from difflib.unified_diff(
                old, new, f"{name} before", f"{name} after", lineterm=""
            )
