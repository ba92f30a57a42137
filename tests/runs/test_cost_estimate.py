"""What a run would cost, told before anything is spent."""

import re

import pytest

from harness.errors import InputError
from harness.runs.estimates.total_cost import estimate, show_estimates
from tests.conftest import ARMS
from tests.support.commands import run_main


def dry_runs(overrides):
    return [one.played for one in estimate(overrides)]


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_can_be_estimated_without_key_server_or_training(arm):
    overrides = [f"+ablation={arm}", "compare=[]", "budget.evaluations=6"]
    overrides += ["model=openai", "model.name=some-model"]
    if arm == "test_selection":
        overrides.append("search.acknowledge_test_selection=true")
    played = dry_runs(overrides)
    assert played[0].evaluations == 6
    asks = len(played) == 2
    assert (played[0].spent.calls >= 6) == asks
    assert (played[0].spent.cost is None) == asks  # unknown, never zero
    if asks:
        all_valid, few = played
        assert few.spent.calls > all_valid.spent.calls
        assert few.unpriced == {"some-model"}


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_may_mate_equal_parents(arm):
    """As ``rates.mate_identical`` lets it, which the published crossover needs."""
    overrides = [f"ablation={arm}", "compare=[]", "budget.evaluations=8", "budget.proposals=24"]
    overrides += ["model=pool", "rates.mate_identical=true", "rates.p_mate=1", "rates.p_mutate=0"]
    if arm == "test_selection":
        overrides.append("search.acknowledge_test_selection=true")
    assert dry_runs(overrides)


def test_prices_give_costs_and_caps_end_it():
    priced = [
        "compare=[]", "model=openai", "model.name=some-model",
        "+prices={some-model:{prompt:1.0,completion:10.0}}",
    ]  # fmt: skip
    (played, _) = dry_runs(priced)
    spent = played.spent
    assert spent.cost == pytest.approx((spent.prompt_tokens + 10 * spent.completion_tokens) / 1e6)
    assert 600 * spent.calls < spent.completion_tokens < 1400 * spent.calls
    (capped, _) = dry_runs([*priced, f"budget.cost={spent.cost / 2}", "training_price=0"])
    assert capped.ended_by == "cost"
    assert capped.spent.cost <= spent.cost / 2
    (none, _) = dry_runs([*priced, "budget.cost=0.001", "training_price=0", "final.seeds=3"])
    assert (none.evaluations, none.ended_by) == (0, "cost")
    assert none.trainings == 4  # the seed network's, and its re-trainings


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ("completion_tokens=100", "completion_tokens=100 is less than one answer of 1,400 tokens"),
        ("tokens=100", "tokens=100 is less than one answer of 1,400 tokens may take (1,400)"),
        ("cost=0.01", "cost=0.01 is less than one answer of 1,400 tokens may take (0.014)"),
        ("tokens=5000", ""),
        ("cost=0.02", ""),
    ],
)
def test_a_limit_that_one_answer_may_exceed_is_warned_of(limit, told, capsys):
    jobs = [estimate(
        ["compare=[]", "model=openai", "model.name=x", "budget.evaluations=2", f"budget.{limit}",
         "training_price=0", "+prices={x:{prompt:1.0,completion:10.0}}"]
    )]  # fmt: skip
    show_estimates(jobs, sweep=False, workers=2)
    out = " ".join(capsys.readouterr().out.split())
    assert out.count("is less than one answer") == bool(told)
    assert f"full: budget.{told}" in out or not told


def test_a_cap_on_cost_wants_prices():
    with pytest.raises(InputError, match="conf/prices does not know"):
        estimate(
            ["compare=[]", "model=openai", "model.name=x", "budget.cost=1", "training_price=0"]
        )
    with pytest.raises(InputError, match="price of an hour of training, which conf/prices does"):
        dry_runs(["compare=[]", "+ablation=random_mutation", "budget.cost=1"])


