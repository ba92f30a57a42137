"""Notes on the answers of LLMs, and on calls without a usable one."""

from collections import Counter
from collections.abc import Iterator

from harness.analysis.run_result import RunResult
from harness.evaluation.gates import REPAIRABLE
from harness.llm.model import REFUSED
from harness.text import counted, reason_of

_REASONS_SHOWN = 3


def on_answers_of(run: RunResult) -> Iterator[str]:
    """Yield what was notable of the answers of a run."""
    yield from on_unanswered(run)
    if longer := sum(call.longer for call in run.calls.values()):
        yield f"answers longer than requested, which no limit foresees: {longer}."
    variations = [variation for c in run.candidates for variation in c.variations]
    if asked := sum(int(variation.detail.get("repairs", 0)) for variation in variations):
        last = [c for c in run.candidates if c.variations and "repairs" in c.variations[-1].detail]
        good = sum(c.gate not in REPAIRABLE for c in last)
        yield (
            f"asked {asked} times to repair what a gate refused; {good} of {len(last)} "
            f"children whose last answer was repaired passed the gates."
        )
    if helped := sum("extraction" in variation.detail for variation in variations):
        yield f"answers with more than requested, or under another name: {helped}."


def on_unanswered(run: RunResult) -> Iterator[str]:
    """Yield how many prompts a server refused, and that no answer was usable where none was."""
    reasons = Counter(
        reason_of(call.finish_reason or "no reason given")
        for call in run.calls.values()
        if not call.answer_characters
    )
    refused = {reason: n for reason, n in reasons.items() if reason.startswith(REFUSED)}
    if run.calls and reasons.total() == len(run.calls):
        yield (
            f"no answer to any of {counted(len(run.calls), 'prompt')} had text "
            f"({_some(reasons)}): the run says nothing of the LLM. Correct the server or its "
            f"settings, and repeat the run in another runs_dir."
        )
    elif refused:
        n = sum(refused.values())
        yield f"prompts that the server refused: {n} of {len(run.calls)} ({_some(refused)})."
    elif (asked := [c for c in run.candidates if any(v.calls for v in c.variations)]) and all(
        c.gate == "extract" for c in asked
    ):
        (kind, n), *_ = Counter(c.kind for c in asked).most_common(1)
        why = next(c.reason for c in asked if c.kind == kind) or ""
        yield (
            f"none of {counted(len(run.calls), 'answer')} was usable (most often, "
            f"{counted(n, 'time')}, such as: {reason_of(why)}): the run says nothing but that."
        )


def _some(reasons: dict[str, int]) -> str:
    named = Counter(reasons).most_common(_REASONS_SHOWN)
    return ", ".join(f"'{reason}' {counted(n, 'time')}" for reason, n in named)
