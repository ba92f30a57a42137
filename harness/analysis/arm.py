"""What the table says of an arm, as values: over its finished runs, each as its column defines."""

import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.analysis.run_result import HALVED, SAW_TEST_DATA, RunResult
from harness.analysis.stats import Difference, Interval, compared, differences, mean_interval
from harness.analysis.trajectory import anytime, evaluations_to
from harness.evolution.usage import Usage, total


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A median between its quartiles; those are None where there is one value."""

    median: float
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class Expected:
    """Evaluations until a target was reached, of all runs over those that reached it."""

    evaluations: float | None
    """None where no run reached it."""
    reached: int
    of: int


Value = str | int | float | Interval | Spread | Expected | None
Values = Mapping[str, Value]
"""By the name of the column; what has no value there is left out or None."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """Runs that differ in their seed alone, under the name that tells them from others."""

    name: str
    runs: tuple[RunResult, ...]
    planned: int
    """Seeds of the comparison."""

    @cached_property
    def finished(self) -> tuple[RunResult, ...]:
        """Runs that came to their end: those that count."""
        return tuple(run for run in self.runs if run.complete)

    @property
    def saw_test_data(self) -> bool:
        """Say whether the search was scored on the test split."""
        return self.runs[0].saw_test_data


def arms_of(runs: Sequence[RunResult]) -> list[Arm]:
    """Group runs by arm, in their order; settings tell arms of one name apart."""
    variants: dict[str, list[RunResult]] = {}
    for run in runs:
        variants.setdefault(run.manifest.variant, []).append(run)
    names = Counter(_marked(group[0]) for group in variants.values())
    asking = Counter((_marked(group[0]), _asked(group[0])) for group in variants.values())

    def name(variant: str, run: RunResult) -> str:
        marked = _marked(run)
        if names[marked] == 1:
            return marked
        alone = _asked(run) and asking[marked, _asked(run)] == 1
        return f"{marked} ({_asked(run) if alone else variant[:4]})"

    planned = len({run.seed for run in runs})
    return [
        Arm(name=name(variant, group[0]), runs=tuple(group), planned=planned)
        for variant, group in variants.items()
    ]


def _marked(run: RunResult) -> str:
    """Name an arm with what sets its figures apart from those of the others."""
    return run.arm + (HALVED if run.halved else "") + (SAW_TEST_DATA if run.saw_test_data else "")


def _asked(run: RunResult) -> str:
    """Name the LLM that a run was composed to ask, as far as its configuration says."""
    return str(run.manifest.settings.get("proposer", {}).get("model", {}).get("name", ""))


def test_score(run: RunResult) -> float | None:
    """Return the pick's mean test accuracy over its re-trainings, None where there is none."""
    return _mean(run.finals.get(run.pick.step, ())) if run.pick else None


MEASURES: Mapping[str, Callable[[RunResult], float | None]] = {
    "hypervolume": lambda run: run.hypervolume,
    "anytime": anytime,
    "test_score": test_score,
}
"""What arms can be compared by, one value for each run."""


def found(arm: Arm) -> Values:
    """Return what an arm's searches found, and what it was worth when trained again."""
    runs, picks = arm.finished, [run.pick for run in arm.finished]
    again = [_mean(run.retrained.get(pick.step, ())) for run, pick in zip(runs, picks, strict=True)
             if pick]  # fmt: skip
    in_search = [pick.objectives.score for pick in picks if pick and pick.objectives]
    sizes = [pick.objectives.n_params for pick in picks if pick and pick.objectives]
    return {
        "arm": arm.name,
        "seeds": f"{len(runs)}/{arm.planned}",
        # A search that saw the test split has no validation accuracy of its own.
        **(
            {}
            if arm.saw_test_data
            else {
                "best_validation": _mean([run.best_within_seed_size for run in runs]),
                "pick_in_search": _mean(in_search),
            }
        ),
        "pick_retrained": _mean(again),
        "test_score": _interval([test_score(run) for run in runs]),
        "parameters": statistics.median(sizes) if sizes else None,
        "hypervolume": _spread([run.hypervolume for run in runs]),
        "anytime": statistics.median([anytime(run) for run in runs]) if runs else None,
        "to_target": _expected(runs) if runs else None,
    }


def seed_network(runs: Sequence[RunResult]) -> Values:
    """Return what the seed network is worth, trained again on the same fresh seeds: pure noise."""
    runs = [run for run in runs if not run.saw_test_data] or runs
    by_seed = {run.seed: run for run in sorted(runs, key=lambda run: run.complete)}.values()
    score = _mean([run.seed_objectives.score for run in by_seed])
    return {
        "arm": "seed network",
        "seeds": f"{sum(run.complete for run in by_seed)}/{len(by_seed)}",
        "best_validation": score,
        "pick_in_search": score,
        "pick_retrained": _mean([v for run in by_seed for v in run.retrained.get("seed", ())]),
        "test_score": _interval([v for run in by_seed for v in run.finals.get("seed", ())]),
        "parameters": next(iter(by_seed)).seed_objectives.n_params,
        "hypervolume": _spread([run.hypervolume_of([run.seed_objectives]) for run in by_seed]),
    }


