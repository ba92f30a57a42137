"""The lineage of a network as text: operators, outcomes, and changes of code."""

from collections.abc import Iterator

from harness.analysis.arm import SAW_TEST_DATA
from harness.analysis.contribution.ancestry import ancestry, unified_diff
from harness.analysis.proposals import Candidate
from harness.analysis.run_result import RunResult
from harness.evolution.candidate import Variation
from harness.evolution.pareto import Objectives


def describe_lineage(run: RunResult, step: str) -> Iterator[str]:
    """Yield the lines of a candidate's lineage, from the seed network on.

    Raises:
        RecordError: The run has no such candidate.
    """
    if run.saw_test_data:
        yield f"every {run.wording.score}{SAW_TEST_DATA}"
    yield f"seed: {_describe_objectives(run, run.seed_objectives)}"
    sources = {"seed": run.seed_source} | {c.step: c.source for c in run.candidates}
    for candidate in ancestry(run, step):
        yield ""
        yield f"{candidate.step}: {describe_outcome(run, candidate)}"
        for variation in candidate.variations:
            yield f"  {describe_variation(run, variation)}"
        first, *mates = candidate.parents
        yield f"  of {first}" + "".join(f", mate {mate}" for mate in mates)
        if candidate.source:
            yield from unified_diff(sources[first], candidate.source)


def describe_outcome(run: RunResult, candidate: Candidate) -> str:
    """Return a candidate's objectives, or the gate that refused it and the reason."""
    if candidate.objectives is None:
        return f"refused by {candidate.gate}: {candidate.reason}"
    return _describe_objectives(run, candidate.objectives)


def describe_variation(run: RunResult, variation: Variation) -> str:
    """Return the operator, segment, details and models of one step of variation."""
    detail = ", ".join(f"{key} {value}" for key, value in variation.detail.items())
    models = sorted({run.models[call] for call in variation.calls})
    by = f", by {', '.join(models)}" if models else ""
    return f"{variation.operator} of {variation.segment} ({detail}){by}"


def _describe_objectives(run: RunResult, objectives: Objectives) -> str:
    wording = run.wording
    return f"{wording.score} {wording.text(objectives.score)}, {objectives.n_params:,} parameters"
