"""What a run would cost, told before anything is spent."""

import pytest

from harness.errors import InputError
from harness.runs.cost_estimate import estimate, show_estimates
from tests.conftest import ARMS
from tests.support.commands import run_main


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_can_be_estimated_without_key_server_or_training(arm):
    overrides = [f"+ablation={arm}", "compare=[]", "model=openai", "budget.evaluations=6"]
    if arm == "test_selection":
        overrides.append("search.acknowledge_test_selection=true")
    played = estimate(overrides)
    assert played[0].evaluations == 6
    asks = len(played) == 2
    assert (played[0].spent.calls >= 6) == asks
    assert (played[0].spent.cost is None) == asks  # unknown, never zero
    if asks:
        all_valid, few = played
        assert few.spent.calls > all_valid.spent.calls
        assert few.unpriced == {"gpt-4o-mini"}


def test_prices_give_costs_and_caps_end_it():
    priced = [
        "compare=[]", "model=openai", "model.name=some-model",
        "+prices={some-model:{prompt:1.0,completion:10.0}}",
    ]  # fmt: skip
    (played, _) = estimate(priced)
    spent = played.spent
    assert spent.cost == pytest.approx((spent.prompt_tokens + 10 * spent.completion_tokens) / 1e6)
    assert 600 * spent.calls < spent.completion_tokens < 1400 * spent.calls
    (capped, _) = estimate([*priced, f"budget.cost={spent.cost / 2}", "training_price=0"])
    assert capped.ended_by == "cost"
    assert capped.spent.cost <= spent.cost / 2


def test_a_cap_on_cost_wants_prices():
    with pytest.raises(InputError, match="conf/prices does not know"):
        estimate(["compare=[]", "model=openai", "budget.cost=1", "training_price=0"])
    with pytest.raises(InputError, match="price of an hour of training, which conf/prices does"):
        estimate(["compare=[]", "+ablation=random_mutation", "budget.cost=1"])


def test_durations_are_not_known_beforehand_and_the_most_that_training_costs_is_told(capsys):
    (run,) = estimate(
        ["+ablation=nas", "compare=[]", "budget.seconds=9", "budget.cost=1", "training_price=6",
         "budget.evaluations=4"]
    )  # fmt: skip
    assert run.evaluations == 4  # as if no limit counted durations
    assert run.training == pytest.approx(4 * 60 / 3600 * 6)
    show_estimates([[run]], sweep=False)
    told = " ".join(capsys.readouterr().out.split())
    assert "Not applied: budget.seconds. Durations are not known before a run" in told
    assert "the trainings of the search cost at most 0.4 more" in told


def test_what_answers_from_a_record_costs_nothing():
    done = run_main("compare=[]", module="harness.estimate")
    assert "calls to this model cost nothing" in done.stdout
    assert "unknown" not in done.stdout


class PaidElsewhere:
    """A third party's model, which does not say whether its calls cost money."""

    def __init__(self, *, name):
        self.name = name


class FreeElsewhere(PaidElsewhere):
    is_paid = False


@pytest.mark.parametrize(
    ("model", "paid", "cost"),
    [("PaidElsewhere", True, "unknown"), ("FreeElsewhere", False, "–")],
)
def test_a_third_party_s_model_is_paid_unless_its_class_says_otherwise(model, paid, cost, capsys):
    target = f"model._target_={__name__}.{model}"
    config = ["compare=[]", "model=exchange", "~model.folder", "~model.settle_s", target]
    runs = estimate([*config, "model.name=theirs"])
    assert {run.paid for run in runs} == {paid}
    show_estimates([runs], sweep=False)
    shown = capsys.readouterr().out
    assert f" {cost} " in shown
    assert ("the price of theirs" in shown) == paid


def test_an_ensemble_is_priced_member_by_member():
    (played, _) = estimate(["compare=[]", "model=ensemble"])
    assert played.unpriced == {"gpt-4o-mini", "llama3.2"}


def test_the_command_prints_a_table_and_what_is_unknown():
    done = run_main("+ablation=no_eot", "model=openai", module="harness.estimate")
    assert done.returncode == 0, done.stderr
    assert "unknown: the price of gpt-4o-mini; fill in conf/prices/mine.yaml." in done.stdout
    assert "Nothing was sent." in done.stdout
    assert "random_mutation" in done.stdout


def test_a_sweep_is_estimated_job_by_job_and_shared_arms_once():
    done = run_main(
        "-m", "model=openai,ollama", "seed=0,1", "compare=[random_mutation]",
        module="harness.estimate",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for label in ("full, seed 0, gpt-4o-mini", "full, seed 1, llama3.2"):
        assert label in " ".join(done.stdout.split())
    assert done.stdout.count("random_mutation, seed 1") == 1
