"""A small paper of somebody else: what it claims, and runs on record that were never trained."""

import shutil
from pathlib import Path

from harness.claims.reproduction import read_reproduction
from harness.config.identity import settings_of
from harness.evolution.genome import read_network
from tests.support.records import evaluated, record_run

ARMS = """
comparisons:
  mine:
    arms: [random_mutation, seed_only]
    seeds: [3, 5, 8]
    overrides: [budget.evaluations=2, final.seeds=1]
  dear:
    arms: [full]
    seeds: [0]
    overrides: [model=openai, model.name=some_LLM]
    takes: {device: gpu, llm: true}
"""
CLAIMS = """
title: "A paper, 2025"
sections:
  best:
    title: Best accuracy
    source: A paper, table 1
    figure: generations
    comparison: mine
    measure: best_accuracy
    tolerance: 0.01
    claims:
      - {name: chance, says: chance, arm: random_mutation, published: 0.93}
      - {name: nothing, says: nothing, arm: seed_only, published: 0.99}
      - name: gain
        says: chance less nothing
        arm: random_mutation
        minus: seed_only
        relation: ahead
        published: 0.01
  llm:
    title: With an LLM
    source: A paper, table 2
    figure: fronts
    comparison: dear
    measure: best_accuracy
    claims:
      - {name: asked, says: an LLM, arm: full, published: {1: 0.9, 4: 0.95}}
"""


def write_paper(folder, *, arms=ARMS, claims=CLAIMS):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "arms.yaml").write_text(arms)
    (folder / "claims.yaml").write_text(claims)
    return folder


def record_plan(folder, runs_dir, comparison="mine", *, scores, **changed):
    """Record runs as planned: accuracies are by arm, of one network in each run."""
    reproduction = read_reproduction(folder, [f"runs_dir={runs_dir}"])
    plan = reproduction.plans[comparison]
    group, more = changed.pop("group", "g"), changed.pop("more", {})
    for arm, found in scores.items():
        config = reproduction.config(comparison, arm, plan.seeds[0])
        network = read_network(Path(config.network.path)).digest
        for seed, score in zip(plan.seeds, found, strict=False):
            settings = settings_of(config) | {"network": network, "seed": seed} | more
            told = {"tokens": 0, "children": [("g0.c0", evaluated(score, 900))]} | changed
            folder = Path(runs_dir) / f"{arm}-s{seed}-{group}"
            shutil.rmtree(folder, ignore_errors=True)
            record_run(folder, arm=arm, seed=seed, comparison=group, settings=settings, **told)
