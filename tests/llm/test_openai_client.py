"""How a request gets its answer from a real server that behaves as badly as servers do."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import openai  # noqa: F401 - importing it takes seconds, which no limit below counts
import pytest

from harness.errors import InputError, MachineError
from harness.llm.preflight import ONE_TOKEN
from tests.support.llm_client import KEY, OK, Counting, request
from tests.support.llm_server import completion, cut, drips, error, finished, hangs, says, serving


def test_it_asks_with_the_drawn_settings_and_keeps_what_came(server, model):
    server.always = says(200, None, x_request_id="abc")
    answer = model().complete(request())
    (seen,) = server.seen
    assert (seen.path, seen.key) == ("/v1/chat/completions", f"Bearer {KEY}")
    assert seen.body == {
        "model": "asked", "messages": [{"role": "user", "content": "Write code."}],
        "temperature": 0.25, "top_p": 0.1, "max_tokens": 900,
    }  # fmt: skip
    assert answer.text == "```\nclass A: pass\n```"
    assert (answer.model, answer.asked) == ("served-model-2", "asked")
    assert answer.finish_reason == "stop"
    assert (answer.prompt_tokens, answer.completion_tokens) == (11, 7)
    assert answer.headers["x-request-id"] == "abc"
    assert 0 < answer.latency_s < 5
    assert answer.applied == {"temperature": 0.25, "top_p": 0.1, "max_tokens": 900}


def test_the_last_of_several_empty_answers_is_kept_with_all_that_the_server_reports(server, model):
    server.always = says(200, finished("stop", None), x_request_id="abc")
    meter = Counting()
    answer = model().complete(request(), meter)
    assert answer.text == ""
    assert meter.kinds == ["empty"] * (len(server.seen) - 1)
    assert (answer.model, answer.asked) == ("served-model-2", "asked")
    assert answer.finish_reason == "a completion without text, finish reason stop"
    assert (answer.prompt_tokens, answer.completion_tokens) == (11, 7)
    assert answer.headers["x-request-id"] == "abc"
    assert answer.applied == {"temperature": 0.25, "top_p": 0.1, "max_tokens": 900}


def test_servers_that_take_other_fields_get_them(server, model):
    odd = {"tokens_field": "max_completion_tokens", "omit": ["temperature", "top_p"]}
    answer = model(**odd, extra={"reasoning_effort": "low"}).complete(request())
    sent = server.seen[0].body
    assert set(sent) == {"model", "messages", "max_completion_tokens", "reasoning_effort"}
    assert answer.applied == {"max_completion_tokens": 900, "reasoning_effort": "low"}


PAUSES = r"model\.patience_s.*run the same command to continue"
PATIENCE_S = 3
# What the server does; how many requests that makes; between how many seconds; what comes of it:
# an answer's text, or an error and what it says; and the failures that the meter was told.
TABLE = {
    "drip-fed once": ([drips(0.05)], 2, (0.8, 9), OK, ["timeout"]),
    "drip-fed for ever": ([drips(0.05)] * 99, None, (2.4, 18), (MachineError, PAUSES), "timeout"),
    "hangs once": ([hangs], 2, (0.8, 9), OK, ["timeout"]),
    "hangs for ever": ([hangs] * 99, None, (2.4, 18), (MachineError, PAUSES), "timeout"),
    "429": ([error(429)] * 2, 3, (0, 9), OK, ["rate"] * 2),
    "429 with Retry-After": ([error(429, retry_after="1")], 2, (1, 9), OK, ["rate"]),
    "429 with a date long gone": ([error(429, retry_after="Wed, 21 Oct 2015 07:28:00 GMT")], 2,
                                  (0, 9), OK, ["rate"]),
    "429 with Retry-After 300": ([error(429, retry_after="300")] * 9, 1, (0, 9),
                                 (MachineError, "within 3 s"), ["rate"]),
    "quota, then topped up": ([error(429, "insufficient_quota")] * 2, 3, (0, 9), OK, ["quota"] * 2),
    "402": ([error(402)], 2, (0, 9), OK, ["quota"]),
    "key never accepted": ([error(401, f"bad key {KEY}")] * 9, 1, (0, 9), (InputError, "key_env"), ["key"]),
    "500 twice": ([error(500)] * 2, 3, (0, 9), OK, ["server"] * 2),
    "500 for long": ([error(500)] * 12, 13, (0, 15), OK, ["server"] * 12),
    "503 with Retry-After": ([error(503, retry_after="1")], 2, (1, 9), OK, ["server"]),
    "body cut off": ([cut], 2, (0, 9), OK, ["cut"]),
    "body cut off for ever": ([cut] * 999, None, (2, 18), (MachineError, PAUSES), "cut"),
    "a web page": ([says(200, "<html>hi", kind="text/html")], 2, (0, 9), OK, ["malformed"]),
    "a web page for ever": ([says(200, "<html>hi", kind="text/html")] * 999, None, (2, 18),
                            (MachineError, PAUSES), "malformed"),
    "truncated JSON": ([says(200, '{"choices": [{"mess')], 2, (0, 9), OK, ["malformed"]),
    "an error with status 200": ([says(200, {"error": {"message": "busy"}})], 2, (0, 9), OK, ["malformed"]),
    "a list": ([says(200, [1])], 2, (0, 9), OK, ["malformed"]),
    "no choices": ([says(200, completion(choices=[]))], 2, (0, 9), OK, ["malformed"]),
    "choices null": ([says(200, completion(choices=None))], 2, (0, 9), OK, ["malformed"]),
    "504": ([error(504)], 2, (0, 9), OK, ["timeout"]),
    "nested too deep": ([says(200, "[" * 100000)], 2, (0, 9), OK, ["malformed"]),
    "a prompt that is flagged": ([error(403, "flagged by moderation")], 1, (0, 9), "", []),
    "content null": ([says(200, finished("stop", None))], 2, (0, 9), OK, ["empty"]),
    "content null for ever": ([says(200, finished("content_filter", None))] * 9, 3, (0, 9), "", ["empty"] * 2),
    "finish reason length": ([says(200, finished("length", "class A"))], 1, (0, 9), "class A", []),
    "all tokens thought away": ([says(200, finished("length", None))], 1, (0, 9), "", []),
    "wrong model id": ([says(200, completion(model="quite-another"))], 1, (0, 9), OK, []),
    "no usage": ([says(200, completion(usage=None))], 1, (0, 9), OK, []),
    "odd usage": ([says(200, completion(usage={"prompt_tokens": "many"}))], 1, (0, 9), OK, []),
    "no such model": ([error(404, "no such model")] * 2, 2, (0, 9), (InputError, r"'status 404: [^']*'\. Correct"), ["refused"]),
    "a setting it does not take": ([error(400, "temperature unsupported")] * 2, 2, (0, 9),
                                   (InputError, "model.omit"), ["refused"]),
    "a prompt it does not take": ([error(400, "Content Exists Risk")], 2, (0, 9), "", []),
    "a prompt that a server which wants more tokens does not take": (
        [error(422, "odd prompt"), error(400, "max_tokens must be at least 16")], 2, (0, 9), "", []),
    "a refusal before the server fails": ([error(400, "odd"), error(500)], 3, (0, 9), OK, ["server"]),
    "prompt too long": ([error(400, "context_length_exceeded")], 1, (0, 9), "", []),
    "a filter of contents": ([error(400, "content_filter")], 1, (0, 9), "", []),
    "429 that speaks of billing": ([error(429, "Visit example.com/account/billing")], 2, (0, 9), OK, ["rate"]),
}  # fmt: skip


@pytest.mark.parametrize("fault", TABLE)
def test_fault(fault, server, model):
    server.script, n_requests, (least_s, most_s), expected, failures = (
        list(TABLE[fault][0]), *TABLE[fault][1:],
    )  # fmt: skip
    endures = PATIENCE_S if isinstance(expected, tuple) else 30
    asked = model(patience_s=endures, timeout_s=0.8 if least_s in {0.8, 2.4} else 30)
    meter, began = Counting(), time.monotonic()
    if isinstance(expected, tuple):
        kind, told = expected
        with pytest.raises(kind, match=told) as caught:
            asked.complete(request(), meter)
        assert KEY not in str(caught.value)
    else:
        answer = asked.complete(request(), meter)
        assert answer.text == expected
        if fault == "wrong model id":
            assert answer.model == "quite-another"
        if "usage" in fault:
            assert answer.prompt_tokens is answer.completion_tokens is None or fault == "no usage"
    assert least_s <= time.monotonic() - began < most_s
    requests = [seen for seen in server.seen if seen.prompt != ONE_TOKEN.prompt]
    assert len(requests) == len(meter.sent)
    if n_requests is None:  # as many as patience lets it
        assert len(server.seen) >= 3
        assert set(meter.kinds) == {failures}
    else:
        assert len(server.seen) == n_requests
        assert meter.kinds == failures
    assert not any(KEY in failure.told for failure in meter.failures)


def test_a_key_refused_after_it_was_accepted_pauses_as_a_dead_server_does(server, model, capsys):
    asked = model()
    asked.complete(request())
    server.script = [error(401)] * 2
    assert asked.complete(request("g0.c1.mutation")).text == OK
    told = capsys.readouterr().out
    assert "paused (key" in told
    assert "answers again; the run continues" in told


def test_a_server_that_is_away_is_waited_for_and_it_is_said(model, capsys):
    with serving() as gone:
        port = gone.server_port
    asked = model(base_url=f"http://127.0.0.1:{port}/v1")
    meter = Counting()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(asked.complete, request(), meter)
        time.sleep(1)
        assert not answer.done()
        with serving(port) as back:
            assert answer.result(5).text == OK
            assert len(back.seen) == 1
    assert set(meter.kinds) == {"unreachable"}
    assert not any(failure.perhaps_billed for failure in meter.failures)
    told = capsys.readouterr().out
    assert "paused (unreachable" in told
    assert "Ctrl-C ends" in told


def test_patience_has_an_end_and_the_message_says_what_to_do(model):
    with serving() as gone:
        url = gone.url
    began = time.monotonic()
    with pytest.raises(MachineError, match=r"model\.patience_s.*run the same command to continue"):
        model(base_url=url, patience_s=1).complete(request())
    assert time.monotonic() - began < 4


def test_abandoned_requests_leave_no_connection_behind(server, model):
    server.script = [hangs, drips(0.05)]
    assert model(timeout_s=0.8).complete(request()).text == OK
    deadline = time.monotonic() + 20
    while server.under_way > 1 and time.monotonic() < deadline:  # the one that hangs sees nothing
        time.sleep(0.05)
    assert server.under_way <= 1
    names = Counter(thread.name for thread in threading.enumerate())
    assert names["llm requests"] == 1


def test_no_secret_comes_back_from_an_answer(server, model):
    server.always = says(200, completion(f"your key is {KEY}"))
    assert model().complete(request()).text == "your key is ***"


def test_text_that_is_no_unicode_is_made_so(server, model):
    server.always = says(200, '{"choices": [{"message": {"content": "a\\ud800b"}}]}')
    assert model().complete(request()).text == "a\\ud800b"


def test_a_missing_key_is_said_before_anything_is_asked(model, monkeypatch):
    monkeypatch.delenv("SOME_KEY")
    with pytest.raises(InputError, match="environment variable SOME_KEY"):
        model()
    assert model(key_env=None).complete(request()).text == OK
    with pytest.raises(InputError, match=r"model\.name"):
        model(key_env=None, name="")


@pytest.mark.parametrize("key", ["x", "any", "EMPTY"])
def test_a_key_that_is_a_word_changes_no_answer(server, model, monkeypatch, key):
    monkeypatch.setenv("SOME_KEY", key)
    text = f"def forward(self, {key}): return {key}.any()"
    server.always = says(200, completion(text))
    assert model().complete(request()).text == text


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"base_url": "localhost:8000/v1"}, "expected http:// or https://"),
        ({"omit": ["max_tokens"]}, "without a limit on its tokens"),
        ({"extra": {"max_tokens": 10**6}}, "does not set itself, got max_tokens"),
        ({"extra": {"n": 5}}, "does not set itself, got n"),
    ],
)
def test_settings_that_would_spend_unseen_are_refused(model, more, told):
    with pytest.raises(InputError, match=told):
        model(**more)


@pytest.mark.parametrize(
    "key", ["sk-\u00e4\u00f6\u00fc-0123456789012345", "sk-01234567 89012345678"]
)
def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(model, monkeypatch, key):
    monkeypatch.setenv("SOME_KEY", key)
    with pytest.raises(InputError, match="printable ASCII") as caught:
        model()
    assert key not in str(caught.value)
    monkeypatch.setenv("SOME_KEY", f" {KEY}\n")  # as a file's last line is read
    assert model()._key == KEY


def test_a_later_run_tries_what_an_earlier_one_gave_up(server, model):
    server.script = [error(500)] * 500
    with pytest.raises(MachineError):
        model(patience_s=0.5).complete(request())
    server.script = []
    assert model(patience_s=0.5).complete(request()).text == OK


def test_a_key_among_the_settings_is_refused_for_they_are_recorded(model):
    with pytest.raises(InputError, match=r"model\.extra: expected no key") as refused:
        model(extra={"user": {"token": KEY}})
    assert KEY not in str(refused.value)
