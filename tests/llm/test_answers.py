"""What a server may say: no key comes back, nothing grows, and every oddity ends in a sentence."""

import gzip
import json
import re
import tracemalloc
import unicodedata
import zlib
from functools import partial

import pytest

from harness.errors import InputError, MachineError
from harness.evolution.budget import Usage
from harness.llm.metering import MeteredModel
from harness.record.events import CallAnswered
from harness.record.journal import read_events
from harness.text import INVISIBLE
from tests.llm.test_metering import PRICE, ledger, request
from tests.support.llm_client import KEY, OK, Counting
from tests.support.llm_server import completion, raw, says, serving

OTHER = {
    "OPENAI_API_KEY": "sk-proj-0123456789abcdef",
    "OPENAI_ADMIN_KEY": "sk-admin-0123456789abcdef",
    "SOME_TOKEN": "token-abc123",
}


@pytest.fixture
def model(client, monkeypatch):
    monkeypatch.setenv("ODDLY_NAMED", KEY)
    for name, key in OTHER.items():
        monkeypatch.setenv(name, key)
    quick = {"timeout_s": 10, "attempts": 2, "backoff_s": 0.01, "backoff_max_s": 0.02}
    return partial(client, **quick, name="m", key_env="ODDLY_NAMED", patience_s=20)


def head(status=200, **headers):
    lines = [
        f"HTTP/1.1 {status} Some",
        *(f"{n.replace('_', '-')}: {v}" for n, v in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


@pytest.mark.parametrize("key", [KEY, *OTHER.values()])
def test_a_key_that_is_echoed_anywhere_is_not_recorded(server, model, journal, capsys, key):
    choice = {"finish_reason": f"stop {key}", "message": {"content": f"x = '{key}'"}}
    echo = completion(model=f"m-{key}", id=key, choices=[choice], usage={key: key})
    told = {"error": {"message": f"no {key}", "code": key}}
    server.script = [
        says(503, told, x_request_id=key, retry_after=key),
        says(429, f"<p>{key}</p>", retry_after=f"{key} GMT"),
        says(200, f"no JSON: {key}"),
        says(200, echo, x_request_id=key, server=f"s {key}", openai_version=key),
    ]
    MeteredModel(model(attempts=9), journal, ledger()).complete(request())
    for path in journal.folder.rglob("*"):
        assert key.encode() not in path.read_bytes() if path.is_file() else True
    (call,) = [e for e in read_events(journal.folder) if isinstance(e, CallAnswered)]
    assert call.answer == "x = '***'"
    assert (call.model, call.finish_reason) == ("m-***", "stop ***")
    assert call.headers["x-request-id"] == call.headers["openai-version"] == "***"
    assert call.headers["server"].endswith(", s ***")
    assert len([e for e in read_events(journal.folder) if e.KIND == "failed"]) == 3
    assert key not in "".join(capsys.readouterr())


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401])
def test_a_key_in_a_refusal_is_not_shown(server, model, status):
    server.always = says(status, {"error": {"message": f"bad {KEY}"}}, location=f"/v2?key={KEY}")
    with pytest.raises(InputError) as caught:
        model().complete(request())
    assert KEY not in str(caught.value)
    assert KEY[:12] not in str(caught.value)


