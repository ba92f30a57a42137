"""Metrics of a search: scores of one training each, luck included, and what the run took."""

from typing import Any

from harness.analysis import aggregation, measures
from harness.analysis.curves.trajectory import anytime, evaluations_to_target, founders_share
from harness.analysis.metric import COST, COUNT, CURRENCY, SEARCH, Metric, Quantity

SEARCH_METRICS = (
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
        note="in search: the selected network's score in {search_training}. Re-trained: the same "
        "network on {fresh_seeds}.",
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
        "{task.score} add much to it. The seed network itself is no part of the front. Median over "
        "runs [quartiles].",
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
        whole=True,
        meaning="evaluations to half the parameters; missing where the run did not get there",
        value=evaluations_to_target,
        table=SEARCH,
        aggregate=aggregation.expected_running_time,
        lower_is_better=True,
        aliases=("evaluations_to_half_size",),
        note="evaluations to half size: evaluations until the first network within {tolerance} of "
        "the {task.validation_score} of the seed network's one training in the search, with at "
        "most {target_size} times its parameters. Expected running time: evaluations of all runs "
        "over the number of runs that found one (in brackets: out of all runs).",
    ),
)


def _usage(name: str, *, spec: str = COUNT, **fields: Any) -> Metric:
    """Return a metric of LLM usage; its value is None if the usage is unknown."""
    return Metric(
        name=name,
        value=lambda run: getattr(run.usage, name) if run.usage else None,
        spec=spec,
        lower_is_better=True,
        **{"aggregate": aggregation.mean_if_known, **fields},
    )


EFFORT_METRICS = (
    Metric(
        name="search_s",
        heading="search s",
        phrase="seconds of training and LLM in the search",
        number_unit="s",
        meaning="training and LLM in the search; missing where one is unknown",
        value=lambda run: run.effort.seconds,
        after=lambda point: point.seconds,
        aggregate=aggregation.mean_if_known,
        lower_is_better=True,
        claimable=False,
        note="search s: seconds of training and of LLM requests for the proposals, as recorded, "
        "added up as if one followed the other; unknown where one is not recorded.",
    ),
    Metric(
        name="search_cost",
        heading="search cost",
        phrase="cost of training and LLM in the search",
        number_unit=CURRENCY,
        meaning="cost of training and LLM answers in the search; missing where one is unknown",
        value=lambda run: run.effort.cost,
        aggregate=aggregation.mean_if_known,
        spec=".4g",
        lower_is_better=True,
        claimable=False,
        note="search cost: of training, by the price of an hour, and of LLM answers for the "
        "proposals; unknown where a price or a number of tokens is. Requests without an answer are "
        "not included.",
    ),
)
"""Metrics of the effort by which arms of different budgets are compared."""

COST_METRICS = (
    Metric(
        name="proposals",
        heading="proposals",
        phrase="proposals",
        whole=True,
        value=lambda run: len(run.candidates),
        table=COST,
        by_llm=True,
        by_generation=True,
        spec=COUNT,
    ),
    Metric(
        name="proposals_per_evaluation",
        heading="proposals per evaluation",
        phrase="proposals per evaluation",
        value=lambda run: len(run.candidates) / run.evaluations if run.evaluations else None,
        table=COST,
        spec=".2f",
        lower_is_better=True,
    ),
    Metric(
        name="valid",
        heading="valid %",
        phrase="valid proposals",
        meaning="share of valid proposals",
        value=lambda run: aggregation.share_of_proposals((), [run]),
        table=COST,
        aggregate=aggregation.share_of_proposals,
        by_llm=True,
        by_generation=True,
        quantity=Quantity.SHARE,
        spec=".0f",
        note="valid %: proposals that passed every gate and trained. The others were refused by "
        "the gates named, also in % of all proposals; extract: the answer had no code that fits, "
        "or left it as it was.",
    ),
    Metric(
        name="same_function",
        heading="same function %",
        phrase="proposals that compute what an earlier network computes",
        meaning="share of proposals that compute what an earlier network computes",
        value=lambda run: run.same_function,
        table=COST,
        aggregate=aggregation.mean_if_known,
        by_llm=True,
        by_generation=True,
        quantity=Quantity.SHARE,
        spec=".0f",
        lower_is_better=True,
        note="same function %: proposals with another source that were recognised as the same "
        "function as an earlier network of the run. They are refused like duplicates of the "
        "source, before training, and charged as no evaluation.",
    ),
    Metric(
        name="evaluations",
        heading="evaluations",
        phrase="evaluations",
        whole=True,
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
        whole=True,
        value=lambda run: len(run.calls),
        table=COST,
        by_llm=True,
        spec=COUNT,
        lower_is_better=True,
    ),
    _usage(
        "prompt_tokens",
        heading="tokens in",
        phrase="tokens in",
        whole=True,
        meaning="tokens of all prompts; missing where an LLM reports none",
        table=COST,
        by_llm=True,
        aggregate=aggregation.tokens_or_characters(lambda call: call.prompt_characters),
        note="tokens: characters where an LLM does not report its tokens.",
    ),
    _usage(
        "completion_tokens",
        heading="tokens out",
        phrase="tokens out",
        whole=True,
        meaning="tokens of all answers; missing where an LLM reports none",
        table=COST,
        by_llm=True,
        aggregate=aggregation.tokens_or_characters(lambda call: call.answer_characters),
    ),
    _usage(
        "cost",
        heading="cost",
        phrase="cost of the LLM",
        number_unit=CURRENCY,
        meaning="cost of all answers; missing where a price is unknown",
        table=COST,
        by_llm=True,
        spec=".4g",
        note="cost: of all answers, in the currency of conf/prices; unknown where an LLM reports "
        "no tokens or had no price there when it answered.",
    ),
    Metric(
        name="train_s",
        heading="training s",
        phrase="seconds of training",
        number_unit="s",
        meaning="all trainings, including those after the search",
        value=lambda run: run.train_s,
        table=COST,
        after=lambda point: point.train_s,
        lower_is_better=True,
        claimable=False,
        note="training s: all trainings, including those of the seed network and those after the "
        "search.",
    ),
    _usage(
        "tokens",
        heading="tokens",
        phrase="tokens, in and out",
        whole=True,
        meaning="tokens of prompts and answers; missing where an LLM reports none",
        after=lambda point: point.tokens,
    ),
    Metric(
        name="characters",
        heading="characters",
        phrase="characters of prompts and answers",
        whole=True,
        value=lambda run: sum(call.characters for call in run.calls.values()),
        after=lambda point: point.characters,
        spec=COUNT,
        lower_is_better=True,
    ),
    *EFFORT_METRICS,
)
"""Metrics of the table of costs, in the order of its columns, sums, and effort."""
