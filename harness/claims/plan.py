"""The remaining runs of a reproduction and their estimated cost; runs and sends nothing."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.claims.reproduction import Reproduction
from harness.config.identity import settings_of
from harness.evolution.genome import read_network
from harness.reporting.console import show_table
from harness.runs.estimates.dry_run import DryRun, dry_run
from harness.runs.spec import most_trainings

UNKNOWN = "unknown"
HEADER = [
    "comparison", "claims", "arms", "seeds", "data set", "needs", "runs done", "trainings left",
    "hours of training left", "LLM calls left", "tokens in", "tokens out", "cost",
]  # fmt: skip
_HOUR_S = 3600


def show_plan(reproduction: Reproduction, comparisons: Sequence[str]) -> None:
    """Print arms, seeds and estimated cost of these comparisons, and the commands to run them."""
    rows = [HEADER, *(_row(reproduction, name) for name in comparisons)]
    notes = list(_notes(reproduction, comparisons))
    show_table(rows, title=reproduction.paper.title, notes=notes, text=True)


def _row(reproduction: Reproduction, name: str) -> list[str]:
    plan, evidence = reproduction.plans[name], reproduction.evidence[name]
    left = {arm: len(evidence.missing(arm)) for arm in plan.arms}
    configs = {arm: reproduction.config(name, arm, plan.seeds[0]) for arm in plan.arms}
    dry_runs = {
        arm: dry_run(config, read_network(Path(config.network.path)), share=1.0)
        for arm, config in configs.items()
        if left[arm] and "model" in config.proposer
    }
    trainings = sum(left[arm] * most_trainings(config) for arm, config in configs.items())
    return [
        name,
        str(sum(claim.comparison == name for claim in reproduction.claims)),
        ", ".join(plan.arms),
        ", ".join(map(str, plan.seeds)),
        configs[plan.arms[0]].task["_target_"].rpartition(".")[2],
        ("a GPU" if plan.takes.device == "gpu" else "a CPU")
        + (", an LLM" if plan.takes.llm else ""),
        evidence.done,
        f"at most {trainings:,}" if trainings else "0",
        _hours(reproduction, name, trainings),
        *_spent(dry_runs, left, paid=plan.takes.llm),
    ]


def _hours(reproduction: Reproduction, name: str, trainings: int) -> str:
    """Return the hours of so many trainings, by those on record of the same recipe."""
    plan = reproduction.plans[name]
    if not trainings:
        return "0"
    settings = settings_of(reproduction.config(name, plan.arms[0], plan.seeds[0]))
    alike = {
        run.folder: run
        for evidence in reproduction.evidence.values()
        for run in evidence.found
        if all(run.manifest.settings.get(key) == settings[key] for key in ("recipe", "task"))
        and (run.manifest.machine["device"] == "cpu") == (plan.takes.device == "cpu")
    }.values()
    done = sum(run.trainings.total() for run in alike)
    if done:
        hours = trainings * sum(run.train_s for run in alike) / done / _HOUR_S
        return f"about {hours:.2g}, by {done} on record"
    if plan.takes.hours is not None:
        return f"{plan.takes.hours:.2g} in all"
    return UNKNOWN


def _spent(dry_runs: dict[str, DryRun], left: dict[str, int], *, paid: bool) -> list[str]:
    if not paid or not dry_runs:
        return ["0"] * 4
    calls, tokens_in, tokens_out = (
        sum(left[arm] * getattr(one.spent, name) for arm, one in dry_runs.items())
        for name in ("calls", "prompt_tokens", "completion_tokens")
    )
    costs = [one.spent.cost for one in dry_runs.values()]
    cost = UNKNOWN
    if None not in costs:
        cost = f"{sum(left[arm] * (one.spent.cost or 0) for arm, one in dry_runs.items()):.4g}"
    return [_about(calls), _about(tokens_in), _about(tokens_out), cost]


def _about(count: int) -> str:
    """Return an estimate with two significant digits."""
    return f"{round(count, 2 - len(str(count))):,}"


def _notes(reproduction: Reproduction, comparisons: Sequence[str]) -> Iterator[str]:
    unfinished = []
    if reproduction.changed:
        yield f"Not as planned, but with {', '.join(reproduction.changed)}."
    for name in comparisons:
        evidence = reproduction.evidence[name]
        left_out = (*evidence.damaged, *evidence.left_out)
        yield from (f"{name}, left out: {one}" for one in left_out)
        if not evidence.complete:
            unfinished.append(name)
            yield f"{name}: {evidence.command}"
    if not unfinished:
        yield "All runs are done: show their verdicts with table in place of plan, or with pytest."
        return
    yield (
        "Trainings: one of the seed network, those of the search, and re-trainings on fresh seeds "
        "after it, at least one for each network of the front. Hours assume one training at a "
        f"time; {UNKNOWN} until one run of this recipe is on record. The same command resumes an "
        "interrupted run."
    )
    if any(reproduction.plans[name].takes.llm for name in unfinished):
        yield (
            "LLM: estimated by a dry run with synthetic answers, all valid and as long as allowed. "
            "Refused answers, up to budget.proposals, come on top. Cost is in the currency of "
            "your prices; prices=FILE.yaml names a file with them."
        )
