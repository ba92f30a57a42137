"""The registry of metrics: every number that tables, figures and claims give of a run.

A new entry of ``METRICS`` is a column of its table, a key in CSV and JSON, an axis for figures and
a name that ``claims.yaml`` accepts. Texts are templates: ``{task.score}`` and the like stand for
the words of the task (``harness.tasks.base.Wording``).
"""

from typing import Any

from harness.analysis import aggregation
from harness.analysis.metric import COST, COUNT, RESULTS, Metric, Quantity
from harness.analysis.run_result import RunResult
from harness.analysis.statistics.intervals import mean
from harness.analysis.trajectory import anytime, evaluations_to_target
from harness.errors import InputError
from harness.tasks.base import Wording


def metric(name: str) -> Metric:
    """Return a metric by its name or an alias; InputError for an unknown name."""
    found = METRICS.get(name) or next((m for m in METRICS.values() if name in m.aliases), None)
    if found is None:
        raise InputError(f"expected a metric, one of {', '.join(METRICS)}, got {name}.")
    return found


def metrics_of(table: str) -> list[Metric]:
    """Return the metrics of a table, in the order of its columns."""
    return [one for one in METRICS.values() if one.table == table]


def comparable_metrics() -> list[str]:
    """Return the names of the metrics that arms can be compared by."""
    return [name for name, one in METRICS.items() if one.comparable]


def comparable_metric(name: str, wording: Wording) -> Metric:
    """Return a metric that arms can be compared by.

    Args:
        name: Its name, an alias, or either with the task's word for the score, as
            ``test_accuracy``.
        wording: The task's words.

    Raises:
        InputError: No such metric.
    """
    canonical = name.replace(wording.score, "score")
    for one in METRICS.values():
        if one.comparable and canonical in {one.name, *one.aliases}:
            return one
    raise InputError(f"--measure: expected one of {', '.join(comparable_metrics())}, got {name}.")


def claimable_metrics() -> list[str]:
    """Return the names of the metrics that can be claimed."""
    return [name for name, one in METRICS.items() if one.claimable]


def _best_score(run: RunResult, most_params: int | None = None) -> float | None:
    """Return the best validation score; a search that saw the test split has none of its own."""
    return None if run.saw_test_data else run.best_score(most_params)


def _selected_in_search(run: RunResult) -> float | None:
    if run.saw_test_data or run.selected is None or run.selected.objectives is None:
        return None
    return run.selected.objectives.score


def _selected_retrained(run: RunResult) -> float | None:
    return mean(run.retrained.get(run.selected.step, ())) if run.selected else None


def _selected_size(run: RunResult) -> float | None:
    return run.selected.objectives.n_params if run.selected and run.selected.objectives else None


def _test_score(run: RunResult) -> float | None:
    return mean(run.finals.get(run.selected.step, ())) if run.selected else None


def _test_score_within(run: RunResult, most_params: int) -> float | None:
    """Return the test score of the small network that re-trains best on the validation split."""
    able = {
        candidate.step: score
        for candidate in run.front
        if candidate.objectives and candidate.objectives.n_params <= most_params
        if (score := mean(run.retrained.get(candidate.step, ()))) is not None
        if run.finals.get(candidate.step)
    }
    return mean(run.finals[max(able, key=lambda step: able[step])]) if able else None


def _seed_test_score(run: RunResult) -> float | None:
    return mean(run.finals.get("seed", ()))


def _less_seed_network(score: float | None, run: RunResult) -> float | None:
    seed = _seed_test_score(run)
    return None if score is None or seed is None else score - seed


def _usage(name: str, *, spec: str = COUNT, **fields: Any) -> Metric:
    """Return a metric of LLM usage; its value is None if the usage is unknown."""
    return Metric(
        name=name,
        value=lambda run: getattr(run.usage, name) if run.usage else None,
        aggregate=aggregation.mean_if_known,
        spec=spec,
        lower_is_better=True,
        **fields,
    )


