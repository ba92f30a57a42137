"""Runs that a number of seconds or a sum of money ends: what counts, and that replays follow."""

import time
from dataclasses import replace

import pytest

from harness.analysis.loading import read_run
from harness.config.compose import compose
from harness.errors import InputError, MachineError
from harness.llm.offline import Scripted
from harness.record.archive import write_archive
from harness.record.events import CallAnswered
from harness.record.journal import read_events
from harness.runs.recorded_run import load_recorded
from harness.runs.replay import replay
from tests.conftest import told
from tests.support.backends import ImaginedTrainings, complete_folders
from tests.support.llm_server import serving, thinks

HERE = "tests.runs.test_budgets"
SHORT = ("compare=[]", "display=plain", "final.seeds=1", "final.hall_of_fame=1")


def mutation(folder, *overrides):
    return compose(["+ablation=random_mutation", *SHORT, f"runs_dir={folder}", *overrides])


def completed(*configs):
    return complete_folders(list(configs), ImaginedTrainings())


class Dated:
    """A scripted model whose answers took as many seconds as it says; it dies when told to."""

    dies_at: int | None = None
    asked = 0

    def __init__(self, *, seconds):
        self._inner, self._seconds = Scripted(answers=["no code"]), seconds

    def complete(self, request, meter):
        type(self).asked += 1
        if type(self).asked == type(self).dies_at:
            meter.sending(asked="scripted")
            raise MachineError("the process dies here")
        completion = self._inner.complete(request, meter)
        text = f"```python\nclass {request.segment}:\n    of = '{request.step}'\n```"
        return replace(completion, text=text, latency_s=self._seconds, finish_reason="stop",
                       prompt_tokens=100, completion_tokens=10)  # fmt: skip


def guided(folder, *overrides, seconds=10.0):
    config = compose([
        *SHORT, f"runs_dir={folder}", "sizes.founders=2", "sizes.offspring=2", "llm_workers=2",
        "study=null", *overrides,
    ])  # fmt: skip
    config.model = {"_target_": f"{HERE}.Dated", "seconds": seconds}
    config.proposer["model"] = config.model
    return config


def test_seconds_end_a_run_at_most_one_generation_late_and_a_replay_follows(tmp_path):
    (folder,) = completed(mutation(tmp_path / "runs", "budget.seconds=20", "sizes.offspring=3",
                                   "budget.evaluations=40"))  # fmt: skip
    run = read_run(folder)
    spent = run.effort.seconds
    assert run.evaluations < 40
    assert 20 <= spent < 20 + 4 * 9
    last = max(c.step.partition(".")[0] for c in run.candidates)
    before = [c.train_s for c in run.candidates if not c.step.startswith(last)]
    assert sum(before) < 20
    write_archive(folder, tmp_path / "run.zip")
    (recorded,) = load_recorded([tmp_path / "run.zip"])
    again = replay(recorded, tmp_path / "replayed")
    assert told(again.folder) == told(folder)


def test_training_costs_what_an_hour_of_it_does(tmp_path):
    settings = ("budget.evaluations=40", "budget.cost=20", "training_price=3600")
    (folder,) = completed(mutation(tmp_path, *settings))
    in_seconds = mutation(tmp_path, "budget.evaluations=40", "budget.seconds=20")
    assert told(folder) == told(completed(in_seconds)[0])  # one a second
    assert read_run(folder).effort.cost == pytest.approx(read_run(folder).effort.seconds)


def test_answers_count_with_the_seconds_on_record(tmp_path):
    fast, slow = (
        read_run(completed(guided(tmp_path, "budget.seconds=60", seconds=seconds))[0])
        for seconds in (0.0, 100.0)
    )
    assert len(fast.candidates) > len(slow.candidates) == 2  # the founders alone
    trained = sum(candidate.train_s for candidate in slow.candidates)
    assert slow.effort.seconds == pytest.approx(200 + trained)


