"""Runs cut to equal effort, so that arms of different budgets can be compared."""

from collections.abc import Sequence
from dataclasses import replace

from harness.analysis.comparison import Comparison, seeds_text
from harness.analysis.effort.spent import EFFORTS, efforts_so_far, had_room
from harness.analysis.run_result import Cut, RunResult
from harness.errors import InputError

_ROUNDING = 1e-9
"""Relative error of sums of seconds or costs in another order."""


def cut(
    run: RunResult, by: str, amount: float, *, training_price: float | None = None
) -> RunResult:
    """Return the beginning of a run that took at most so much effort.

    It is the shortest of the beginnings that took the most within the amount, so that cutting at a
    number of evaluations gives the run with that budget. A run that took no more is kept whole.
    Test scores are kept of the networks that the whole run re-trained.

    Args:
        run: The run.
        by: One of ``EFFORTS``.
        amount: The most effort.
        training_price: Price of an hour of training; by default the recorded one.

    Raises:
        InputError: The effort of a proposal is not recorded.
    """
    whole = replace(run, cut=Cut(by=by, amount=amount, whole=run, training_price=training_price))
    efforts = efforts_so_far(whole, by)
    most = amount * (1 + _ROUNDING)
    if not efforts or efforts[-1] <= most:
        return whole
    reached = max((effort for effort in efforts if 0 < effort <= most), default=None)
    kept = run.candidates[: 0 if reached is None else efforts.index(reached) + 1]
    steps = {"seed", *(candidate.step for candidate in kept)}
    fresh = steps & {"seed", *(candidate.step for candidate in run.hall_of_fame)}
    return replace(
        whole,
        candidates=kept,
        finals={step: scores for step, scores in run.finals.items() if step in fresh},
        retrained={step: scores for step, scores in run.retrained.items() if step in fresh},
        confirmed={step: scores for step, scores in run.confirmed.items() if step in steps},
        calls={s: call for s, call in run.calls.items() if s.rpartition(".")[0] in steps},
    )


def each_at_equal(
    found: Sequence[Comparison], by: str, *, training_price: float | None = None
) -> tuple[list[Comparison], list[str]]:
    """Return the comparisons cut by ``at_equal``, and a sentence for each that cannot be cut.

    Raises:
        InputError: None of them can be cut.
    """
    able: list[Comparison] = []
    refused: list[InputError] = []
    for one in found:
        try:
            able.append(at_equal(one, by, training_price=training_price))
        except InputError as error:
            refused.append(error)
    if refused and not able:
        raise refused[0]
    return able, list(map(str, refused))


def at_equal(comparison: Comparison, by: str, *, training_price: float | None = None) -> Comparison:
    """Return a comparison with each finished run cut to the most effort that all of them reached.

    Runs that ended before their budget, because their proposer had nothing left, do not limit that
    effort, and neither do arms whose search saw the test split.

    Args:
        comparison: Runs that may be compared.
        by: One of ``EFFORTS``.
        training_price: Price of an hour of training; by default the recorded one.

    Raises:
        InputError: The effort of a run is not recorded, a run took none, or runs have other prices.
    """
    reference = comparison.reference
    compared = [*([reference] if reference else []), *comparison.others]
    if by == "cost" and training_price is None:
        _require_one_price([run for arm in compared for run in arm.finished])
    reached: list[tuple[float, bool, RunResult]] = []
    for run in (run for arm in compared for run in arm.finished):
        priced = cut(run, by, float("inf"), training_price=training_price)
        efforts = efforts_so_far(priced, by)
        reached.append((efforts[-1] if efforts else 0.0, had_room(run), run))
    if not reached:
        return comparison
    limiting = [one for one in reached if not one[1]]
    amount = min(limiting or [max(reached, key=_amount)], key=_amount)
    if limiting and not amount[0]:
        raise InputError(
            f"--equal {by}: expected runs that took some {by}, {amount[2].arm}, seed "
            f"{amount[2].seed}, took none. Use another folder without it."
        )
    arms = {
        arm.name: replace(
            arm,
            runs=tuple(
                cut(run, by, amount[0], training_price=training_price) if run.complete else run
                for run in arm.runs
            ),
        )
        for arm in comparison.arms
    }
    return replace(
        comparison,
        title=f"{comparison.runs[0].manifest.data.name}: at equal {EFFORTS[by]}, "
        f"{seeds_text([run.seed for run in comparison.runs])}",
        arms=tuple(arms.values()),
        reference=arms[reference.name] if reference else None,
    )


def _require_one_price(runs: Sequence[RunResult]) -> None:
    prices = sorted({price for run in runs if (price := run.training_price) is not None})
    if len(prices) > 1:
        raise InputError(
            f"--equal cost: expected runs with one price of an hour of training, found "
            f"{' and '.join(f'{price:g}' for price in prices)}. Give it with --training-price."
        )


def _amount(reached: tuple[float, bool, RunResult]) -> float:
    return reached[0]