def test_what_goes_out_is_named_and_goes_to_one_server(server, model, monkeypatch):
    for name, value in {
        "OPENAI_ORG_ID": "org-private", "OPENAI_PROJECT_ID": "proj-private",
        "OPENAI_BASE_URL": "http://127.0.0.1:1/v1", "OPENAI_WEBHOOK_SECRET": "whsec_private",
        "OPENAI_CUSTOM_HEADERS": "X-Private: private\nAuthorization: Bearer private",
        "HTTP_PROXY": "http://127.0.0.1:1", "http_proxy": "http://127.0.0.1:1",
        "ALL_PROXY": "http://127.0.0.1:1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    assert model().complete(request()).text == OK
    (seen,) = server.seen
    assert seen.key == f"Bearer {KEY}"
    sent = {name.lower(): value for name, value in seen.headers.items()}
    assert set(sent) == {
        "host", "accept", "content-type", "content-length", "user-agent", "authorization",
        "accept-encoding",
    }  # fmt: skip
    assert sent["accept-encoding"] == "identity"
    assert "private" not in json.dumps(sent)


def test_organization_and_project_are_named_for_openai_alone():
    from harness.llm.transport import headers_for

    for url in ("https://api.openai.com/v1", "https://eu.api.openai.com/v1/"):
        assert {"openai-organization", "openai-project"} <= headers_for(url)
    for url in (
        "http://api.openai.com/v1", "https://api.openai.com.evil.org/v1", "http://localhost/v1",
        "https://evil.org/https://api.openai.com/v1", "https://api.openai.com@evil.org/v1",
    ):  # fmt: skip
        assert not {"openai-organization", "openai-project"} & headers_for(url)


def test_no_redirect_is_followed(server, model):
    with serving() as elsewhere:
        for status in (301, 302, 303, 307, 308):
            server.always = says(status, "", location=f"{elsewhere.url}/chat/completions")
            with pytest.raises(
                InputError, match=rf"status {status}.*redirect to http.*model\.base_url"
            ):
                model().complete(request())
        assert elsewhere.seen == []


BOMB = gzip.compress(bytes(64 * 2**20), 9)
TOO_LARGE = {
    "gzip": [head(content_encoding="gzip"), BOMB],
    "gzip twice": [head(content_encoding="gzip, gzip"), gzip.compress(BOMB)],
    "deflate": [head(content_encoding="deflate"), zlib.compress(bytes(2**24), 9)],
    "an unknown encoding": [head(content_encoding="zstd"), b"\x28\xb5\x2f\xfd" * 9],
    "plain": [head(), *[b" " * 2**16] * 64],
    "announced": [head(content_length=2**62), *[b" " * 2**16] * 64],
    "in chunks": [head(transfer_encoding="chunked"), *[b"10000\r\n" + b" " * 2**16 + b"\r\n"] * 64],
}  # fmt: skip


@pytest.mark.parametrize("what", TOO_LARGE)
def test_a_body_is_read_up_to_a_limit_and_never_expanded(server, model, what):
    server.script = [raw(*TOO_LARGE[what])]
    meter, asked = Counting(), model()
    tracemalloc.start()
    try:
        assert asked.complete(request(), meter).text == OK
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert meter.kinds == ["malformed"]
    assert re.search("encoding|more than", meter.failures[0].told)
    assert most < 40 * 2**20


def test_a_huge_body_of_an_error_is_cut(server, model):
    server.script = [raw(head(503, content_length=2**40), *[b"no " * 2**14] * 64)]
    meter = Counting()
    assert model().complete(request(), meter).text == OK
    assert meter.kinds == ["server"]
    assert len(meter.failures[0].told) <= 500


def test_an_error_counts_for_what_it_is_though_its_body_is_encoded(server, model):
    server.script = [raw(head(429, content_encoding="gzip", content_length=len(BOMB)), BOMB)]
    meter = Counting()
    assert model().complete(request(), meter).text == OK
    assert meter.kinds == ["rate"]


@pytest.mark.parametrize(
    "value",
    ["1e308", "inf", "-inf", "nan", "-5", "9" * 400, "99999999999", "soon", "", "\x1b[2J",
     "Wed, 21 Oct 2026 07:28:00 +99999999", "Wed, 21 Oct 99999 07:28:00 GMT",
     "Wed, 21 Oct 2026 07:28:00 -9999999999999999999999999", "Wed, 21 Oct 9998 07:28:00 GMT"],
)  # fmt: skip
def test_a_rest_that_cannot_be_kept_is_told_and_survived(server, model, value):
    server.script = [raw(head(429, retry_after=value, content_length=0))]
    meter = Counting()
    assert model().complete(request(), meter).text == OK
    (failure,) = meter.failures
    assert failure.retry_after_s is None
    assert "Retry-After, found" in failure.told
    assert failure.told.isprintable()


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Thu, 31 Dec 2099 23:59:58 GMT", 1.0),
        ("Thu, 31 Dec 2099 23:59:58 -9999999999999999999999999", None),
        ("soon", None),
    ],
)
def test_a_date_until_which_to_rest_is_by_the_servers_clock(server, model, date, seconds):
    until = "Thu, 31 Dec 2099 23:59:59 GMT"
    server.script = [raw(head(429, date=date, retry_after=until, content_length=0))]
    meter = Counting()
    assert model().complete(request(), meter).text == OK
    (failure,) = meter.failures
    assert failure.retry_after_s == seconds