def test_durations_are_not_known_beforehand_and_the_most_that_training_costs_is_told(capsys):
    (one,) = estimate(
        ["+ablation=nas", "compare=[]", "budget.seconds=9", "budget.cost=1", "training_price=6",
         "budget.evaluations=4"]
    )  # fmt: skip
    run = one.played
    assert run.evaluations == 4  # as if no limit counted durations
    assert run.training == pytest.approx(4 * 60 / 3600 * 6)
    show_estimates([[one]], sweep=False, workers=2)
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
    assert {run.played.paid for run in runs} == {paid}
    show_estimates([runs], sweep=False, workers=2)
    shown = capsys.readouterr().out
    assert f" {cost} " in shown
    assert ("the price of theirs" in shown) == paid


def test_an_ensemble_is_priced_member_by_member():
    (played, _) = dry_runs(
        ["compare=[]", "model=ensemble", "model.members.first.model.name=some-model"]
    )
    assert played.unpriced == {"some-model", "llama3.2"}


def test_the_command_prints_a_table_and_what_is_unknown():
    done = run_main(
        "ablation=no_eot", "model=openai", "model.name=some-model", module="harness.estimate"
    )
    assert done.returncode == 0, done.stderr
    assert "unknown: the price of some-model; name a file with it, prices=FILE.yaml." in done.stdout
    assert "no_eot, some-model" in " ".join(done.stdout.split())
    assert "Nothing was sent." in done.stdout
    assert "random_mutation" in done.stdout


def test_a_sweep_is_estimated_job_by_job_and_shared_arms_once(monkeypatch):
    monkeypatch.setenv("OPENAI_MODEL", "some-model")
    done = run_main(
        "-m", "model=openai,ollama", "seed=0,1", "compare=[random_mutation]",
        module="harness.estimate",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for label in ("full, seed 0, some-model", "full, seed 1, llama3.2"):
        assert label in " ".join(done.stdout.split())
    assert done.stdout.count("random_mutation, seed 1") == 1


def cells(line):
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_what_is_told_of_an_arm_is_told_once_and_names_the_seeds_that_it_is_true_of(tmp_path):
    done = run_main(
        "-m", "ablation=random_mutation", "compare=[]", "seed=0,1,2", "training_price=3.6",
        "budget.evaluations=4", f"runs_dir={tmp_path}", module="harness.estimate",
    )  # fmt: skip
    told = re.findall(
        r"(random_mutation[^.│]*? the trainings of the search)", " ".join(done.stdout.split())
    )
    assert len(told) == len(set(told))
    assert "random_mutation, 100% valid: the trainings of the search" in told


def test_a_sweep_ends_with_a_total_that_counts_shared_runs_once(tmp_path):
    priced = ["model=openai", "model.name=m", "+prices={m:{prompt:1.0,completion:10.0}}"]
    swept = ["+ablation=no_eot,no_crp", "seed=0", "compare=[full,random_mutation]"]
    done = run_main(
        "-m", *swept, *priced, "budget.evaluations=4", f"runs_dir={tmp_path}", module="harness.estimate"
    )  # fmt: skip
    costs, _, _ = done.stdout.partition("How long it would take")
    *each, whole, few = (cells(line) for line in costs.splitlines() if line.startswith("│"))
    assert [row[0] for row in each if row[1] in {"100%", "–"}] == [
        "no_eot, seed 0, m", "full, seed 0, m", "random_mutation, seed 0", "no_crp, seed 0, m",
    ]  # fmt: skip
    for total, share in ((whole, "100%"), (few, "20%")):
        added = [row for row in each if row[1] in {share, "–"}]
        assert total[:3] == ["all 4 runs", share, str(sum(int(row[2]) for row in added))]
        for i in (5, 6, 7):
            assert int(total[i].replace(",", "")) == sum(int(r[i].replace(",", "")) for r in added)
        assert float(total[8]) == pytest.approx(sum(float(row[8]) for row in added), rel=1e-3)
    assert whole[4] == "up to 56 min"  # 4 runs of 14 trainings of at most a minute
    assert "none is on record in runs_dir" in done.stdout
