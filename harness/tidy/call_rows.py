"""One row for each answered LLM call."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis.metric import CURRENCY
from harness.analysis.proposals import Call, generation_of
from harness.reporting.unrounded.column import Column
from harness.tidy.run_rows import RunRow


@dataclass(frozen=True, kw_only=True)
class CallRow:
    """An LLM call within its run.

    Attributes:
        of: Its run.
        step: Its step, such as ``g1.c2.mating``.
        call: The call.
    """

    of: RunRow
    step: str
    call: Call

    @property
    def proposal(self) -> str:
        """Step of the proposal that it was made for."""
        return ".".join(self.step.split(".")[:2])


def call_rows(row: RunRow) -> Iterator[CallRow]:
    """Yield a row for each answered call of a run, in the order of the answers."""
    for step, call in row.run.calls.items():
        yield CallRow(of=row, step=step, call=call)


CALL_COLUMNS: tuple[Column[CallRow], ...] = (
    Column(name="run", type=str, value=lambda row: row.of.name, meaning="its run"),
    Column(name="arm", type=str, value=lambda row: row.of.arm, meaning="arm of the run"),
    Column(
        name="seed", type=int, value=lambda row: row.of.run.seed, meaning="seed of the run"
    ),
    Column(
        name="call", type=str, value=lambda row: row.step,
        meaning="its name within the run: proposal and purpose",
    ),
    Column(
        name="step", type=str, value=lambda row: row.proposal,
        meaning="step of the proposal that it was made for",
    ),
    Column(
        name="generation", type=int, value=lambda row: generation_of(row.step),
        meaning="generation of that proposal",
    ),
    Column(
        name="segment", type=str, value=lambda row: row.call.segment,
        meaning="segment that it asked to rewrite",
    ),
    Column(
        name="asked", type=str, value=lambda row: row.call.asked,
        meaning="name by which the LLM was asked for",
    ),
    Column(
        name="llm", type=str, value=lambda row: row.call.model,
        meaning="LLM that answered, by its own account",
    ),
    Column(
        name="date", type=str, value=lambda row: row.call.date or None,
        meaning="day of the answer, as recorded",
    ),
    Column(
        name="finish_reason", type=str, value=lambda row: row.call.finish_reason,
        meaning="why the answer ended, by the server's account",
    ),
    Column(
        name="failures", type=int, value=lambda row: row.call.failures,
        meaning="earlier requests for the same answer that failed",
    ),
    Column(
        name="prompt_characters", type=int,
        value=lambda row: row.call.prompt_characters, meaning="characters of the prompt",
    ),
    Column(
        name="answer_characters", type=int,
        value=lambda row: row.call.answer_characters, meaning="characters of the answer",
    ),
    Column(
        name="prompt_tokens", type=int,
        value=lambda row: row.call.usage.prompt_tokens if row.call.usage else None,
        meaning="tokens of the prompt; missing where the LLM reports none",
    ),
    Column(
        name="completion_tokens", type=int,
        value=lambda row: row.call.usage.completion_tokens if row.call.usage else None,
        meaning="tokens of the answer; missing where the LLM reports none",
    ),
    Column(
        name="cost", type=float,
        value=lambda row: row.call.usage.cost if row.call.usage else None,
        meaning="cost of the answer; missing where its price is unknown", unit=CURRENCY,
    ),
    Column(
        name="seconds", type=float, value=lambda row: row.call.seconds,
        meaning="its requests, as far as they may have been billed", unit="s",
    ),
)  # fmt: skip
"""Columns of a call."""
