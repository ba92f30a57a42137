"""One row for each proposal: its parents, its outcome, its cost and its measurements."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis.curves.trajectory import Point, trajectory
from harness.analysis.metric import CURRENCY, SHARE
from harness.analysis.proposals import Call, Candidate
from harness.analysis.statistics.intervals import mean
from harness.evolution.budget import Usage, total
from harness.reporting.unrounded.column import Column
from harness.tidy.run_rows import RunRow

EVALUATED, REFUSED, OUTPACED = "evaluated", "refused", "outpaced"
"""Outcomes of a proposal."""


@dataclass(frozen=True, kw_only=True)
class EvaluationRow:
    """A proposal within its run.

    Attributes:
        of: Its run.
        number: Its place among the proposals of the run, from 1.
        candidate: The proposal.
        after: The run after it, None where no evaluation was charged for it.
        on_front: Whether it is on the front of the run.
    """

    of: RunRow
    number: int
    candidate: Candidate
    after: Point | None
    on_front: bool

    @property
    def calls(self) -> list[Call]:
        """Its LLM calls."""
        steps = (step for variation in self.candidate.variations for step in variation.calls)
        return [self.of.run.calls[step] for step in steps]

    @property
    def usage(self) -> Usage | None:
        """Cost of its LLM calls, None where an LLM reports no tokens."""
        return total([call.usage for call in self.calls])

    @property
    def outcome(self) -> str:
        """What became of it."""
        if self.candidate.objectives is not None:
            return EVALUATED
        return OUTPACED if self.candidate.valid else REFUSED

    @property
    def train_s(self) -> float | None:
        """Seconds of its training, None where it was not trained or they are not known."""
        known = self.candidate.charged and self.candidate.timed
        return self.candidate.train_s if known or self.candidate.train_s else None

    @property
    def llm_s(self) -> float | None:
        """Seconds of its LLM calls, None where one is not known."""
        seconds = [call.seconds for call in self.calls]
        return None if None in seconds else sum(s for s in seconds if s is not None)

    def after_all(self, name: str) -> tuple[float, ...]:
        """Return what its re-trainings gave: ``finals``, ``retrained`` or ``retrained_s``."""
        values: tuple[float, ...] = getattr(self.of.run, name).get(self.candidate.step, ())
        return values


def evaluation_rows(row: RunRow) -> Iterator[EvaluationRow]:
    """Yield a row for each proposal of a run, in the order in which they were decided."""
    points = iter(trajectory(row.run))
    front = {candidate.step for candidate in row.run.front}
    for number, candidate in enumerate(row.run.candidates, start=1):
        yield EvaluationRow(
            of=row,
            number=number,
            candidate=candidate,
            after=next(points) if candidate.charged else None,
            on_front=candidate.step in front,
        )


def _details(row: EvaluationRow) -> str:
    return json.dumps([dict(v.detail) for v in row.candidate.variations], sort_keys=True)


def _is_selected(row: EvaluationRow) -> bool:
    selected = row.of.run.selected
    return selected is not None and selected.step == row.candidate.step


EVALUATION_COLUMNS: tuple[Column[EvaluationRow], ...] = (
    Column(name="run", type=str, value=lambda row: row.of.name, meaning="its run"),
    Column(name="arm", type=str, value=lambda row: row.of.arm, meaning="arm of the run"),
    Column(
        name="seed", type=int, value=lambda row: row.of.run.seed, meaning="seed of the run"
    ),
    Column(
        name="number", type=int, value=lambda row: row.number,
        meaning="place among the proposals of the run, from 1",
    ),
    Column(
        name="step", type=str, value=lambda row: row.candidate.step,
        meaning="its name within the run: generation and child",
    ),
    Column(
        name="generation", type=int, value=lambda row: row.candidate.generation,
        meaning="generation, 0 for the founders",
    ),
    Column(
        name="evaluation", type=int,
        value=lambda row: row.after.evaluations if row.after else None,
        meaning="number of the evaluation charged to the budget; missing where none was charged",
    ),
    Column(
        name="parents", type=str, value=lambda row: " ".join(row.candidate.parents),
        meaning="steps of its parents, separated by a space; `seed` is the seed network",
    ),
    Column(
        name="operators", type=str,
        value=lambda row: " + ".join(v.operator for v in row.candidate.variations) or None,
        meaning="operators that made it, in their order, joined by ` + `",
    ),
    Column(
        name="segments", type=str,
        value=lambda row: " + ".join(v.segment for v in row.candidate.variations) or None,
        meaning="segment that each operator rewrote, `several` where it may be any",
    ),
    Column(
        name="details", type=str, value=_details,
        meaning="choices of each operator, such as the character of a prompt: a JSON list with an "
        "object for each operator",
    ),
    Column(
        name="outcome", type=str, value=lambda row: row.outcome,
        meaning=f"`{EVALUATED}`, `{REFUSED}` or, for a valid network stopped early at a rung, "
        f"`{OUTPACED}`",
    ),
    Column(
        name="gate", type=str, value=lambda row: row.candidate.gate,
        meaning="where it was refused or stopped",
    ),
    Column(
        name="kind", type=str, value=lambda row: row.candidate.kind,
        meaning="kind of the rejection",
    ),
    Column(
        name="reason", type=str, value=lambda row: row.candidate.reason,
        meaning="reason of the rejection, a line",
    ),
    Column(
        name="score", type=float,
        value=lambda row: row.candidate.objectives.score if row.candidate.objectives else None,
        meaning="score in the search, luck included", unit=SHARE,
    ),
    Column(
        name="parameters", type=int,
        value=lambda row: row.candidate.objectives.n_params if row.candidate.objectives else None,
        meaning="parameters",
    ),
    Column(
        name="state_elements", type=int, value=lambda row: row.candidate.n_state,
        meaning="elements of running statistics, which parameters exclude",
    ),
    Column(
        name="flops", type=int, value=lambda row: row.candidate.flops,
        meaning="operations per example",
    ),
    Column(
        name="train_s", type=float, value=lambda row: row.train_s,
        meaning="its training in the search; missing where it was not trained", unit="s",
    ),
    Column(
        name="on_front", type=bool, value=lambda row: row.on_front,
        meaning="whether it is on the front of the run",
    ),
    Column(
        name="selected", type=bool, value=_is_selected,
        meaning="whether it is the selected network of the run",
    ),
    Column(
        name="best_so_far", type=float,
        value=lambda row: row.after.best if row.after else None,
        meaning="best score so far of networks of at most the seed network's size", unit=SHARE,
    ),
    Column(
        name="hypervolume_so_far", type=float,
        value=lambda row: row.after.hypervolume if row.after else None,
        meaning="hypervolume of the search so far",
    ),
    Column(
        name="retrainings", type=int, value=lambda row: len(row.after_all("finals")),
        meaning="re-trainings on fresh seeds that succeeded",
    ),
    Column(
        name="test_score", type=float, value=lambda row: mean(row.after_all("finals")),
        meaning="mean score of its re-trainings on the test split", unit=SHARE,
    ),
    Column(
        name="retrained_score", type=float,
        value=lambda row: mean(row.after_all("retrained")),
        meaning="mean score of its re-trainings on the validation split", unit=SHARE,
    ),
    Column(
        name="retrain_s", type=float, value=lambda row: mean(row.after_all("retrained_s")),
        meaning="mean of its re-trainings", unit="s",
    ),
    Column(
        name="calls", type=int, value=lambda row: len(row.calls), meaning="its LLM calls"
    ),
    Column(
        name="prompt_tokens", type=int,
        value=lambda row: row.usage.prompt_tokens if row.usage else None,
        meaning="tokens of its prompts; missing where an LLM reports none",
    ),
    Column(
        name="completion_tokens", type=int,
        value=lambda row: row.usage.completion_tokens if row.usage else None,
        meaning="tokens of its answers; missing where an LLM reports none",
    ),
    Column(
        name="cost", type=float, value=lambda row: row.usage.cost if row.usage else None,
        meaning="cost of its answers; missing where a price is unknown", unit=CURRENCY,
    ),
    Column(
        name="llm_s", type=float, value=lambda row: row.llm_s,
        meaning="its LLM calls; missing where one is unknown", unit="s",
    ),
    Column(
        name="network", type=str, value=lambda row: row.candidate.network,
        meaning="digest of its network",
    ),
)  # fmt: skip
"""Columns of a proposal."""
