"""Rate limiter: concurrency, backoff and pauses."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from random import Random

import openai  # noqa: F401 - importing it takes seconds, which no limit below counts
import pytest

from harness.errors import MachineError
from harness.llm.model import Failure
from harness.llm.rate_limit import RateLimiter
from tests.support.llm_client import OK, request
from tests.support.llm_server import error, says


@pytest.mark.slow
def test_429_halves_the_calls_under_way_and_answers_raise_them_again(server, model):
    def slowly(handler):
        time.sleep(0.2)
        says()(handler)

    full = threading.Barrier(8)

    def together(handler):
        full.wait(20)  # answers only when all eight are under way
        says()(handler)

    asked = model(concurrency=8)
    server.always = together
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(asked.complete, [request(f"g0.c{k}.mutation") for k in range(24)]))
    assert server.most_under_way == 8
    server.always = slowly
    wave = threading.Barrier(8)

    def refused(handler):
        wave.wait(20)  # all eight are under way before the first is refused: halved once
        error(429, retry_after="5")(handler)  # so long that a busy machine sees all refused

    server.script = [refused] * 8
    server.most_under_way = 0
    with ThreadPoolExecutor(16) as pool:
        answers = [pool.submit(asked.complete, request(f"g1.c{k}.mutation")) for k in range(16)]
        while len(server.seen) < 24 + 8 or asked._limiter._in_flight:
            time.sleep(0.01)
        assert asked._limiter._concurrency == 4
        server.most_under_way = 0
        assert all(answer.result().text == OK for answer in answers)
    assert 4 <= server.most_under_way < 8
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(asked.complete, [request(f"g2.c{k}.mutation") for k in range(40)]))
    assert asked._limiter._concurrency == 8


def test_a_dead_endpoint_is_tried_by_one_call_at_a_time(server, model):
    server.script = [error(500)] * 40
    asked = model(backoff_s=0.02, backoff_max_s=0.05)
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(asked.complete, request(f"g0.c{k}.mutation")) for k in range(8)]
        while len(server.seen) < 24:
            time.sleep(0.01)
        server.most_under_way = 0
        while len(server.seen) < 36:
            time.sleep(0.01)
        assert server.most_under_way == 1
        assert all(answer.result().text == OK for answer in answers)


def test_a_request_that_fails_while_others_are_answered_is_given_up_at_last(server, model):
    def act(handler):
        poor = "poor" in handler.request_seen.prompt
        (error(500) if poor else says())(handler)

    server.always = act
    asked, done = model(patience_s=1, backoff_s=0.01, backoff_max_s=0.02), threading.Event()

    def others():
        while not done.is_set():
            asked.complete(request())

    with ThreadPoolExecutor(2) as pool:
        pool.submit(others)
        with pytest.raises(MachineError, match=r"g0\.c9\.mutation: expected an answer"):
            asked.complete(request("g0.c9.mutation", prompt="poor"))
        done.set()


def test_a_rest_that_any_reply_asks_for_is_kept(server, model):
    """Two calls meet the same trouble; the second one's reply says how long."""

    def later(handler):
        time.sleep(0.2)
        error(429, retry_after="1")(handler)

    server.script = [error(429), later]
    asked = model(backoff_s=0.01, backoff_max_s=0.02)
    with ThreadPoolExecutor(2) as pool:
        began = time.monotonic()
        answers = [pool.submit(asked.complete, request(f"g0.c{k}.mutation")) for k in range(2)]
        last = answers[1].result() and answers[0].result() and time.monotonic() - began
    assert last > 1


def test_members_at_one_endpoint_share_its_rate_limiter(server, model):
    def slowly(handler):
        time.sleep(0.05)
        says()(handler)

    server.always = slowly
    members = [model(concurrency=2, name=name) for name in ("a", "b", "c")]
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda k: members[k % 3].complete(request(f"g0.c{k}.mutation")), range(12)))
    assert server.most_under_way == 2


def test_a_long_rest_asked_of_a_concurrent_request_pauses_the_run_too():
    limits = {"concurrency": 2, "backoff_s": 0.01, "backoff_max_s": 0.01, "patience_s": 5}
    limiter = RateLimiter("a server", **limits)
    sent = time.monotonic()
    for rest in (None, 604800.0):
        failed = Failure(kind="server", told="busy", latency_s=0, retry_after_s=rest)
        limiter.attempt(lambda failed=failed: failed, Random(0), since=sent)
    assert limiter.paused
    with pytest.raises(MachineError, match="within 5 s of the pause"), limiter.turn():
        pass


def limited(kind):
    """A limiter of an hour's patience, after one failure whose server asks for 100 s of rest."""
    limits = {"concurrency": 2, "backoff_s": 0.01, "backoff_max_s": 0.01, "patience_s": 3600}
    limiter = RateLimiter("a server", **limits)
    failed = Failure(kind=kind, told="no route", latency_s=0, retry_after_s=100.0)
    limiter.attempt(lambda: failed, Random(0), since=time.monotonic())
    assert limiter.paused
    return limiter


def test_a_server_that_never_replied_is_given_up_after_a_minute():
    limiter = limited("unreachable")
    with pytest.raises(MachineError, match=r"within 60 s .* start it first"), limiter.turn():
        pass


def test_a_server_that_replied_is_waited_for_as_long_as_was_asked():
    assert 90 < limited("server")._wait_s() <= 100
