"""Whole runs against a real server: any concurrency, a network that goes away, a spent budget."""

import os
import re
import subprocess
import sys
import time

import pytest

from harness.analysis.comparison import comparisons
from harness.analysis.loading import read_run, read_runs
from harness.config.compose import compose
from harness.errors import InputError
from harness.llm.preflight import ONE_TOKEN
from harness.record.journal import is_complete, read_events
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.notes.note import texts_of
from harness.reporting.summary import print_comparison
from harness.runs.runner import complete_runs
from tests.conftest import ROOT, told
from tests.support.backends import complete_folders
from tests.support.commands import run, run_main
from tests.support.llm_server import completion, error, finished, models, says, serving, thinks

KEY = {"OPENAI_API_KEY": "sk-not-to-be-kept-0123456789"}


@pytest.fixture(scope="module")
def asking(quick):
    """Settings of a run that asks a server: 12 children in three generations, one epoch each."""
    return (
        *quick, "+ablation=full", "compare=[]", "model=openai", "model.name=thinker",
        "sizes.founders=4", "sizes.offspring=4", "budget.evaluations=12", "rates.p_mate=0.6",
        "model.backoff_s=0.05", "model.backoff_max_s=0.3",
    )  # fmt: skip


@pytest.fixture(scope="module")
def alone(tmp_path_factory, asking, executor):
    """The run as it goes when nothing happens, one call at a time."""
    runs_dir = tmp_path_factory.mktemp("alone")
    with serving() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", KEY["OPENAI_API_KEY"])
        server.always = thinks
        settings = [*asking, f"model.base_url={server.url}", f"runs_dir={runs_dir}"]
        (folder,) = complete_folders([compose([*settings, "llm_workers=1"])], executor)
        assert server.most_under_way == 1
    return folder


def test_1_and_8_concurrent_calls_end_in_the_same_events(
    alone, asking, tmp_path, executor, monkeypatch
):
    monkeypatch.setenv("OPENAI_API_KEY", KEY["OPENAI_API_KEY"])

    def slowly(handler):
        time.sleep(0.1)
        thinks(handler)

    with serving() as server:
        server.always = slowly
        settings = [*asking, f"model.base_url={server.url}", f"runs_dir={tmp_path}"]
        (folder,) = complete_folders([compose([*settings, "llm_workers=8"])], executor)
        assert server.most_under_way == 4  # a generation's
    assert told(folder) == told(alone)
    assert folder.name == alone.name
    assert read_run(folder).usage == read_run(alone).usage


def test_every_call_is_in_the_journal_and_no_key_is(alone):
    events = {e.key: e.content for e in read_events(alone)}
    calls = [c for k, c in events.items() if k.startswith("call/")]
    assert len(calls) >= 12
    for call in calls:
        assert (call["model"], call["asked"]) == ("served-model-2", "thinker")
        assert call["finish_reason"] == "stop"
        assert call["prompt_tokens"] == len(call["prompt"]) // 4
        assert call["completion_tokens"] == len(call["answer"]) // 4
        assert call["latency_s"] > 0
        assert events[f"sent/{call['step']}/0"]["asked"] == "thinker"
    for path in alone.parent.rglob("*"):
        if path.is_file():
            assert KEY["OPENAI_API_KEY"].encode() not in path.read_bytes()


def pieces_of(key):
    """Code that holds no key until its answer is read, checked, or executed."""
    half = len(key) // 2
    return (
        f'NOTE = "{key[:half]}<think> hm </think>{key[half:]}"',
        f'raise ValueError("{key[::-1]}"[::-1])',
        f"raise ValueError(bytes({[byte ^ 1 for byte in key.encode()]}).translate("
        f"bytes(i ^ 1 for i in range(256))).decode())",
        f"__all__ = ['{key[:half]}' '{key[half:]}']",
        f'NOTE = (\n    "{key[:half]}"\n    "{key[half:]}"\n)  # {key[:half]},\n    # {key[half:]}',
    )


def test_a_server_that_returns_the_key_in_pieces_does_not_get_it_recorded_or_shown(
    asking, tmp_path, executor, monkeypatch, capfd
):
    key = "sk-Zq83hfT0aLmN4pXw9Rv2Kc7Yb"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    turn = iter(range(100))

    def leaks(handler):
        prompt = handler.request_seen.prompt
        segment = re.search(r"Keep the name (\w+)", prompt)[1]
        blocks = re.findall(r"```python\n(.*?)\n```", prompt, re.DOTALL)
        code = [block for block in blocks if segment in block][-1]
        extra = pieces_of(key)[(number := next(turn)) % 5]
        says(200, completion(f"```python\n{code}\n\n\n{extra}\nMARK = {number}\n```"))(handler)

    with serving() as server:
        server.always = leaks
        settings = [*asking, f"model.base_url={server.url}", f"runs_dir={tmp_path}"]
        one_by_one = ["budget.proposals=5", "llm_workers=1", "proposer.repair_attempts=1"]
        (result,) = complete_runs([compose([*settings, *one_by_one])], executor)
    print_comparison([result], tmp_path, compose(settings).tracking)
    reasons = "".join(c.reason for c in result.candidates if c.reason)
    assert "ValueError: ***" in reasons
    assert 'NOTE = (\\n    "***"' in "".join(str(e.content) for e in read_events(result.folder))
    shown = "".join(capfd.readouterr())
    for spelling in (key, key[::-1]):
        assert spelling not in shown
        assert not [seen for seen in server.seen if spelling in seen.prompt]
        for path in (p for p in tmp_path.rglob("*") if p.is_file()):
            assert spelling.encode() not in path.read_bytes(), path
    assert any("ValueError: ***" in seen.prompt for seen in server.seen)  # a repair
    assert len(server.seen) > 5


