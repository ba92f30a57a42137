"""Answers of a server changed at random: each ends in a documented outcome, in bounded time."""

import json
import time
import unicodedata

import pytest

from harness.errors import InputError, MachineError
from harness.evolution.budget import Usage
from harness.llm.answers.extraction import extract
from harness.llm.metering import MeteredModel
from harness.llm.model import FAILURES, Request, Settings
from harness.llm.openai_client import OpenAI
from harness.record.events import CallAnswered, RequestFailed
from harness.record.journal import Journal, read_events
from harness.text import INVISIBLE
from tests.llm.test_metering import ledger
from tests.support.fuzzing import fuzz, mutated
from tests.support.llm_server import completion, raw, serving

KEY = "sk-secret-0123456789abcdef"
TEXT = (
    "<think>I wonder.</think>Here it is:\n\n```python\nclass A(nn.Module):\n    def forward(self, x):\n"
    "        return '''\n```\n''' + x\n```\n\n    ~~~\n    class B: pass\n    ~~~\nDone.\n"
)
MOST_S = 30
"""A single attempt takes longer only where something is not bounded; a busy machine included."""
STATUS = (200,) * 40 + (
    100,
    101,
    204,
    301,
    307,
    400,
    401,
    402,
    403,
    404,
    408,
    429,
    500,
    503,
    504,
    999,
)
HEADERS = {
    "Content-Type": "application/json", "Retry-After": "0.01", "x-request-id": f"id {KEY}",
    "Server": "some/1.0", "Location": "/v2", "openai-version": "2020-10-01", "Set-Cookie": "a=b",
    "Content-Encoding": "identity", "Transfer-Encoding": "chunked", "Connection": "close",
}  # fmt: skip
ODD = (
    None, True, False, 0, -1, 0.5, 1e308, float("nan"), 10**400, "", "stop", "length", KEY, "\ud800",
    "\x00\x1b[2J\u202e\r\n", "x" * 5000, [], {}, [[]], {"a": {"b": [None]}}, TEXT,
)  # fmt: skip


def of(rng, values):
    return values[int(rng.integers(len(values)))]


def odd(rng, value):
    """Return JSON values with some of them exchanged, left out, renamed or nested."""
    if rng.random() < 0.015:
        return of(rng, ODD)
    if rng.random() < 0.005:
        return [value] * int(of(rng, (1, 2, 500)))
    if isinstance(value, dict):
        kept = {name: odd(rng, inner) for name, inner in value.items() if rng.random() > 0.01}
        return kept | ({of(rng, list(value) or ["a"]): of(rng, ODD)} if rng.random() < 0.02 else {})
    if isinstance(value, list):
        return [odd(rng, inner) for inner in value if rng.random() > 0.01]
    if isinstance(value, str) and rng.random() < 0.04:
        return mutated(value.encode(), rng).decode("utf-8", "surrogateescape")
    return value


def body(rng):
    content = completion(TEXT) if rng.random() < 0.8 else {"error": {"message": KEY, "code": "x"}}
    text = json.dumps(odd(rng, content)).encode()
    if rng.random() < 0.1:
        depth = int(of(rng, (10, 900, 100_000)))
        text = text.replace(b'"id"', b'"n": ' + b"[" * depth + b"]" * depth + b', "id"', 1)
    return mutated(text, rng) if rng.random() < 0.2 else text


def reply(rng):
    """Return the bytes of a reply: of HTTP as it should be, mostly, with a body that is odd."""
    content = body(rng)
    names = [name for name in HEADERS if rng.random() < 0.25]
    lines = [f"HTTP/1.1 {of(rng, STATUS)} Some", *(f"{name}: {HEADERS[name]}" for name in names)]
    if "Transfer-Encoding" in names:
        content = b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content)
    elif rng.random() < 0.8:
        lines.append(f"Content-Length: {len(content)}")
    head = "\r\n".join([*lines, "", ""]).encode()
    if rng.random() < 0.2:
        head = mutated(head, rng)
    whole = head + content
    return mutated(whole, rng) if rng.random() < 0.1 else whole


def check_texts(value):
    """No text of a record but the answer holds what acts on a reader, and none holds the key."""
    if isinstance(value, str):
        assert KEY not in value
        assert len(value) <= 1500
        assert not [c for c in value if unicodedata.category(c) in INVISIBLE]
    elif isinstance(value, dict):
        for name, inner in value.items():
            check_texts(name)
            check_texts(inner)


def check_record(folder, books):
    for event in read_events(folder):
        content = event.content
        if isinstance(event, CallAnswered):
            answer = content.pop("answer")
            assert KEY not in answer
            answer.encode()  # no surrogates
            assert content["finish_reason"] is None or isinstance(content["finish_reason"], str)
            del content["prompt"]
        if isinstance(event, RequestFailed):
            assert event.kind in FAILURES
            assert event.retry_after_s is None or 0 <= event.retry_after_s <= 7 * 24 * 3600
        check_texts(content)
        json.dumps(content, allow_nan=False)
    assert 0 <= books.spent.calls <= 3
    assert books._reserved.tokens == 0
    assert isinstance(books.spent, Usage)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("SOME_KEY", KEY)
    with serving() as running:
        yield running


def test_a_reply_is_an_answer_or_a_documented_failure(server, tmp_path, capsys):
    settings = {
        "name": "m", "server": "s", "base_url": server.url, "key_env": "SOME_KEY", "timeout_s": 2,
        "attempts": 2, "concurrency": 1, "backoff_s": 0.001, "backoff_max_s": 0.002,
        "patience_s": 0.05, "tokens_field": "max_tokens", "omit": [], "extra": {},
    }  # fmt: skip
    outcomes = {}

    def attempt(rng):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        drawn = Settings(temperature=0.2, top_p=0.1, max_tokens=100)
        asked = Request(step="g0.c0.mutation", segment="A", prompt="Do.", settings=drawn, seed=0)
        server.always = raw(reply(rng))
        books, began = ledger(), time.monotonic()
        with Journal(folder, wait_s=0) as journal:
            try:
                answer = MeteredModel(OpenAI(**settings), journal, books).complete(asked)
                outcome = "answer" if answer.text else "no text"
                extract(answer.text, segment="A", current="class A: pass", others=("B",))
            except (InputError, MachineError) as error:
                outcome = type(error).__name__
                check_texts(str(error))
            check_record(folder, books)
        assert time.monotonic() - began < MOST_S
        told = "".join(capsys.readouterr())
        check_texts(dict.fromkeys(told.split("\n"), ""))
        outcomes[outcome] = outcomes.get(outcome, 0) + 1

    n = fuzz(attempt, least=40)
    print(f"{n} replies: {outcomes}")
    assert outcomes["answer"] > n // 20


def test_code_is_extracted_from_any_answer_in_bounded_time():
    found = []

    def attempt(rng):
        text = TEXT * int(of(rng, (1, 1, 1, 3, 200)))
        for _ in range(int(rng.integers(1, 4))):
            text = mutated(text.encode(), rng).decode("utf-8", "replace")
        began = time.process_time()
        one = extract(text, segment="A", current="class A: pass", others=("B",))
        assert time.process_time() - began < MOST_S
        if one is not None:
            found.append(one)
            assert len(one.note) <= 1000

    n = fuzz(attempt, least=40)
    print(f"{n} answers, code in {len(found)}")
    assert found
