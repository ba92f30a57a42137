"""Notes on calls to an LLM that a limit of the budget had no room for."""

from collections.abc import Iterator

from harness.analysis.effort.budgets import limits_of
from harness.analysis.effort.spent import training_cost
from harness.analysis.run_result import RunResult

_CALLS = "llm_calls"


def on_refused_calls(run: RunResult) -> Iterator[str]:
    """Yield which limits ended a run, and why a call is refused before a limit is reached."""
    if not run.unfinished:
        return
    names = sorted(set(run.unfinished.values()))
    text = ", ".join(f"budget.{name}" for name in names)
    yield f"ended by {text}; calls not sent: {len(run.unfinished)}."
    yield from (_on_reservation(run, name) for name in names if name != _CALLS)


def _on_reservation(run: RunResult, name: str) -> str:
    """Return what a call that was not sent would have reserved, and what was spent."""
    text = "before a call is sent, the most that it may take is reserved"
    if reserved := _least_refused(run, name):
        text += f", {_amount(reserved)}{_unit(name)} for {_which(run, name)} not sent"
    elif sent := getattr(run.most_reserved, name):
        text += f", here up to {_amount(sent)}{_unit(name)}"
    answers = None if run.usage is None else getattr(run.usage + run.lost, name)
    if answers is None:
        return f"{text}; a call of unknown usage counts with all of it."
    trained = training_cost(run) if name == "cost" else 0
    limit = limits_of(run).get(name)
    of = "" if limit is None else f" of {_amount(limit)}"
    parts = f" ({_amount(answers)} for calls, {_amount(trained)} for training)" if trained else ""
    return f"{text}; spent: {_amount(answers + trained)}{of}{_unit(name)}{parts}."


def _least_refused(run: RunResult, name: str) -> float | None:
    """Return the least that one of the calls refused by a limit may have taken, if recorded."""
    refused = [step for step, limit in run.unfinished.items() if limit == name]
    known = [getattr(run.not_reserved[step], name) for step in refused if step in run.not_reserved]
    return min((amount for amount in known if amount is not None), default=None)


def _which(run: RunResult, name: str) -> str:
    return "the call" if [*run.unfinished.values()].count(name) == 1 else "the least of the calls"


def _amount(amount: float) -> str:
    return f"{amount:,.4g}" if isinstance(amount, float) else f"{amount:,}"


def _unit(name: str) -> str:
    return "" if name == "cost" else f" {name.replace('_', ' ')}"