ODD_USAGE = {
    "400 digits": '{"prompt_tokens": %s, "completion_tokens": 7}' % ("9" * 400),
    "4000 digits": '{"prompt_tokens": 11, "completion_tokens": %s}' % ("9" * 4000),
    "negative": '{"prompt_tokens": 11, "completion_tokens": -7}',
    "zero": '{"prompt_tokens": 0, "completion_tokens": 0}',
    "no prompt": '{"prompt_tokens": 0, "completion_tokens": 1000}',
    "too few for the answer": '{"prompt_tokens": 11, "completion_tokens": 1}',
    "texts": '{"prompt_tokens": "11", "completion_tokens": "7"}',
    "fractions": '{"prompt_tokens": 1.5, "completion_tokens": NaN}',
    "infinite": '{"prompt_tokens": 1e999, "completion_tokens": 7}',
    "truth": '{"prompt_tokens": true, "completion_tokens": true}',
    "nested": '{"prompt_tokens": {"prompt_tokens": 1}, "completion_tokens": [7]}',
    "a list": "[11, 7]",
    "a text": '"\\u001b[2J"',
    "a number": "5",
}


@pytest.mark.parametrize("what", ODD_USAGE)
def test_usage_that_is_none_is_told_and_counts_as_the_most(server, model, journal, capsys, what):
    body = json.dumps(completion(usage=None)).replace(
        '"usage": null', f'"usage": {ODD_USAGE[what]}'
    )
    server.always = says(200, body)
    books = ledger()
    asked = MeteredModel(model(), journal, books)
    for k in range(2):
        assert asked.complete(request(f"g0.c{k}.mutation")).text == OK
    worst = len("Write code.") + 64
    cost = 2 * (PRICE.prompt * worst + PRICE.completion * 100) / 1e6
    spent = Usage(calls=2, prompt_tokens=2 * worst, completion_tokens=200, cost=cost)
    assert books.spent.tokens == spent.tokens
    assert books.spent.cost == pytest.approx(spent.cost)
    out = capsys.readouterr().out
    assert out.count("in usage as numbers of tokens, found") == 1
    assert len(out) < 600
    assert "\x1b" not in out


MALFORMED = {
    "an object 100,000 deep": '{"a":' * 100_000,
    "whole but 100,000 deep": '{"choices": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "usage 100,000 deep": json.dumps(completion(usage=0)).replace(
        '"usage": 0', '"usage": ' + "[" * 100_000 + "]" * 100_000),
    "a number of 5,000 digits": json.dumps(completion(created=1))[:-1] + ', "n": ' + "9" * 5000 + "}",
    "an empty body": "",
    "NUL": "\0" * 99,
    "a text": '"choices"',
    "choices a text": completion(choices="choices"),
    "choices an object": completion(choices={"0": {"message": {"content": "x"}}}),
    "choices of null": completion(choices=[None]),
    "message a text": completion(choices=[{"message": "x"}]),
    "message a list": completion(choices=[{"message": ["content"]}]),
    "content a number": completion(choices=[{"message": {"content": 5}}]),
    "content a list": completion(choices=[{"message": {"content": [{"text": "x"}]}}]),
    "content an object": completion(choices=[{"message": {"content": {"text": "x"}}}]),
    "content true": completion(choices=[{"message": {"content": True}}]),
}  # fmt: skip


