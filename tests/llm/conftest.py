"""Fixtures: a loopback server and a client of it."""

from functools import partial

import pytest

from harness.llm.openai_client import OpenAI
from harness.record.journal import Journal
from tests.support.llm_client import KEY
from tests.support.llm_server import serving


@pytest.fixture
def server():
    with serving() as running:
        yield running


@pytest.fixture
def client(server):
    """Builds a client of the server; settings replace the defaults."""

    def built(**more):
        settings = {
            "name": "asked", "server": "a server", "base_url": server.url, "key_env": None,
            "timeout_s": 30, "attempts": 3, "concurrency": 8, "backoff_s": 0.05,
            "backoff_max_s": 0.2, "patience_s": 30, "tokens_field": "max_tokens", "omit": [],
            "extra": {},
        }  # fmt: skip
        return OpenAI(**settings | more)

    return built


@pytest.fixture
def model(client, monkeypatch):
    monkeypatch.setenv("SOME_KEY", KEY)
    return partial(client, key_env="SOME_KEY")


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "run", wait_s=0) as opened:
        yield opened
