"""Where answers come from: a real HTTP server, real files, real recordings."""

import threading
import time
from dataclasses import replace

import pytest

from harness.compose import compose
from harness.errors import InputError, RecordError, ReplayMiss
from harness.models import (
    Call,
    Exchange,
    Pool,
    Recorded,
    Request,
    Scripted,
    Settings,
    recorded_call,
)
from harness.studies import Study, load_study, save_study


def request(step="g0.c0.mutation", prompt="Write code.", segment="A"):
    settings = Settings(temperature=0.25, top_p=0.1, max_tokens=900)
    return Request(step=step, segment=segment, prompt=prompt, settings=settings, seed=0)


def test_server_and_model_come_from_the_environment_and_are_recorded(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("OPENAI_MODEL", "some-model")
    model = compose(["model=openai"]).model
    assert (model["base_url"], model["name"]) == ("http://127.0.0.1:1/v1", "some-model")


def test_exchange_writes_the_prompt_and_takes_the_settled_answer(tmp_path):
    model = Exchange(folder=str(tmp_path / "x"), name="a person", settle_s=0.6)

    def person():
        while not list((tmp_path / "x" / "a-person").glob("*.prompt.md")):
            time.sleep(0.02)
        prompt = next((tmp_path / "x" / "a-person").glob("*.prompt.md"))
        assert prompt.read_text() == "Write code."
        answer = prompt.with_name(prompt.name.replace("prompt", "answer"))
        for text in ("", "class A:", "class A: pass"):  # written slowly, as editors do
            answer.write_text(text)
            time.sleep(0.2)

    writer = threading.Thread(target=person)
    writer.start()
    completion = model.complete(request())
    writer.join()
    assert (completion.text, completion.model) == ("class A: pass", "a person")
    assert completion.applied is None
    assert completion.completion_tokens is None


def test_exchange_never_takes_another_llms_answer(tmp_path):
    """Their folders differ, so equal prompts of equal steps stay two questions."""
    for name in ("alice", "bob"):
        model = Exchange(folder=str(tmp_path), name=name, settle_s=0.0)
        writer = threading.Thread(target=answered_by, args=(tmp_path / name, f"by {name}"))
        writer.start()
        assert model.complete(request()).text == f"by {name}"
        writer.join()


def answered_by(folder, text):
    while not (prompts := list(folder.glob("*.prompt.md"))):
        time.sleep(0.02)
    prompts[0].with_name(prompts[0].name.replace("prompt", "answer")).write_text(text)


def study(tmp_path, *, name="full-s0.json", **more):
    answered = [
        recorded_call(
            Call(request=r, completion=Scripted(answers=[f"answer to {r.step}"]).complete(r))
        )
        for r in (request(), request(step="g0.c1.mutation", segment="B"))
    ]
    path = tmp_path / name
    content = {
        "path": str(path), "settings": "+ablation=full seed=0", "task": "digits", "model": "some LLM",
        "date": "2026-01-01", "prompts_digest": "x", "calls": tuple(answered), "scores": {},
    }  # fmt: skip
    save_study(path, Study(**content | more))
    return path


def test_recorded_serves_exactly_the_prompt_and_step_it_answered(tmp_path):
    model = Recorded(study=str(study(tmp_path)))
    assert model.complete(request()).text == "answer to g0.c0.mutation"
    for other, why in [
        (request(prompt="Write other code."), "with another prompt"),
        (request(step="g0.c9.mutation"), "not at all"),
        (
            replace(request(), settings=Settings(temperature=0.3, top_p=0.1, max_tokens=900)),
            "with other settings",
        ),
    ]:
        with pytest.raises(ReplayMiss) as miss:
            model.complete(other)
        told = str(miss.value)
        assert other.step in told
        assert why in told
        assert "model=openai or model=exchange" in told
        assert "+ablation=full seed=0" in told


def test_pool_answers_for_the_same_segment_whatever_the_prompt(tmp_path):
    study(tmp_path)
    model = Pool(folder=str(tmp_path))
    assert model.complete(request(prompt="Other")).text == "answer to g0.c0.mutation"
    assert "No answer is recorded" in model.complete(request(segment="Z")).text


def test_pool_and_scripted_want_something_to_answer_with(tmp_path):
    with pytest.raises(InputError, match="expected recorded studies"):
        Pool(folder=str(tmp_path))
    with pytest.raises(InputError, match="answers"):
        Scripted(answers=[]).complete(request())


def test_a_study_is_read_as_it_was_written(tmp_path):
    path = study(tmp_path)
    assert load_study(path).calls[0]["requested"] == {
        "temperature": 0.25, "top_p": 0.1, "max_tokens": 900,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"),
    [("{", "does not parse"), ('{"format": 99}', "format 1, found 99"), ("[]", "does not parse"),
     ('{"format": 1, "calls": []}', "does not parse")],
)  # fmt: skip
def test_a_damaged_or_newer_study_is_refused(tmp_path, text, told):
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(RecordError, match=told):
        load_study(tmp_path / "s.json")


def test_a_missing_study_names_those_that_exist(tmp_path):
    study(tmp_path, name="no_eot-s0.json")
    with pytest.raises(RecordError, match=r"no_crp-s0.json.*Recorded there: no_eot-s0"):
        load_study(tmp_path / "no_crp-s0.json")
