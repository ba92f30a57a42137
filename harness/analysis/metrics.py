"""The registry of metrics: every number that tables, figures and claims give of a run.

A new entry of ``METRICS`` is a column of its table, a key in CSV and JSON, an axis for figures and
a name that ``claims.yaml`` accepts. Texts are templates: ``{task.score}`` and the like stand for
the words of the task (``harness.tasks.base.Wording``).
"""

from collections.abc import Sequence

from harness.analysis import aggregation, measures
from harness.analysis.cost_metrics import COST_METRICS
from harness.analysis.curves.trajectory import anytime, evaluations_to_target, founders_share
from harness.analysis.metric import RESULTS, SEARCH, Metric, Quantity
from harness.analysis.run_result import RunResult
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


def comparable_metric(name: str, wording: Wording, *, setting: str = "--measure") -> Metric:
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
    raise InputError(f"{setting}: expected one of {', '.join(comparable_metrics())}, got {name}.")


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


_MEASURES = (
    Metric(
        name="saved",
        relevant=0.15,  # 29 % fewer parameters: half of a halving, or layers 16 % narrower
        heading="saved: decades of parameters [quartiles]",
        phrase="decades of parameters saved",
        value=measures.saved,
        table=RESULTS,
        aggregate=aggregation.median_with_quartiles,
        spec=".3f",
        comparable=True,
        counts_size=True,
        of_whole=True,
        note="saved: log10 of the seed network's parameters over the selected network's, if its "
        "{task.test_score}, re-trained on {final_seeds} fresh seeds, is at most {margin} below the "
        "seed network's; else 0. 0.301 is half the parameters, 1 a tenth. Median over runs "
        "[quartiles]. selected: the smallest network of a run's front within {tolerance} of the "
        "{threshold}, or the {task.best} where none is. {test_split}",
    ),
    Metric(
        name="saves",
        heading="runs that save % [95 % CI]",
        phrase="share of runs that save parameters",
        value=measures.saves,
        table=RESULTS,
        aggregate=aggregation.share_with_interval,
        quantity=Quantity.SHARE,
        spec=".0f",
        of_whole=True,
        note="runs that save: those in which saved is above 0, with the interval of Clopper and "
        "Pearson.",
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
        "Student's 95 % interval over runs. For the seed network: over all its re-trainings. One "
        "run has no interval.",
    ),
    Metric(
        name="parameters",
        heading="selected: parameters",
        phrase="parameters of the selected network",
        value=measures.selected_parameters,
        table=RESULTS,
        aggregate=aggregation.median,
        of_seed=lambda run: [run.seed_objectives.n_params],
        by_generation=True,
        lower_is_better=True,
        of_whole=True,
        note="parameters: median over runs.",
    ),
    Metric(
        name="small_test_score",
        heading="best within seed size: test {task.short} {task.unit}",
        phrase="{task.test_score} of the best network of at most the seed network's size",
        value=measures.best_small_test_score,
        table=RESULTS,
        of_seed=lambda run: run.finals.get("seed", ()),
        quantity=Quantity.SCORE,
        comparable=True,
        counts_size=True,
        of_whole=True,
        note="best within seed size: of a run's front, the network of at most the seed network's "
        "size that the search scored best, re-trained once ({final_seeds} times if it is the "
        "selected one). Mean over runs.",
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
        "selected one are re-trained once each. 1 is the seed network's {task.test_score} with a "
        "hundredth of its parameters. Median over runs [quartiles].",
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
        note="training time: mean of the re-trainings, in multiples of the seed network's in the "
        "same run, on a machine that may do other work. Median over runs.",
    ),
    Metric(
        name="best_validation",
        heading="best val. {task.short} {task.unit}",
        phrase="best {task.validation_score}",
        value=measures.best_score,
        table=SEARCH,
        of_seed=lambda run: [run.seed_objectives.score],
        within_size=measures.best_score,
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
        value=measures.selected_search_score,
        table=SEARCH,
        of_seed=lambda run: [run.seed_objectives.score],
        quantity=Quantity.SCORE,
        aliases=("pick_in_search",),
        of_whole=True,
        note="in search: the selected network's score in the one training that selected it, luck "
        "included. Re-trained: the same network on {final_seeds} fresh seeds.",
    ),
    Metric(
        name="selected_retrained_score",
        heading="selected: val. {task.short} {task.unit}, re-trained",
        phrase="{task.validation_score} of the selected network, re-trained",
        value=measures.selected_retrained_score,
        table=SEARCH,
        of_seed=lambda run: run.retrained.get("seed", ()),
        quantity=Quantity.SCORE,
        aliases=("pick_retrained",),
        of_whole=True,
    ),
    Metric(
        name="hypervolume",
        heading="hypervolume [quartiles]",
        phrase="hypervolume",
        value=lambda run: run.hypervolume,
        table=SEARCH,
        aggregate=aggregation.median_with_quartiles,
        of_seed=lambda run: [run.hypervolume_of([run.seed_objectives])],
        by_generation=True,
        after=lambda point: point.hypervolume,
        spec=".3f",
        comparable=True,
        counts_size=True,
        note="hypervolume: the area of {task.score} and size that a run's front dominates, in "
        "{task.score} above chance times decades of parameters, up to the reference point of "
        "{chance} and {most_params} parameters. Higher is better. Tiny networks of little "
        "{task.score} add much to it. Median over runs [quartiles].",
    ),
    Metric(
        name="founders_share",
        heading="gain of the founders %",
        phrase="share of the gain that the founders have",
        value=founders_share,
        table=SEARCH,
        aggregate=aggregation.median,
        quantity=Quantity.SHARE,
        spec=".0f",
        note="gain of the founders %: the share of the search's gain in hypervolume over the seed "
        "network that children without another parent than the seed network have, changes of it "
        "or random samples. Later children have the rest. They would have some without evolution, "
        "too, and the more, the longer a run: compare with independent samples (iid_sampling, "
        "random_search) of the same budget. Median over the runs that gained and have later "
        "children.",
    ),
    Metric(
        name="anytime",
        heading="anytime hypervolume",
        phrase="anytime hypervolume",
        value=anytime,
        table=SEARCH,
        aggregate=aggregation.median,
        spec=".3f",
        comparable=True,
        counts_size=True,
        aliases=("anytime_hypervolume",),
        of_whole=True,
        note="anytime hypervolume: the mean hypervolume over the evaluations of the budget, so "
        "earlier discoveries count more. Median over runs.",
    ),
    Metric(
        name="to_target",
        heading="evaluations to half size",
        phrase="evaluations to half size",
        value=evaluations_to_target,
        table=SEARCH,
        aggregate=aggregation.expected_running_time,
        lower_is_better=True,
        aliases=("evaluations_to_half_size",),
        note="evaluations to half size: evaluations until the first network within {tolerance} of "
        "the seed network's {task.validation_score} with at most {target_size} times its "
        "parameters, by the score of the search. Expected running time: evaluations of all runs "
        "over the number of runs that found one (in brackets: out of all runs).",
    ),
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
METRICS = {one.name: one for one in (*_MEASURES, *COST_METRICS)}
"""All metrics by name."""
TIME_COLUMNS = ("train_s", "time_ratio", "search_s", "search_cost")
"""Metrics in which two runs of the same configuration may differ."""
