"""Every answer can be recorded, and is not asked for again."""

import json

import pytest

from harness.errors import RecordError, ReplayMiss
from harness.evolution.budget import Usage
from harness.llm.metering import MeteredModel
from harness.llm.replies import ReplyReader
from harness.llm.transport import Reply
from harness.record import database
from harness.record.database import MOST_OF_A_TEXT
from harness.record.events import CallAnswered, RequestSent
from harness.record.journal import read_events
from tests.support.metered import Model, answer, ledger, request


def test_an_answer_is_recorded_with_all_that_is_known_and_never_asked_again(journal):
    model, books = Model(reply=answer(finish_reason="stop", latency_s=0.5)), ledger()
    first = MeteredModel(model, journal, books).complete(request())
    again = MeteredModel(model, journal, ledger()).complete(request())
    assert first == again == model.reply
    assert model.asked == 1
    call = journal.find(CallAnswered, "g0.c0.mutation").content
    assert set(call) == {
        "step", "segment", "prompt", "requested", "answer", "model", "date", "asked",
        "finish_reason", "prompt_tokens", "completion_tokens", "latency_s", "headers", "applied",
        "price",
    }  # fmt: skip
    assert call["price"] == {"prompt": 1_000, "completion": 10_000}
    assert books.spent == Usage(calls=1, prompt_tokens=10, completion_tokens=5, cost=0.06)


def test_what_could_not_be_recorded_is_not_asked(journal, monkeypatch):
    """Else the same command would ask and pay for it again, each time."""
    model = Model()
    metered = MeteredModel(model, journal, ledger())
    with pytest.raises(RecordError, match="shorten the prompts or the network"):
        metered.complete(request(prompt="\x7f" * MOST_OF_A_TEXT))
    metered.complete(request())
    monkeypatch.setitem(database._MOST, "events", 2)
    with pytest.raises(RecordError, match="a quarter is free, 100% of what can be read is used"):
        metered.complete(request(step="g0.c1.mutation"))
    assert model.asked == len(journal.all(RequestSent)) == 1


ANSWERS = ["x", "\x7f", "\u00e9", "\u4e2d", "\U0001f600", "\ud800", '\\"', "\ufdfa"]


@pytest.mark.parametrize("character", ANSWERS, ids=ascii)
def test_each_answer_can_be_recorded_and_a_long_one_stays_as_it_is(journal, character):
    """Of 350,000 characters or more, the first are recorded, whatever they take in JSON."""
    shown = character.encode("utf-8", "backslashreplace").decode()
    long = character * (100_000 // len(shown))
    for step, text in (("g0.c0.mutation", long), ("g0.c1.mutation", character * 400_000)):
        body = {"choices": [{"message": {"content": text}}], "model": f"{character}\u0378" * 99}
        sent = json.dumps(body, ensure_ascii=character == "\ud800").encode()
        reply = Reply(status=200, headers={"server": character * 999}, body=sent)
        read = ReplyReader(name="m", endpoint="e").read(
            reply, prompt="Write code.", applied={}, started=0.0
        )
        MeteredModel(Model(reply=read), journal, ledger()).complete(request(step=step))
    calls = [event for event in read_events(journal.folder) if isinstance(event, CallAnswered)]
    assert calls == journal.all(CallAnswered)
    assert calls[0].answer == shown * (100_000 // len(shown))
    assert set(calls[1].answer) == set(shown)
    assert 300_000 < len(calls[1].answer) < 350_000


def test_another_prompt_at_a_recorded_step_is_a_miss(journal):
    MeteredModel(Model(), journal, ledger()).complete(request())
    with pytest.raises(ReplayMiss, match=r"g0\.c0\.mutation"):
        MeteredModel(Model(), journal, ledger()).complete(request(prompt="Other."))