def can_unshare():
    done = subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.skipif(not can_unshare(), reason="needs user and network namespaces")
@pytest.mark.slow
def test_a_run_whose_network_is_cut_pauses_says_so_and_goes_on(alone, asking, tmp_path):
    done = subprocess.run(
        [
            "unshare", "-rn", sys.executable, "-m", "tests.support.network_cut", *asking,
            f"runs_dir={tmp_path}", "llm_workers=4", "model.timeout_s=3",
        ],
        capture_output=True, text=True, check=False, timeout=200, cwd=ROOT, env={**os.environ},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the network is gone" in done.stdout
    said = done.stdout[done.stdout.index("the network is gone") :]
    assert said.index(": paused (") < said.index("answers again; the run continues.")
    (folder,) = tmp_path.glob("full-s0-*")
    assert is_complete(folder)
    kinds = {"sent", "failed"}

    def course(run_folder):
        return {k: v for k, v in told(run_folder).items() if k.split("/")[0] not in kinds}

    assert course(folder) == course(alone)
    assert any(e.KIND == "failed" for e in read_events(folder))


@pytest.fixture
def played(asking, tmp_path, executor, monkeypatch):
    """Run against a server that acts so; return the run, its notes and what the server saw."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY["OPENAI_API_KEY"])

    def play(act, *overrides, settings=asking, where=("model",)):
        with serving() as server:
            server.always = act
            urls = [f"{node}.base_url={server.url}" for node in where]
            config = compose([*settings, *urls, f"runs_dir={tmp_path}", *overrides])
            (folder,) = complete_folders([config], executor)
        (comparison,) = comparisons(read_runs([folder]))
        return read_run(folder), comparison, server.seen

    return play


@pytest.mark.parametrize(
    ("limit", "least", "most"), [("llm_calls=5", 5, 5), ("tokens=4000", 1000, 4000)]
)
def test_a_cap_ends_the_run_which_finishes_and_reports(played, limit, least, most):
    result, comparison, seen = played(thinks, f"budget.{limit}", "llm_workers=8")
    name = limit.split("=")[0]
    notes = " ".join(texts_of(describe_comparison(comparison).notes))
    assert f"full, seed 0: ended by budget.{name}; calls not sent:" in notes
    told = r"([\d,]+) tokens for the \w[\w ]* not sent; spent: ([\d,]+) of 4,000 tokens\."
    reserved = re.search(told, notes)
    assert bool(reserved) == (name == "tokens")
    if reserved:
        most_of_a_call, spent = (int(number.replace(",", "")) for number in reserved.groups())
        assert spent == result.usage.tokens
        assert most_of_a_call > 4000 - spent
    assert result.complete
    assert len(result.calls) == len(seen)
    assert least <= (len(seen) if name == "llm_calls" else result.usage.tokens) <= most
    assert result.evaluations >= 1
    assert len(result.finals["seed"]) == 1


REFUSES = error(400, "context_length_exceeded")


def test_a_server_that_refuses_every_prompt_stops_the_run_which_goes_on_once_it_is_repaired(played):
    seen = []

    def refuses(handler):
        seen.append(handler.request_seen)
        REFUSES(handler)

    with pytest.raises(InputError, match=r"has refused each of the 4 .*context_length"):
        played(refuses, "llm_workers=1", "budget.evaluations=4")
    assert len(seen) == 4
    result, comparison, answered = played(thinks, "llm_workers=1", "budget.evaluations=4")
    assert result.complete
    assert result.evaluations == 4
    assert answered[0].prompt == seen[-1].prompt  # the last one counts as never sent
    notes = " ".join(texts_of(describe_comparison(comparison).notes))
    assert "prompts that the server refused: 3 of " in notes


def test_a_run_goes_on_where_a_server_refuses_some_prompts_in_words_of_its_own(played):
    refused = []

    def refuses_some(handler):
        prompt = handler.request_seen.prompt
        if prompt == ONE_TOKEN.prompt:
            return says()(handler)
        if len(prompt) % 2:
            refused.append(prompt)
            return error(400, "Content Exists Risk")(handler)
        return thinks(handler)

    result, comparison, _ = played(refuses_some, "llm_workers=1", "budget.proposals=6")
    assert result.complete
    assert 0 < len(refused) < len(result.calls)
    notes = " ".join(texts_of(describe_comparison(comparison).notes))
    assert f"prompts that the server refused: {len(refused)} of {len(result.calls)} " in notes
    reasons = [call.finish_reason for call in result.calls.values()]
    assert sum("status 400: told: Content Exists Risk" in reason for reason in reasons) == len(
        refused
    )


def test_a_complete_run_without_an_answer_says_so_at_its_end_and_below_the_table(played, capsys):
    _, comparison, seen = played(REFUSES, "llm_workers=1", "budget.proposals=3")
    assert len(seen) == 3
    told = (
        "no answer to any of 3 prompts had text ('refused: context_length' 3 times): the run says "
        "nothing of the LLM."
    )
    assert f"WARNING: {told}" in capsys.readouterr().out
    assert f"full, seed 0: {told}" in " ".join(texts_of(describe_comparison(comparison).notes))


def test_a_run_whose_budget_has_no_room_for_one_request_says_so(played, capsys):
    _, _, seen = played(thinks, "budget.completion_tokens=100")
    assert not seen
    out = capsys.readouterr().out
    assert "0 of 12 evaluations; nearest limit: budget.completion_tokens, it has no room" in out
    assert "the search ended after 0 of 12 evaluations: budget.completion_tokens\n" in out
    assert "WARNING: budget.completion_tokens=100 is less than one answer of 1,400 tokens" in out
    assert "WARNING: no request was sent to the LLM: the budget has no room" in out


def test_near_a_cap_1_and_8_concurrent_calls_end_in_the_same_events(
    played, asking, executor, tmp_path
):
    one, _, _ = played(thinks, "budget.tokens=4000", "llm_workers=1")
    eight, _, _ = played(
        thinks, "budget.tokens=4000", "llm_workers=8", f"runs_dir={tmp_path / 'eight'}"
    )
    assert one.folder.name == eight.folder.name
    assert told(one.folder) == told(eight.folder)


def test_answers_that_are_cut_off_are_rejected_as_truncated_and_counted(played):
    cut_off = says(200, finished("length", "```python\nclass Net(nn.Module):"))
    result, comparison, _ = played(cut_off, "budget.proposals=4")
    assert [c.gate for c in result.candidates] == ["extract"] * 4
    assert all("the answer was cut off at" in c.reason for c in result.candidates)
    outcomes = [e.content["outcome"] for e in read_events(result.folder) if e.KIND == "proposal"]
    assert [outcome["kind"] for outcome in outcomes] == ["truncated"] * 4
    assert describe_comparison(comparison).tables[-1].rows[0]["refused"] == "100 extract"


def test_a_repaired_answer_is_counted_apart(played):
    """Every first answer is broken; the question again names the reason, and is answered well."""

    def act(handler):
        if "was refused" in handler.request_seen.prompt:
            assert "SyntaxError" in handler.request_seen.prompt
            thinks(handler)
        else:
            says(200, completion("```python\nclass Net(nn.Module:\n    pass\n```"))(handler)

    result, comparison, _ = played(act, "budget.evaluations=4", "proposer.repair_attempts=2")
    n = len(result.candidates)
    assert len(result.calls) == 2 * n
    assert (
        f"full, seed 0: asked {n} times to repair what a gate refused; {n} of {n} children whose "
        f"last answer was repaired passed the gates."
    ) in texts_of(describe_comparison(comparison).notes)


def test_an_ensemble_draws_by_weight_and_shows_what_each_member_did(played, asking, monkeypatch):
    monkeypatch.setenv("OLLAMA_MODEL", "llama")
    settings = [o for o in asking if not o.startswith("model")]
    result, comparison, seen = played(
        thinks, "model=ensemble", "model@model.members.first.model=ollama",
        "model.members.first.weight=2", "model.members.second.model.name=other",
        "budget.evaluations=8", "preflight=false", settings=settings,
        where=("model.members.first.model", "model.members.second.model"),
    )  # fmt: skip
    asked = [call.asked for call in result.calls.values()]
    assert set(asked) == {"llama", "other"}
    assert asked.count("llama") == sum(one.body["model"] == "llama" for one in seen)
    rows = {row["arm"]: row for row in describe_comparison(comparison).tables[-1].rows}
    members = [rows["full, asking llama"], rows["full, asking other"]]
    assert sum(row["calls"] for row in members) == rows["full"]["calls"] == len(asked)


@pytest.mark.slow
def test_a_multirun_over_llms_has_a_row_for_each_by_name(asking, tmp_path):
    with serving() as server:
        server.always, server.lists = thinks, says(200, models("llama", "qwen"))
        done = run(
            "-m", *(o for o in asking if not o.startswith("model")),
            "model=ollama,vllm", f"++model.base_url={server.url}", f"runs_dir={tmp_path}",
            "budget.evaluations=2", env={"OLLAMA_MODEL": "llama", "VLLM_MODEL": "qwen"},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {seen.body["model"] for seen in server.seen} == {"llama", "qwen"}
    table = run_main(tmp_path, module="harness.table").stdout
    assert "| full (llama)" in table
    assert "| full (qwen)" in table