def took(arm: Arm) -> Values:
    """Return what an arm's runs did and cost, on average, and where proposals ended."""
    runs = arm.finished
    if not runs:
        return {"arm": arm.name}
    refused = sum((run.gates for run in runs), Counter[str]()) - Counter(
        fidelity=sum(run.outpaced for run in runs)
    )
    proposals = [candidate for run in runs for candidate in run.candidates]
    return {
        "arm": arm.name,
        "llm": _answered_by(runs),
        "proposals": len(proposals) / len(runs),
        "valid": _share(sum(c.valid for c in proposals), len(proposals)),
        "refused": _shares(refused, len(proposals)),
        "evaluations": statistics.fmean(run.evaluations for run in runs),
        **_usage([run.usage for run in runs], calls=sum(len(run.calls) for run in runs)),
        "train_s": statistics.fmean(run.train_s for run in runs),
    }


def members(arm: Arm) -> Iterator[Values]:
    """Yield for each LLM of an arm that asked several: its validity and what it cost.

    A proposal counts for the LLM that was asked last.
    """
    runs = arm.finished
    asked = sorted({call.asked for run in runs for call in run.calls.values()})
    for member in asked if len(asked) > 1 else ():
        last = [
            candidate
            for run in runs
            for candidate in run.candidates
            if (steps := [s for v in candidate.variations for s in v.calls])
            and run.calls[steps[-1]].asked == member
        ]
        calls = [[c for c in run.calls.values() if c.asked == member] for run in runs]
        yield {
            "arm": f"{arm.name}, asking {member}",
            "llm": ", ".join(sorted({c.model for mine in calls for c in mine})),
            "proposals": len(last) / len(runs),
            "valid": _share(sum(c.valid for c in last), len(last)),
            **_usage([total(c.usage for c in mine) for mine in calls], calls=sum(map(len, calls))),
        }


def against(reference: Arm, others: Sequence[Arm], measure: str) -> list[Values]:
    """Compare arms with one, at the seeds that both finished, as one family."""
    per_arm = {arm.name: _by_seed(arm, measure) for arm in (reference, *others)}
    family = [differences(per_arm[arm.name], per_arm[reference.name]) for arm in others]
    return [
        _judged(arm.name, pairs, judged)
        for arm, pairs, judged in zip(others, family, compared(family), strict=True)
    ]


def _judged(name: str, pairs: Sequence[float], judged: Difference) -> Values:
    return {
        "arm": name,
        "pairs": judged.n,
        "difference": judged.interval or (pairs[0] if pairs else None),
        "superiority": judged.superiority,
        "p": "underpowered" if judged.p is None else judged.p,
    }


def _by_seed(arm: Arm, measure: str) -> dict[int, float]:
    values = {run.seed: MEASURES[measure](run) for run in arm.finished}
    return {seed: value for seed, value in values.items() if value is not None}


def _answered_by(runs: Sequence[RunResult]) -> str | None:
    """Name the LLMs as they named themselves, revision included."""
    return ", ".join(sorted({model for run in runs for model in run.models.values()})) or None


def _usage(usages: Sequence[Usage | None], *, calls: int) -> Values:
    """Per run; what is not known is said to be unknown."""
    n, used = len(usages), total(usages)
    unknown = "unknown"
    return {
        "calls": calls / n,
        "prompt_tokens": used.prompt_tokens / n if used else unknown,
        "completion_tokens": used.completion_tokens / n if used else unknown,
        "cost": unknown if used is None or used.cost is None else used.cost / n,
    }


def _expected(runs: Sequence[RunResult]) -> Expected:
    """Expected running time (Auger 2005): evaluations of all runs over runs that succeeded."""
    took = [evaluations_to(run) for run in runs]
    reached = sum(n is not None for n in took)
    spent = sum(run.evaluations if n is None else n for run, n in zip(runs, took, strict=True))
    return Expected(evaluations=spent / reached if reached else None, reached=reached, of=len(runs))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _shares(counts: Counter[str], whole: int) -> str:
    shares = {name: 100 * n / whole for name, n in counts.most_common()}
    told = (f"{s:.0f} {name}" if s >= 1 else f"< 1 {name}" for name, s in shares.items())
    return ", ".join(told) or "none"


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _interval(values: Sequence[float | None]) -> Interval | float | None:
    """Return Student's interval of accuracies, as far as there are any; one value as it is."""
    known = [value for value in values if value is not None]
    found = mean_interval(known)
    if found is None:
        return _mean(known)
    return Interval(mean=found.mean, low=max(0.0, found.low), high=min(1.0, found.high))


def _spread(values: Sequence[float]) -> Spread | None:
    if len(values) < 2:  # noqa: PLR2004 - one value has no quartiles
        return Spread(median=values[0], low=None, high=None) if values else None
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median=median, low=low, high=high)
