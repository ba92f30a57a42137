"""Server, key and name of a model are tried before a run, at the least cost."""

import socket
import subprocess
import sys
import time

import pytest

from harness.errors import InputError, MachineError
from harness.llm.model import Ensemble
from tests.conftest import ROOT
from tests.support.llm_client import KEY
from tests.support.llm_server import completion, error, finished, hangs, models, raw, says


def test_a_list_with_the_name_that_needs_the_key_is_enough(server, model, capsys):
    model(name="asked").preflight()
    assert server.listed == [("/v1/models", f"Bearer {KEY}"), ("/v1/models", None)]
    assert server.seen == []
    assert capsys.readouterr().out == ""


def test_a_server_without_keys_is_asked_for_its_list_once(server, client):
    server.lists = says(200, models("models/asked"))
    client(name="asked").preflight()
    assert server.listed == [("/v1/models", None)]
    assert server.seen == []


@pytest.mark.parametrize(
    ("lists", "why"),
    [
        (says(200, models("asked")), "needs no key"),
        (says(200, models("other", "more")), "does not have asked"),
        (error(404, "no such page"), "cannot be read"),
        (error(403, "no permission to list"), "cannot be read"),
        (says(200, "<html>"), "cannot be read"),
        (says(200, {"data": [{"id": 7}, None]}), "cannot be read"),
        (raw(b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000), "cannot be read"),
    ],
)
def test_else_one_token_decides_and_is_told(server, model, capsys, lists, why):
    server.lists = lists
    model().preflight()
    (seen,) = server.seen
    assert (seen.body["max_tokens"], seen.body["model"]) == (1, "asked")
    out = capsys.readouterr().out
    assert f"its list of models {why}, so asked was asked for one token" in out
    assert len(out.splitlines()) == 1


@pytest.mark.parametrize(
    "says_little",
    [
        says(200, finished("length")),
        says(200, finished("stop")),
        says(200, completion("a")),
        error(400, "Could not finish the message because max_tokens or output limit was reached"),
        error(429, "slow down"),
    ],
)
def test_any_sign_that_the_model_is_there_is_enough(server, model, says_little):
    server.lists, server.always = error(404), says_little
    model().preflight()
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("refuses", "told"),
    [
        (error(401, "bad key"), "expected a key that .* accepts, it says 'status 401: told: bad"),
        (
            error(404, "no asked"),
            r"no asked.* model.name=asked2\? \(It refused a request for one token",
        ),
        (error(400, "Unsupported parameter: max_tokens, use max_completion_tokens"), "Correct"),
    ],
)
def test_a_refused_key_name_or_setting_is_an_error_at_once(server, model, refuses, told):
    server.lists, server.always = says(200, models("asked2", "unlike")), refuses
    with pytest.raises(InputError, match=told) as caught:
        model().preflight()
    assert KEY not in str(caught.value)
    assert len(server.seen) == 1


def test_an_unreachable_server_is_an_error_within_seconds_whatever_the_patience(client):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        began = time.monotonic()
        with pytest.raises(
            MachineError,
            match=r"expected http.* to answer a request for its list of models, it.*preflight=false",
        ):
            client(base_url=url, patience_s=3600).preflight()
    assert time.monotonic() - began < 20


def test_a_server_that_only_fails_is_asked_three_times(server, client):
    server.lists = server.always = error(503, "loading")
    with pytest.raises(
        MachineError, match=r"one token of asked, .*server: status 503: told: loading"
    ):
        client().preflight()
    assert len(server.seen) == 3


def test_a_server_that_comes_back_at_once_is_no_error(server, client):
    server.lists, server.script = error(501), [error(503, "restarting")]
    client().preflight()
    assert len(server.seen) == 2


SLOW_DISK = """
import importlib.abc, sys, time
from harness.llm.openai_client import OpenAI

class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name in {"openai", "openai.resources.models", "openai.resources.chat.completions"}:
            time.sleep(1.5)

sys.meta_path.insert(0, Slow())
OpenAI(
    name="asked", server="a server", base_url=sys.argv[1], key_env=None, timeout_s=4, attempts=1,
    concurrency=1, backoff_s=0.05, backoff_max_s=0.2, patience_s=4, tokens_field="max_tokens",
    omit=[], extra={},
).preflight()
"""


def test_importing_the_client_is_no_part_of_the_time_limit(server):
    server.lists = says(200, models("asked"))
    command = [sys.executable, "-c", SLOW_DISK, server.url]
    found = subprocess.run(
        command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")
    assert server.seen == []


def test_a_server_that_hangs_ends_at_the_deadline(server, client):
    server.lists = server.always = hangs
    with pytest.raises(MachineError, match="timeout"):
        client(timeout_s=0.3).preflight()


def test_every_member_of_an_ensemble_is_tried(server, client):
    members = {
        name: {"model": client(name=name), "weight": weight}
        for name, weight in (("asked", 1.0), ("unknown", 0.0))
    }
    server.always = error(404, "no model unknown")
    with pytest.raises(InputError, match="no model unknown"):
        Ensemble(members=members).preflight()