@pytest.mark.parametrize("limit", ["seconds=450", "cost=20"])
def test_an_interrupted_run_ends_where_it_would_have_ended(limit, tmp_path, monkeypatch):
    """Answers that an earlier process got are no reason to end before their proposals are made."""
    prices = ("training_price=3600", "+prices={scripted: {prompt: 10, completion: 50}}")
    settings = (f"budget.{limit}", "budget.evaluations=12", *prices)
    monkeypatch.setattr(Dated, "dies_at", None)
    monkeypatch.setattr(Dated, "asked", 0)
    (whole,) = completed(guided(tmp_path / "whole", *settings, seconds=100.0))
    n_asked = Dated.asked
    assert 2 < n_asked < 12
    for k in (n_asked - 1, n_asked):
        monkeypatch.setattr(Dated, "asked", 0)
        monkeypatch.setattr(Dated, "dies_at", k)
        config = guided(tmp_path / str(k), *settings, seconds=100.0)
        with pytest.raises(MachineError):
            completed(config)
        monkeypatch.setattr(Dated, "dies_at", None)
        (resumed,) = completed(config)
        sent_twice = {key for key in told(resumed) if key.startswith("sent/")}
        assert {k: v for k, v in told(resumed).items() if k not in sent_twice} == {
            k: v for k, v in told(whole).items() if not k.startswith("sent/")
        }


def test_a_run_with_a_real_server_is_replayed_with_the_seconds_that_it_took(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-to-be-kept-0123456789")

    def slowly(handler):
        time.sleep(0.05)
        thinks(handler)

    with serving() as server:
        server.always = slowly
        config = compose([
            *SHORT, "model=openai", "model.name=thinker", f"model.base_url={server.url}",
            "sizes.founders=2", "sizes.offspring=2", f"runs_dir={tmp_path / 'runs'}",
            "budget.seconds=12", "budget.evaluations=30",
        ])  # fmt: skip
        (folder,) = completed(config)
    run = read_run(folder)
    assert run.evaluations < 30
    answers = [e.latency_s for e in read_events(folder) if isinstance(e, CallAnswered)]
    assert all(seconds >= 0.05 for seconds in answers)
    trained = sum(candidate.train_s for candidate in run.candidates)
    assert run.effort.seconds == pytest.approx(trained + sum(answers))
    (recorded,) = load_recorded([folder])
    assert told(replay(recorded, tmp_path / "replayed").folder) == told(folder)


@pytest.mark.parametrize("model", ["recorded", "scripted", "ensemble"])
def test_a_model_that_does_not_know_its_seconds_is_refused_before_the_run(
    model, tmp_path, monkeypatch
):
    monkeypatch.setenv("OPENAI_MODEL", "that of each member until it is replaced")
    config = compose([*SHORT, f"model={model}", f"runs_dir={tmp_path}", "budget.seconds=60",
                      *(["model.answers=[x]"] if model == "scripted" else [])])  # fmt: skip
    if model == "ensemble":
        scripted = {"model": {"_target_": "harness.llm.offline.Scripted", "answers": ["x"]}}
        members = {name: scripted | {"weight": 1.0} for name in "ab"}
        config.model = {"_target_": "harness.llm.model.Ensemble", "members": members}
        config.proposer["model"] = config.model
    with pytest.raises(InputError, match="expected a model that knows how long each answer took"):
        completed(config)
    assert not list(tmp_path.rglob("journal*"))


def test_an_answer_without_seconds_counts_with_those_since_its_request(tmp_path):
    """It may be paid for: to refuse it would end the run for good, and pay for it at each restart."""
    (folder,) = completed(guided(tmp_path, "budget.seconds=60", seconds=None))
    calls = [event for event in read_events(folder) if isinstance(event, CallAnswered)]
    assert calls
    assert all(0 < call.latency_s < 60 for call in calls)
    assert read_run(folder).complete


def test_without_the_price_of_training_a_limit_on_cost_is_refused(tmp_path):
    with pytest.raises(InputError, match="training_price=PRICE, 0 to limit the cost of the LLM"):
        mutation(tmp_path, "budget.cost=1")


def test_arms_of_one_command_may_have_budgets_of_their_own(tmp_path):
    small = mutation(tmp_path, "budget.evaluations=3")
    large = compose(["+ablation=random_search", *SHORT, f"runs_dir={tmp_path}",
                     "budget.evaluations=6"])  # fmt: skip
    runs = [read_run(folder) for folder in completed(small, large)]
    assert [run.evaluations for run in runs] == [3, 6]
