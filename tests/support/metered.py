"""A model, a ledger and requests whose cost is known."""

from harness.config.schema import Budget, Price
from harness.errors import MachineError
from harness.evolution.budget import Ledger
from harness.llm.model import UNMETERED, Completion, Failure, Request, Settings

PRICE = Price(prompt=1_000, completion=10_000)


UNLIMITED = Budget(evaluations=1, proposals=1)


def request(step="g0.c0.mutation", prompt="Write code.", max_tokens=100):
    settings = Settings(temperature=0.2, top_p=0.1, max_tokens=max_tokens)
    return Request(step=step, segment="A", prompt=prompt, settings=settings, seed=0)


def answer(**more):
    known = {"text": "code", "model": "m", "date": "2026-01-01", "asked": "m"}
    return Completion(**known | {"prompt_tokens": 10, "completion_tokens": 5} | more)


class Model:
    """Fails as it is told to, then answers; counts what it is asked."""

    def __init__(self, *failures, reply=None, dies=False):
        self.failures, self.reply, self.dies = list(failures), reply or answer(), dies
        self.asked = 0

    def complete(self, request, meter=UNMETERED):
        for kind in self.failures:
            meter.sending(asked="m")
            self.asked += 1
            meter.failed(Failure(kind=kind, told="", latency_s=0.1))
        self.failures = []
        meter.sending(asked="m")
        self.asked += 1
        if self.dies:
            raise MachineError("the process dies here")
        return self.reply


def ledger(**limits):
    return Ledger(budget=Budget(evaluations=1, proposals=1, **limits), prices={"m": PRICE})
