"""Frames, answers and parser results that a hostile worker sends."""

import functools
import json
import math
import socket
import threading
import time
import tracemalloc

import numpy as np

from harness.sandbox.frames import Channel, FrameError
from harness.sandbox.job import FAILURES, JobFailed, RunningJob
from harness.sandbox.messages import Answer, answer
from harness.sandbox.parser import _SYNTAX_ERRORS, read_outcome
from tests.sandbox.test_messages import ANSWERS
from tests.support.fuzzing import fuzz, mutated

MOST_BYTES = 1 << 18
MOST_MEMORY = 64 * MOST_BYTES
"""An empty JSON object of two bytes takes 64, and a list holds a pointer to it."""
ODD = (
    None, True, -1, 0, 2**63, 10**4200, -(2**200), 1.5, math.nan, math.inf, "", "\ud800", "\0\x1b[2J",
    "x" * 70_000, [], {}, [[]], {"message": "failure"}, ["a", 1], [None] * 1000,
)  # fmt: skip
SHAPES = ((), (0,), (1,), (7,), (2, 3), (0, 5), (2, 0, 3), (1,) * 8, (64, 10))


def sent(send):
    """Return the bytes of one frame."""
    near, far = socket.socketpair()
    with near, far:
        send(Channel(near, max_bytes=0))
        near.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: far.recv(1 << 16), b""))


ARRAYS = [
    sent(functools.partial(Channel.send_array, array=np.ones(shape, dtype)))
    for shape in SHAPES for dtype in ("u1", "f4", "i8")
]  # fmt: skip
MESSAGES = [answer(message) for message in ANSWERS]


def altered(value, rng):
    """Return a JSON value with one of its parts exchanged, removed, added, or nested deeply."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        name = str(rng.choice(list(value)))
        rest = {key: kept for key, kept in value.items() if key != name}
        match int(rng.integers(0, 6)):
            case 0:
                return rest
            case 1:
                return rest | {name + "x": value[name]}
            case 2:
                return value | {"more": value[name]}
        return value | {name: altered(value[name], rng)}
    if rng.random() < 0.1:
        return json.loads("[" * (depth := int(rng.integers(1, 900))) + "]" * depth)
    return ODD[int(rng.integers(0, len(ODD)))]


def frame(rng):
    """Return the bytes of a frame: sound, altered in its value, or changed in its bytes."""
    if rng.random() < 0.4:
        content = ARRAYS[int(rng.integers(0, len(ARRAYS)))]
    else:
        value = MESSAGES[int(rng.integers(0, len(MESSAGES)))]
        for _ in range(int(rng.integers(0, 3))):
            value = altered(value, rng)
        text = json.dumps(value).encode()
        text = mutated(text, rng) if rng.random() < 0.3 else text
        content = b"j" + len(text).to_bytes(8, "big") + text
    return mutated(content, rng) if rng.random() < 0.4 else content


def heard(content, *, closes, patience_s):
    """Return what a job says that sends these bytes, and what ended it."""
    near, far = socket.socketpair()

    def send():
        try:
            far.sendall(content)
            if closes:
                far.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the harness has closed its end

    sender = threading.Thread(target=send)
    sender.start()
    channel = Channel(near, max_bytes=MOST_BYTES)
    job = RunningJob("train", channel, deadline=time.monotonic() + patience_s)
    told = []
    try:
        while True:
            told.append(job.receive())
    except (FrameError, JobFailed, TimeoutError) as end:
        return told, end
    finally:
        channel.close()
        sender.join()
        far.close()


def test_a_worker_may_send_any_bytes():
    ends = set()

    def attempt(rng):
        content = b"".join(frame(rng) for _ in range(int(rng.integers(1, 5))))
        closes = rng.random() < 0.98
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        told, end = heard(content, closes=closes, patience_s=60 if closes else 0.02)
        assert tracemalloc.get_traced_memory()[1] - before < MOST_MEMORY
        assert len(told) <= len(content) / 9
        assert all(isinstance(message, (Answer, np.ndarray)) for message in told)
        assert not closes or not isinstance(end, TimeoutError)
        if isinstance(end, JobFailed):
            assert end.kind in FAILURES
            assert end.reason.isprintable()
            assert len(end.reason) <= 300
        ends.add(type(end))
        for message in told:
            if isinstance(message, Answer):
                json.dumps(answer(message), allow_nan=False)

    tracemalloc.start()
    try:
        fuzz(attempt, least=100)
    finally:
        tracemalloc.stop()
    assert ends == {FrameError, JobFailed, TimeoutError}


def test_the_process_that_parses_may_say_anything():
    sound = [["", "", 0], ["SyntaxError", "invalid syntax", 3], ["TabError", "tabs", 1],
             ["ValueError", "the source cannot be parsed (MemoryError)", 0]]  # fmt: skip

    def attempt(rng):
        value = [*sound[int(rng.integers(0, len(sound)))]]
        if rng.random() < 0.5:
            value[int(rng.integers(0, 3))] = altered(value, rng)
        text = json.dumps(altered(value, rng) if rng.random() < 0.2 else value).encode()
        error, message, line = read_outcome(mutated(text, rng) if rng.random() < 0.5 else text)
        assert error in {"", "ValueError", *_SYNTAX_ERRORS}
        assert isinstance(message, str)
        assert 0 <= line < 1 << 17

    fuzz(attempt)
