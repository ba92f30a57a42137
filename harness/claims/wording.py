"""Claims and verdicts as text."""

from harness.analysis.metric import Quantity
from harness.analysis.statistics.intervals import Interval
from harness.claims.judge import Verdict
from harness.claims.statement import ABOUT, AHEAD, AT_MOST, EVERY_RUN, MEAN, ONE_RUN, Statement
from harness.reporting.formatting import NONE, NumberFormat, format_of
from harness.tasks.base import Wording, wording_of

DEFAULT_KIND = "image_classification"
"""Kind of the task of a claim without a run; papers on other tasks have none here yet."""


def format_of_claim(claim: Statement, wording: Wording | None) -> NumberFormat:
    """Return the notation of a claim's values, with one decimal or more for shares."""
    words = wording or wording_of(DEFAULT_KIND)
    notation = format_of(claim.metric, words)
    if claim.metric.quantity is Quantity.SHARE:
        return NumberFormat(spec=".1f", times=notation.times, unit=notation.unit, points="points")
    return notation


def describe_value(
    claim: Statement, value: float | Interval | None, wording: Wording | None = None
) -> str:
    """Return a value of a claim as tables have it, with its unit."""
    if value is None:
        return NONE
    notation = format_of_claim(claim, wording)
    unit = notation.points if claim.is_difference else notation.unit
    return f"{notation.text(value, sign='+' if claim.is_difference else '')} {unit}".strip()


def describe_requirement(claim: Statement, wording: Wording | None = None) -> str:
    """Return the range in which the measured value must lie."""
    notation = format_of_claim(claim, wording)
    if claim.relation == AHEAD:
        text = "more than 0 (sign only)"
    elif claim.relation == ABOUT and claim.tolerance:
        text = f"± {round(claim.tolerance * notation.times, 9):,g} {notation.points}".strip()
    elif claim.relation == ABOUT:
        text = "exactly"
    else:
        edge = claim.tolerance if claim.relation == AT_MOST else -claim.tolerance
        text = f"{claim.relation} {describe_value(claim, claim.published + edge, wording)}"
    return text if claim.of == MEAN else f"{text}, {claim.of}"


def describe_runs(verdict: Verdict) -> str:
    """Return the number of runs that have a value, and out of how many if not all have."""
    return str(verdict.n) if verdict.n == verdict.of else f"{verdict.n} of {verdict.of}"


def describe_verdict(verdict: Verdict) -> str:
    """Return a verdict in three lines, the word and the measured value first."""
    claim, words = verdict.claim, verdict.wording
    brackets = {EVERY_RUN: "least, greatest", ONE_RUN: "95 % of one further run"}
    several = f"mean [{brackets.get(claim.of, '95 % CI')}]"
    notation = f": {several}" if isinstance(verdict.measured, Interval) else ""
    runs = "1 run" if verdict.of == 1 else f"{describe_runs(verdict)} runs"
    return (
        f"{verdict.word}: measured {describe_value(claim, verdict.measured, words)}, required "
        f"{describe_requirement(claim, words)}\n"
        f"  claim: {claim.says}, published {describe_value(claim, claim.published, words)} "
        f"({claim.source})\n"
        f"  measured in {runs} of {' less '.join(claim.arms)}{notation}"
        + (f"; {verdict.reason}" if verdict.reason else "")
    )