@pytest.mark.parametrize("what", MALFORMED)
def test_no_chat_completion_is_asked_for_again_in_bounds(server, model, what):
    server.script = [says(200, MALFORMED[what])]
    meter = Counting()
    assert model().complete(request(), meter).text == OK
    assert meter.kinds == ["malformed"]
    assert meter.failures[0].told.startswith("no chat completion:")
    assert len(meter.failures[0].told) <= 500
    assert not any(unicodedata.category(c) in INVISIBLE for c in meter.failures[0].told)


SURVIVED = {
    "a million choices": json.dumps(completion())[:-1] + ', "choices": [{"message": {"content": '
                         + json.dumps(OK) + "}}" + ",1" * 900_000 + "]}",
    "model an object": completion(model={"a": {"b": [KEY]}}),
    "model a number": completion(model=5),
    "model of 100,000 characters": completion(model="\x1b[2J\n" * 20_000),
    "finish reason a list": completion(choices=[
        {"finish_reason": ["stop"], "message": {"content": OK}}]),
    "a mark of order": "\ufeff" + json.dumps(completion()),
    "keys twice": json.dumps(completion("first"))[:-1] + "," + json.dumps(completion())[1:],
}  # fmt: skip


@pytest.mark.parametrize("what", SURVIVED)
def test_an_answer_with_odd_metadata_is_an_answer(server, model, what):
    server.always = says(200, SURVIVED[what])
    answer = model().complete(request())
    assert answer.text == OK
    assert isinstance(answer.model, str)
    assert len(answer.model) <= 200
    assert answer.model.isprintable()
    assert answer.finish_reason in {"stop", None}
    assert len(server.seen) == 1


def test_bytes_that_are_no_utf8_are_replaced(server, model):
    server.always = raw(head(), json.dumps(completion("a?b")).encode().replace(b"?", b"\xff\xfe"))
    assert model().complete(request()).text == "a\ufffd\ufffdb"


def test_headers_are_short_lines_whatever_bytes_they_are(server, model):
    body = json.dumps(completion()).encode()
    odd = {"x_request_id": "\xff\x9b\xe9" * 900, "server": "a\tb", "x_other": "y" * 9000}
    server.always = raw(head(content_length=len(body), **odd), body)
    headers = model().complete(request()).headers
    assert set(headers) == {"x-request-id", "server"}
    assert len(headers["x-request-id"]) == 200
    assert headers["server"] == "a b"
    assert not any(unicodedata.category(c) in INVISIBLE for c in "".join(headers.values()))


@pytest.mark.parametrize(
    "parts",
    [[head()[:-2], b"a: b\r\n" * 40_000, b"\r\n"], [head()[:-2], b"a: ", b"b" * 2**20],
     [b"HTTP/1.1 100 Continue\r\n\r\n" * 2000], [b"\x16\x03\x01" * 99], [b""],
     [head(transfer_encoding="chunked"), b"f" * 99], [head(transfer_encoding="gzip, chunked"), BOMB]],
    ids=["many headers", "a long header", "never final", "no HTTP", "nothing", "no chunk", "encoded"],
)  # fmt: skip
def test_what_is_no_http_is_a_failure(server, model, parts):
    server.script = [raw(*parts)]
    meter = Counting()
    assert model().complete(request(), meter).text == OK
    assert meter.kinds == ["cut"]
    assert meter.failures[0].told.isprintable()


@pytest.mark.parametrize("status", [101, 204, 206, 299, 600, 999])
def test_an_odd_status_is_a_failure(server, model, status):
    server.always = raw(head(status, content_length=0))
    with pytest.raises(MachineError, match="run the same command to continue"):
        model(patience_s=0.2, attempts=1).complete(request(), Counting())
