"""Where answers come from: a real HTTP server, real files, real recordings."""

import json
import os
import threading
import time
from collections import Counter
from dataclasses import replace

import pytest

from harness.config.compose import compose
from harness.errors import InputError, RecordError, ReplayMiss
from harness.llm.model import Completion, Ensemble, Request, Settings, recorded_call
from harness.llm.offline import Exchange, Pool, Recorded, Scripted, _text_of
from harness.record.archive import write_archive
from harness.record.consistency import require_sound
from harness.record.events import RunCompleted, read_event
from harness.record.journal import Journal, read_entries
from harness.record.study import load_study
from tests.support.records import manifest, reference


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
        while not list((exchange_of(tmp_path / "x", "a-person")).glob("*.prompt.md")):
            time.sleep(0.02)
        prompt = next((exchange_of(tmp_path / "x", "a-person")).glob("*.prompt.md"))
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


@pytest.mark.parametrize("byte", [b"\xff", b"\x7f", b"x"])
def test_the_longest_answer_in_a_file_can_be_recorded(tmp_path, byte):
    """Else the run would end, and ask again each time."""
    model = Exchange(folder=str(tmp_path / "x"), name="a", settle_s=0.3)
    writer = threading.Thread(
        target=lambda: answered_by(exchange_of(tmp_path / "x", "a"), byte * (1 << 21))
    )
    writer.start()
    call = recorded_call(request(), model.complete(request()))
    writer.join()
    assert len(call.answer) > 300_000
    with Journal(tmp_path / "run", wait_s=0) as journal:
        assert journal.record(call) == call
    assert [entry.event for entry in read_entries(tmp_path / "run")] == [call]


def test_exchange_never_takes_another_llms_answer(tmp_path):
    """Their folders differ, so equal prompts of equal steps stay two questions."""
    for name in ("alice", "bob"):
        model = Exchange(folder=str(tmp_path), name=name, settle_s=0.0)
        writer = threading.Thread(
            target=lambda n=name: answered_by(exchange_of(tmp_path, n), f"by {n}")
        )
        writer.start()
        assert model.complete(request()).text == f"by {name}"
        writer.join()


def answered_by(folder, text):
    while not (prompts := list(folder.glob("*.prompt.md"))):
        time.sleep(0.02)
    answer = text.encode() if isinstance(text, str) else text
    prompts[0].with_name(prompts[0].name.replace("prompt", "answer")).write_bytes(answer)


def study(tmp_path, *, name="full-s0.zip", **told):
    """An archive of a run that asked twice, and was told this with each answer."""
    answered = [
        replace(recorded_call(r, Scripted(answers=[f"answer to {r.step}"]).complete(r)), **told)
        for r in (request(), request(step="g0.c1.mutation", segment="B"))
    ]
    config = manifest().content["config"] | {"ablation": "full", "seed": 0, "version": "0.1.0"}
    config["final"] = {"hall_of_fame": 9, "seeds": 3, "tolerance": 0.01}
    with Journal(tmp_path / "run" / name, wait_s=0) as journal:
        journal.record(manifest(prompts="x", config=config))
        journal.record(reference({"score": 0.9, "n_params": 10, "train_s": 1.0}))
        for call in answered:
            journal.record(call)
        journal.record(RunCompleted())
    write_archive(tmp_path / "run" / name, tmp_path / name)
    return tmp_path / name


@pytest.mark.parametrize(
    "label", ["a\nb", "a\u2028b", "\x1b[2J", "\u0378", "x" * 5000, "m-1", "é 你"]
)
def test_labels_of_any_model_are_recorded_as_lines_that_can_be_read(label):
    labels = dict.fromkeys(("model", "date", "asked", "finish_reason"), label)
    call = recorded_call(request(), Completion(text="a\nb", **labels))
    assert read_event(call.key, json.loads(json.dumps(call.content))) == call
    assert call.model.isprintable()
    assert (call.answer, call.model == label) == ("a\nb", label in {"m-1", "é 你"})


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
        assert "ablation=full seed=0" in told


def test_pool_answers_for_the_same_segment_whatever_the_prompt(tmp_path):
    study(tmp_path)
    model = Pool(folder=str(tmp_path))
    assert model.complete(request(prompt="Other")).text == "answer to g0.c0.mutation"
    assert "No answer is recorded" in model.complete(request(segment="Z")).text


def test_pool_and_scripted_want_something_to_answer_with(tmp_path):
    with pytest.raises(InputError, match="expected recorded answers"):
        Pool(folder=str(tmp_path))
    with pytest.raises(InputError, match="answers"):
        Scripted(answers=[]).complete(request())


