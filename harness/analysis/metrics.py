"""The registry of metrics: every number that tables, figures and claims give of a run.

A new entry of ``METRICS`` is a column of its table, a key in CSV and JSON, an axis for figures and
a name that ``claims.yaml`` accepts. Texts are templates: ``{task.score}`` and the like stand for
the words of the task (``harness.tasks.base.Wording``).
"""

from collections.abc import Sequence

from harness.analysis import aggregation, measures
from harness.analysis.metric import RESULTS, Metric, Quantity
from harness.analysis.run_result import RunResult
from harness.analysis.search_metrics import COST_METRICS, SEARCH_METRICS
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


def comparable_metric(name: str, wording: Wording, *, setting: str = "measure") -> Metric:
    """Return a metric that arms can be compared by.

    Args:
        name: Its name, an alias, or either with the task's word for the score, as
            ``test_accuracy``.
        wording: The task's words.
        setting: Where the name was given, for the message.

    Raises:
        InputError: No such metric.
    """
    for one in METRICS.values():
        if one.comparable and one.is_named(name, wording):
            return one
    known = ", ".join(METRICS[one].names(wording.score) for one in comparable_metrics())
    raise InputError(f"{setting}: expected one of {known}, got {name}.")


def comparison_metric(
    name: str | None, primary: str, runs: Sequence[RunResult], wording: Wording
) -> Metric:
    """Return the metric by which arms are compared.

    Args:
        name: Its name; by default the primary measure, or for runs that lost that by a cut the
            hypervolume of the search.
        primary: Name of the primary measure.
        runs: Finished runs of the arms to compare.
        wording: The task's words.

    Raises:
        InputError: No such metric, or a cut left some of the runs without it.
    """
    chosen = comparable_metric(name or primary, wording)
    if not any(map(chosen.is_lost, runs)):
        return chosen
    if name is None:
        return METRICS["hypervolume"]
    known = [
        one.name for one in METRICS.values() if one.comparable and not any(map(one.is_lost, runs))
    ]
    raise InputError(
        f"--measure: expected a metric that all cut runs have, one of {', '.join(known)}, got "
        f"{name}. The networks that count at the cut were not all re-trained."
    )


def claimable_metrics() -> list[str]:
    """Return the names of the metrics that can be claimed."""
    return [name for name, one in METRICS.items() if one.claimable]


