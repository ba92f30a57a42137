"""Shared by the tests of the LLM client: its settings, a key, a request, a meter."""

from harness.llm.model import FAILURES, Request, Settings

SETTINGS = Settings(temperature=0.25, top_p=0.1, max_tokens=900)
KEY = "sk-secret-0123456789"
OK = "```\nclass A: pass\n```"


class Counting:
    """A meter that records each request and failure."""

    def __init__(self):
        self.sent, self.failures = [], []

    def sending(self, *, asked):
        self.sent.append(asked)

    def failed(self, failure):
        assert failure.kind in FAILURES
        self.failures.append(failure)

    @property
    def kinds(self):
        return [failure.kind for failure in self.failures]


def request(step="g0.c0.mutation", prompt="Write code."):
    return Request(step=step, segment="A", prompt=prompt, settings=SETTINGS, seed=0)
