"""Whole runs of these arms against a real server: told what was measured, replayed without it."""

import json
import re
from dataclasses import asdict
from random import Random

import pytest

from harness.analysis.loading import read_run
from harness.baselines.nsga_net import sampled
from harness.config.compose import compose
from tests.conftest import ROOT
from tests.support.backends import complete_folders
from tests.support.commands import run_main
from tests.support.llm_server import completion, says, serving

NETWORKS = ROOT / "baselines" / "networks"
KEY = "sk-not-to-be-kept-0123456789"


def point(handler):
    """Answer with a point that the prompt decides."""
    answer = json.dumps(asdict(sampled(Random(handler.request_seen.prompt))))
    says(200, completion(f"So:\n```json\n{answer}\n```"))(handler)


def program(handler):
    """Answer with the file that is shown, another width in it for each call."""
    shown = re.search(r"```python\n(.*?)\n```", handler.request_seen.prompt, re.DOTALL)[1]
    code = re.sub(r"\b\d\d\b", str(16 + len(handler.server.seen)), shown)
    says(200, completion(f"Here it is.\n```python\n{code}\n```"))(handler)


@pytest.mark.parametrize(
    ("arm", "act", "network"),
    [
        pytest.param(
            "llm_typed", point, [f"network.path={NETWORKS}/slim.py"], marks=pytest.mark.slow
        ),
        pytest.param("whole_network_best_of_n", program, [], marks=pytest.mark.slow),
        ("whole_network_sequential", program, []),
    ],
)
def test_a_run_tells_what_was_measured_and_replays_without_the_server(
    arm, act, network, quick, tmp_path, executor, monkeypatch
):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serving() as server:
        server.always = act
        settings = [
            *quick, *network, f"+ablation={arm}", "compare=[]", "model=openai", "model.name=m",
            "budget.evaluations=4", "llm_workers=1", f"model.base_url={server.url}",
            f"runs_dir={tmp_path}",
        ]  # fmt: skip
        (folder,) = complete_folders([compose(settings)], executor)
    run = read_run(folder)
    assert run.complete
    assert run.evaluations == 4
    prompts = [seen.prompt for seen in server.seen]
    assert {seen.body["temperature"] for seen in server.seen} == {1.0}
    told = [
        f"{100 * c.objectives.score:.2f}%, {c.objectives.n_params:,} parameters"
        for c in run.candidates
        if c.objectives
    ]
    if arm == "whole_network_best_of_n":
        assert len(set(prompts)) == 1
    else:
        assert told[0] not in prompts[0]
        assert told[0] in prompts[-1]
    done = run_main(tmp_path, "--out", tmp_path / "again", module="harness.replay")
    assert done.returncode == 0, done.stderr