_RESULTS = (
    Metric(
        name="saved",
        relevant=measures.RELEVANT_SAVING,
        neither="neither saves",
        heading="saved: decades of parameters [quartiles]",
        phrase="decades of parameters saved",
        number_unit="decades",
        value=measures.saved,
        table=RESULTS,
        aggregate=aggregation.median_with_quartiles,
        spec=".3f",
        comparable=True,
        counts_size=True,
        of_whole=True,
        note="saved: log10 of the seed network's parameters over the selected network's, if its "
        "{task.test_score}, re-trained on {fresh_seeds}, is at most {margin} below the "
        "seed network's; else 0. 0.301 is half the parameters, 1 a tenth. Median over runs "
        "[quartiles]. selected: the smallest network of a run's front within {tolerance} of the "
        "{threshold}, or the {task.best} where none is. {test_split}",
    ),
    Metric(
        name="saves",
        heading="runs with a relevant saving % [95 % CI]",
        phrase="share of runs with a relevant saving",
        meaning="1 where saved is at least the least difference that matters, else 0",
        value=measures.saves,
        table=RESULTS,
        aggregate=aggregation.share_with_interval,
        quantity=Quantity.SHARE,
        spec=".0f",
        of_whole=True,
        note="runs with a relevant saving: those in which saved is at least {relevant_saving}, the "
        "least difference that matters; interval of Clopper and Pearson.",
    ),
    Metric(
        name="test_score",
        heading="selected: test {task.short} {task.unit} [95 % CI]",
        phrase="{task.test_score} of the selected network",
        value=measures.selected_test_score,
        partial=measures.lacks_retrainings,
        table=RESULTS,
        aggregate=aggregation.mean_with_interval,
        of_seed=lambda run: run.finals.get("seed", ()),
        within_size=measures.small_test_score,
        quantity=Quantity.SCORE,
        comparable=True,
        of_whole=True,
        note="test {task.short} {task.unit}: mean over runs of the mean over re-trainings, with "
        "Student's 95 % interval over runs. For the seed network: over all its re-trainings. No "
        "interval is given for one run or for equal values. A failed re-training is left out of "
        "the mean; where arms are compared, its run counts as worse than any.",
    ),
    Metric(
        name="parameters",
        heading="selected: parameters",
        phrase="parameters of the selected network",
        whole=True,
        value=measures.selected_parameters,
        table=RESULTS,
        aggregate=aggregation.median,
        of_seed=lambda run: [run.seed_objectives.n_params],
        by_generation=True,
        lower_is_better=True,
        of_whole=True,
        note="parameters: median over runs. This and the other columns of the selected network "
        "include runs in which it fails the margin (saved is 0).",
    ),
    Metric(
        name="small_test_score",
        heading="best within seed size: test {task.short} {task.unit} [quartiles]",
        phrase="{task.test_score} of the best network of at most the seed network's size",
        value=measures.best_small_test_score,
        partial=measures.lacks_small_retrainings,
        table=RESULTS,
        aggregate=aggregation.median_with_quartiles,
        of_seed=lambda run: run.finals.get("seed", ()),
        quantity=Quantity.SCORE,
        comparable=True,
        counts_size=True,
        of_whole=True,
        note="best within seed size: of a run's front, the network of at most the seed network's "
        "size that the search scored best, re-trained once ({final_times} if it is the "
        "selected one). Median over runs [quartiles], for the seed network over all its "
        "re-trainings. A run in which that re-training failed is left out of the median. Where "
        "arms are compared, it counts as worse than any other.",
    ),
    Metric(
        name="test_hypervolume",
        heading="test hypervolume [quartiles]",
        phrase="hypervolume on test examples",
        value=measures.retrained_hypervolume,
        table=RESULTS,
        aggregate=aggregation.median_with_quartiles,
        spec=".3f",
        comparable=True,
        counts_size=True,
        of_whole=True,
        note="test hypervolume: at each size up to the seed network's, the {task.test_score} of "
        "the network of at most that size that the search scored best, above {useful} below the "
        "seed network's; the area of these over decades of parameters. Networks other than the "
        "selected one are re-trained once each; where that failed, there is no area. 1 is the seed "
        "network's {task.test_score} with a hundredth of its parameters. Median over runs "
        "[quartiles].",
    ),
    Metric(
        name="flops_ratio",
        heading="selected: FLOPs, × the seed's",
        phrase="FLOPs of the selected network, in multiples of the seed network's",
        value=measures.flops_ratio,
        table=RESULTS,
        aggregate=aggregation.median,
        of_seed=lambda run: [] if run.seed_flops is None else [1.0],
        spec=".2f",
        lower_is_better=True,
        of_whole=True,
        note="FLOPs: of one {task.example}, counted by the audit, in multiples of the seed "
        "network's in the same run. Median over runs.",
    ),
    Metric(
        name="time_ratio",
        heading="selected: training time, × the seed's",
        phrase="training time of the selected network, in multiples of the seed network's",
        value=measures.time_ratio,
        table=RESULTS,
        aggregate=aggregation.median,
        of_seed=lambda _: [1.0],
        spec=".2f",
        lower_is_better=True,
        claimable=False,
        of_whole=True,
        note="training time: mean of the re-trainings, in multiples of the seed network's, which "
        "another run may have trained at another time, on a machine that may do other work. Median "
        "over runs.",
    ),
)
_WITHOUT_A_COLUMN = (
    Metric(
        name="test_gain",
        heading="gain of test {task.short}",
        phrase="{task.test_score} of the selected network less the seed network's",
        value=lambda run: measures.less_seed_network(measures.selected_test_score(run), run),
        within_size=lambda run, n: measures.less_seed_network(
            measures.small_test_score(run, n), run
        ),
        of_whole=True,
        quantity=Quantity.SCORE,
        signed=True,
    ),
    Metric(
        name="seed_parameters",
        heading="seed network: parameters",
        phrase="parameters of the seed network",
        whole=True,
        value=lambda run: run.seed_objectives.n_params,
        lower_is_better=True,
    ),
    Metric(
        name="seed_test_score",
        heading="seed network: test {task.short} {task.unit}",
        phrase="{task.test_score} of the seed network",
        value=measures.seed_test_score,
        quantity=Quantity.SCORE,
    ),
)
METRICS = {one.name: one for one in (*_RESULTS, *SEARCH_METRICS, *_WITHOUT_A_COLUMN, *COST_METRICS)}
"""All metrics by name."""
TIME_COLUMNS = ("train_s", "time_ratio", "search_s", "search_cost")
"""Metrics in which two runs of the same configuration may differ."""
