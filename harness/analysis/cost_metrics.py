"""Metrics of what a run took: proposals, evaluations, LLM usage, training time."""

from typing import Any

from harness.analysis import aggregation
from harness.analysis.effort.spent import total_effort
from harness.analysis.metric import COST, COUNT, Metric, Quantity


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
        value=lambda run: total_effort(run).seconds,
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
        value=lambda run: total_effort(run).cost,
        aggregate=aggregation.mean_if_known,
        spec=".4g",
        lower_is_better=True,
        claimable=False,
        note="search cost: of training, by the price of an hour, and of LLM answers for the "
        "proposals; unknown where a price or a number of tokens is.",
    ),
)
"""Metrics of the effort by which arms of different budgets are compared."""

COST_METRICS = (
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
        name="same_function",
        heading="same function %",
        phrase="proposals that compute what an earlier network computes",
        value=lambda run: run.same_function,
        table=COST,
        aggregate=aggregation.mean_if_known,
        by_llm=True,
        by_generation=True,
        quantity=Quantity.SHARE,
        spec=".0f",
        lower_is_better=True,
        note="same function %: proposals with another source that compute and learn the same as an "
        "earlier network of the run. They are refused like duplicates of the source, before "
        "training, and charged as no evaluation.",
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
    _usage(
        "prompt_tokens",
        heading="tokens in",
        phrase="tokens in",
        table=COST,
        by_llm=True,
        aggregate=aggregation.tokens_or_characters(lambda call: call.prompt_characters),
        note="tokens: characters where an LLM does not report its tokens.",
    ),
    _usage(
        "completion_tokens",
        heading="tokens out",
        phrase="tokens out",
        table=COST,
        by_llm=True,
        aggregate=aggregation.tokens_or_characters(lambda call: call.answer_characters),
    ),
    _usage(
        "cost",
        heading="cost",
        phrase="cost of the LLM",
        table=COST,
        by_llm=True,
        spec=".4g",
        note="cost: of all answers, in the currency of conf/prices; unknown where an LLM reports "
        "no tokens or has no price there.",
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
        name="characters",
        heading="characters",
        phrase="characters of prompts and answers",
        value=lambda run: sum(call.characters for call in run.calls.values()),
        after=lambda point: point.characters,
        spec=COUNT,
        lower_is_better=True,
    ),
    *EFFORT_METRICS,
)
"""Metrics of the table of costs, in the order of its columns, sums, and effort."""
