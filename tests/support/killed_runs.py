"""What runs in ``tests/kills`` are, whom they ask, and what must hold of them afterwards."""

import hashlib
import json
import re
import time
from collections import Counter
from dataclasses import asdict
from random import Random

from harness.analysis.loading import read_run
from harness.baselines.nsga_net import sampled
from harness.config.compose import compose_jobs
from harness.config.schema import Budget
from harness.evolution.budget import Ledger
from harness.llm.metering import MeteredModel
from harness.record.journal import Journal, read_events
from tests.conftest import ARMS, ROOT, told
from tests.support.llm_server import completion, says, thinks

KEY = ("OPENAI_API_KEY", "sk-not-to-be-kept-0123456789")
_SLIM = f"network.path={ROOT / 'baselines' / 'networks' / 'slim.py'}"
KINDS = {
    **{arm: (f"ablation={arm}",) for arm in ARMS},
    "llm_typed": ("ablation=llm_typed", _SLIM),
    "test_selection": ("ablation=test_selection", "search.acknowledge_test_selection=true"),
    "halving": ("ablation=random_mutation", "fidelity=halving", "recipe.epochs=9"),
    "confirmed": ("ablation=random_mutation", "confirm.seeds=2"),
    "confirmed, asking": ("ablation=feedback", "confirm.seeds=2"),
    "repaired": ("ablation=feedback", "proposer.repair_attempts=2"),
    "steady state, random edits": ("ablation=random_mutation", "schedule=steady_state"),
    "steady state, ageing": ("ablation=regularized_evolution", "schedule=steady_state"),
    "steady state, repaired": ("ablation=steady_state", "proposer.repair_attempts=2"),
    "at once": ("ablation=full", "compare=[random_mutation,one_plus_one,regularized_evolution]", "runs_at_once=3"),
}  # fmt: skip
"""Settings by the kind of a run: every arm, and what an arm can be combined with."""


def composed(kind, tiny, url, *more):
    """Return the runs of a kind, which ask the server at this address."""
    return compose_jobs([[*overrides_of(kind, tiny, url), *more]])[0]


def overrides_of(kind, tiny, url):
    """Return the settings of a kind."""
    return (
        *tiny, "compare=[]", "sizes.founders=4", "sizes.offspring=4", "budget.evaluations=16",
        "budget.proposals=40", "model=openai", "model.name=thinker", f"model.base_url={url}",
        "model.backoff_s=0.01", "model.backoff_max_s=0.1", "model.attempts=1000", "llm_workers=3",
        *KINDS[kind],
    )  # fmt: skip


def _point(prompt):
    """Answer with a point that the prompt decides."""
    return f"So:\n```json\n{json.dumps(asdict(sampled(Random(prompt))))}\n```"


def _program(prompt):
    """Answer with the file that is shown, with another width that the prompt decides."""
    shown = re.findall(r"```python\n(.*?)\n```", prompt, re.DOTALL)[-1]
    width = 16 + int(hashlib.sha256(prompt.encode()).hexdigest()[:4], 16)
    return f"Here it is.\n```python\n{re.sub(r'[0-9]{2}', str(width), shown)}\n```"


def answers(kind, latency_s=0.01):
    """How a server answers an arm: as the prompt alone decides, after some milliseconds."""
    write = _point if kind == "llm_typed" else _program if kind.startswith("whole") else None

    def act(handler):
        time.sleep(latency_s)
        prompt = handler.request_seen.prompt
        try:
            if write is None:
                return thinks(handler)
            text = write(prompt)
        except IndexError:  # a merge has lost the segment
            text = "I see no such class."
        usage = {"prompt_tokens": len(prompt) // 4, "completion_tokens": len(text) // 4}
        return says(200, completion(text, usage=usage))(handler)

    return act


def course(folder):
    """The events of a run without days, and but those of requests: no run decides which are lost."""
    return {
        key: {name: value for name, value in content.items() if name != "date"}
        for key, content in told(folder).items()
        if not key.startswith(("sent/", "failed/"))
    }


def assert_same(folders, others):
    """Runs took the same course, and their folders have the same files."""
    for one, other in zip(folders, others, strict=True):
        assert one.name == other.name
        assert course(one) == course(other)
        files = [{str(path.relative_to(f)) for path in f.rglob("*")} for f in (one, other)]
        assert files[0] == files[1], files[0] ^ files[1]


def charged(folder):
    """What a run is said to have spent; a further process would hold as much against the budget."""
    run = read_run(folder)
    ledger = Ledger(budget=Budget(evaluations=1, proposals=1), prices={})
    with Journal(folder, wait_s=0) as journal:
        MeteredModel(None, journal, ledger)
    spent = run.usage + run.lost
    assert ledger.spent + ledger._reserved == spent
    return spent


def assert_counted(folders, prompts):
    """Each request that a server has read is charged, answered or not.

    Args:
        folders: Folders of complete runs.
        prompts: What the server has read.
    """
    asked, sent = Counter(prompts), Counter()
    for folder in folders:
        events = read_events(folder)
        prompt = {e.step: e.prompt for e in events if e.KIND == "call"}
        # What no answer came to, before a limit ended the run, has no prompt on record.
        sent.update(prompt.get(e.step) for e in events if e.KIND == "sent")
    assert (asked - sent).total() <= sent[None]
    spent = [charged(folder) for folder in folders]
    assert sum(usage.calls for usage in spent) >= asked.total()
    assert sum(usage.prompt_tokens for usage in spent) >= sum(len(p) // 4 for p in prompts)