def test_a_study_is_read_as_it_was_written(tmp_path):
    path = study(tmp_path)
    assert load_study(path).calls[0].requested == {
        "temperature": 0.25, "top_p": 0.1, "max_tokens": 900,
    }  # fmt: skip


def test_a_run_can_state_what_its_study_tells(tmp_path):
    """Else tables would refuse the run after all of its trainings."""
    path = study(tmp_path, model="m" * 600, date="d" * 600)
    known = load_study(path)
    stated = manifest(study={"model": known.model, "date": known.date})
    require_sound([stated], path)


@pytest.mark.parametrize(
    "told", [{"date": "9999\nsecond line"}, {"date": "\u0378"}, {"model": "a\u202eb"}]
)
def test_a_study_whose_labels_are_no_lines_is_refused(tmp_path, told):
    with pytest.raises(RecordError, match="expected one printable line"):
        load_study(study(tmp_path, **told))


def test_a_missing_study_names_those_that_exist(tmp_path):
    study(tmp_path, name="no_eot-s0.zip")
    with pytest.raises(RecordError, match=r"no_crp-s0.zip.*Recorded there: no_eot-s0"):
        load_study(tmp_path / "no_crp-s0.zip")


class Named:
    def __init__(self, name):
        self.name = name

    def complete(self, request, meter):
        meter.sending(asked=self.name)
        return Completion(text="", model=self.name, date="")


class TestEnsemble:
    @pytest.fixture
    def of(self):
        return lambda **weights: Ensemble(
            members={n: {"model": Named(n), "weight": w} for n, w in weights.items()}
        )

    def asked(self, ensemble, steps, seed=0):
        return [
            ensemble.complete(replace(request(step=f"g0.c{k}.mutation"), seed=seed)).model
            for k in steps
        ]

    def test_the_draw_is_the_calls_own_whatever_was_asked_before(self, of):
        forwards = self.asked(of(a=1, b=1), range(40))
        backwards = self.asked(of(a=1, b=1), reversed(range(40)))
        assert forwards == backwards[::-1]
        assert forwards != self.asked(of(a=1, b=1), range(40), seed=1)

    def test_weights_are_relative_and_kept(self, of):
        counts = Counter(self.asked(of(a=30, b=10), range(4000)))
        assert counts["a"] / 4000 == pytest.approx(0.75, abs=0.03)
        assert set(self.asked(of(a=1, b=0), range(50))) == {"a"}

    @pytest.mark.parametrize("weights", [{"a": 1}, {"a": 1, "b": -1}, {"a": 0, "b": 0}])
    def test_members_that_cannot_be_drawn_from_are_refused(self, of, weights):
        with pytest.raises(InputError, match=r"model\.members: expected two models or more"):
            of(**weights)


def exchange_of(folder, slug):
    """The folder of one LLM's exchange; its name ends in a mark of the LLM's whole name."""
    while not (found := list(folder.glob(f"{slug}-????"))):
        time.sleep(0.02)
    return found[0]


def test_names_that_read_alike_are_two_llms(tmp_path):
    folders = {
        Exchange(folder=str(tmp_path), name=n, settle_s=0)._folder for n in ("gpt 4", "gpt-4")
    }
    assert len(folders) == 2


def test_an_exchange_that_was_interrupted_does_not_count_its_prompt_twice(tmp_path):
    class Counting:
        n, pending, counts_seconds = 0, False, False

        def sending(self, *, asked):
            assert asked == "bob"
            self.n, self.pending = self.n + 1, True

    meter = Counting()
    first, second = (Exchange(folder=str(tmp_path), name="bob", settle_s=0.0) for _ in range(2))
    threading.Thread(target=first.complete, args=(request(), meter), daemon=True).start()
    answered_by(exchange_of(tmp_path, "bob"), "by bob")
    assert second.complete(request(), meter).text == "by bob"
    assert meter.n == 1
    assert [p.name for p in exchange_of(tmp_path, "bob").iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize("part", ["exchange", "exchange/s0", "exchange/s0/bob"])
def test_no_prompt_is_written_through_a_link_in_a_folder_of_somebody_else(tmp_path, part):
    model = Exchange(folder=str(tmp_path / "exchange" / "s0"), name="bob", settle_s=0.0)
    planted = tmp_path / part if part != "exchange/s0/bob" else model._folder
    planted.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "mine").mkdir()
    planted.symlink_to(tmp_path / "mine")
    with pytest.raises(InputError, match=r"found a link.*model\.folder=FOLDER"):
        model.complete(request())
    assert not any((tmp_path / "mine").iterdir())


def test_an_answer_is_a_regular_file(tmp_path):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "endless").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    assert [_text_of(tmp_path / name) for name in ("none", "link", "endless", "pipe")] == [""] * 4
    assert _text_of(tmp_path / "secret") == "secret"