_ALL = (
    Metric(
        name="best_validation",
        heading="best val. {task.short} {task.unit}",
        phrase="best {task.validation_score}",
        value=_best_score,
        table=RESULTS,
        of_seed=lambda run: [run.seed_objectives.score],
        within_size=_best_score,
        by_generation=True,
        after=lambda point: point.best,
        quantity=Quantity.SCORE,
        aliases=("best_score",),
        note="best val. {task.short} {task.unit}: the best {task.validation_score} that the search "
        "found among networks of at most the seed network's size, without the seed network "
        "itself; selection luck included. Mean over runs.",
    ),
    Metric(
        name="selected_search_score",
        heading="selected: val. {task.short} {task.unit}, in search",
        phrase="{task.validation_score} of the selected network in the search",
        value=_selected_in_search,
        table=RESULTS,
        of_seed=lambda run: [run.seed_objectives.score],
        quantity=Quantity.SCORE,
        aliases=("pick_in_search",),
        note="selected: the smallest network of a run's front within {tolerance} of the seed "
        "network's {task.validation_score}, or the {task.best} where none is. In search: its score "
        "in the one training that selected it, luck included. Re-trained: the same network on "
        "{final_seeds} fresh seeds. {test_split}",
    ),
    Metric(
        name="selected_retrained_score",
        heading="selected: val. {task.short} {task.unit}, re-trained",
        phrase="{task.validation_score} of the selected network, re-trained",
        value=_selected_retrained,
        table=RESULTS,
        of_seed=lambda run: run.retrained.get("seed", ()),
        quantity=Quantity.SCORE,
        aliases=("pick_retrained",),
    ),
    Metric(
        name="test_score",
        heading="selected: test {task.short} {task.unit} [95 % CI]",
        phrase="{task.test_score} of the selected network",
        value=_test_score,
        table=RESULTS,
        aggregate=aggregation.mean_with_interval,
        of_seed=lambda run: run.finals.get("seed", ()),
        within_size=_test_score_within,
        quantity=Quantity.SCORE,
        comparable=True,
        note="test {task.short} {task.unit}: mean over runs of the mean over re-trainings, with "
        "Student's 95 % interval over runs. For the seed network: over all its re-trainings. One "
        "run has no interval.",
    ),
    Metric(
        name="parameters",
        heading="selected: parameters",
        phrase="parameters of the selected network",
        value=_selected_size,
        table=RESULTS,
        aggregate=aggregation.median,
        of_seed=lambda run: [run.seed_objectives.n_params],
        by_generation=True,
        lower_is_better=True,
        note="parameters: median over runs.",
    ),
    Metric(
        name="hypervolume",
        heading="hypervolume [quartiles]",
        phrase="hypervolume",
        value=lambda run: run.hypervolume,
        table=RESULTS,
        aggregate=aggregation.median_with_quartiles,
        of_seed=lambda run: [run.hypervolume_of([run.seed_objectives])],
        by_generation=True,
        after=lambda point: point.hypervolume,
        spec=".3f",
        comparable=True,
        note="hypervolume: the area of {task.score} and size that a run's front dominates, in "
        "{task.score} above chance times decades of parameters, up to the reference point of "
        "{chance} and {most_params} parameters. Higher is better. Median over runs [quartiles].",
    ),
    Metric(
        name="anytime",
        heading="anytime hypervolume",
        phrase="anytime hypervolume",
        value=anytime,
        table=RESULTS,
        aggregate=aggregation.median,
        spec=".3f",
        comparable=True,
        aliases=("anytime_hypervolume",),
        note="anytime hypervolume: the mean hypervolume over the evaluations of the budget, so "
        "earlier discoveries count more. Median over runs.",
    ),
    Metric(
        name="to_target",
        heading="evaluations to half size",
        phrase="evaluations to half size",
        value=evaluations_to_target,
        table=RESULTS,
        aggregate=aggregation.expected_running_time,
        lower_is_better=True,
        aliases=("evaluations_to_half_size",),
        note="evaluations to half size: evaluations until the first network within {tolerance} of "
        "the seed network's {task.validation_score} with at most {target_size} times its "
        "parameters, by the score of the search. Expected running time: evaluations of all runs "
        "over the number of runs that found one (in brackets: out of all runs).",
    ),
    Metric(
        name="proposals",
        heading="proposals",
        phrase="proposals",
        value=lambda run: len(run.candidates),
        table=COST,
        by_llm=True,
        by_generation=True,
        spec=COUNT,
    ),
    Metric(
        name="valid",
        heading="valid %",
        phrase="valid proposals",
        value=lambda run: aggregation.share_of_proposals((), [run]),
        table=COST,
        aggregate=aggregation.share_of_proposals,
        by_llm=True,
        by_generation=True,
        quantity=Quantity.SHARE,
        spec=".0f",
        note="valid %: proposals that passed every gate and trained. The others were refused by "
        "the gates named, also in % of all proposals.",
    ),
    Metric(
        name="evaluations",
        heading="evaluations",
        phrase="evaluations",
        value=lambda run: run.evaluations,
        table=COST,
        by_generation=True,
        after=lambda point: point.evaluations,
        spec=COUNT,
    ),
    Metric(
        name="calls",
        heading="LLM calls",
        phrase="LLM calls",
        value=lambda run: len(run.calls),
        table=COST,
        by_llm=True,
        spec=COUNT,
        lower_is_better=True,
    ),
    _usage("prompt_tokens", heading="tokens in", phrase="tokens in", table=COST, by_llm=True),
    _usage("completion_tokens", heading="tokens out", phrase="tokens out", table=COST, by_llm=True),
    _usage(
        "cost",
        heading="cost",
        phrase="cost of the LLM",
        table=COST,
        by_llm=True,
        spec=".4g",
        note="cost: of all answers, in the currency of conf/prices.",
    ),
    Metric(
        name="train_s",
        heading="training s",
        phrase="seconds of training",
        value=lambda run: run.train_s,
        table=COST,
        after=lambda point: point.train_s,
        lower_is_better=True,
        claimable=False,
        note="training s: all trainings, including those of the seed network and those after the "
        "search.",
    ),
    _usage(
        "tokens", heading="tokens", phrase="tokens, in and out", after=lambda point: point.tokens
    ),
    Metric(
        name="test_gain",
        heading="gain of test {task.short}",
        phrase="{task.test_score} of the selected network less the seed network's",
        value=lambda run: _less_seed_network(_test_score(run), run),
        within_size=lambda run, n: _less_seed_network(_test_score_within(run, n), run),
        quantity=Quantity.SCORE,
        signed=True,
    ),
    Metric(
        name="seed_parameters",
        heading="seed network: parameters",
        phrase="parameters of the seed network",
        value=lambda run: run.seed_objectives.n_params,
        lower_is_better=True,
    ),
    Metric(
        name="seed_test_score",
        heading="seed network: test {task.short} {task.unit}",
        phrase="{task.test_score} of the seed network",
        value=_seed_test_score,
        quantity=Quantity.SCORE,
    ),
)
METRICS = {one.name: one for one in _ALL}
"""All metrics by name."""
TIME_COLUMNS = ("train_s",)
"""Metrics in which two runs of the same configuration may differ."""
