"""Runs to replay, and forgeries of them."""

from dataclasses import replace
from random import Random

from harness.analysis.comparison import comparisons
from harness.analysis.loading import read_runs
from harness.baselines.syntax_edits import mutated
from harness.config.compose import compose
from harness.config.identity import hash_of
from harness.evolution.candidate import Evaluation, Gated
from harness.evolution.genome import Genome
from harness.record.events import (
    CallAnswered,
    ChildDecided,
    NetworkGated,
)
from harness.record.journal import read_entries
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.tables import render
from tests.conftest import SEED_NETWORK

NETWORK = Genome.parse(SEED_NETWORK.read_text())


def answer(seed):
    edited = (mutated({name: NETWORK[name]}, rng=Random(seed)) for name in NETWORK.names)
    return "\n".join(f"```python\n{source}\n```" for _, source, _ in edited)


def composed(tiny, folder, arm, *overrides):
    config = compose(
        [
            f"+ablation={arm}",
            *tiny,
            "budget.evaluations=6",
            "rates.p_mate=1",
            "sizes.founders=3",
            f"runs_dir={folder}",
            *overrides,
        ]
    )
    if "model" in config.proposer:
        config.model = {
            "_target_": "harness.llm.offline.Scripted", "answers": [*map(answer, range(6)), "no code"],
        }  # fmt: skip
        config.proposer["model"], config.study = config.model, None
    return config


def tables(folders):
    return [
        render(describe_comparison(c), "markdown") for c in comparisons(read_runs(sorted(folders)))
    ]


def everything(folder):
    return {e.event.key: (e.event.content, e.at) for e in read_entries(folder)}


def with_manifest(recorded, **changes):
    first, *rest = recorded.entries
    changed = replace(first, event=replace(first.event, **changes))
    return replace(recorded, entries=(changed, *rest))


def evaluated_last(recorded):
    return next(
        event for event in reversed(recorded.events)
        if isinstance(event, ChildDecided) and isinstance(event.measured, Evaluation)
    )  # fmt: skip


def with_refusal(recorded, refusal):
    """Forge a run: the last network that was evaluated is refused by a gate instead."""
    was = evaluated_last(recorded)
    forged = {was.key: replace(was, outcome=refusal, measured=refusal)}
    forged |= {
        event.key: replace(event, found=Gated(refusal=refusal))
        for event in recorded.events
        if isinstance(event, NetworkGated) and event.text == hash_of(was.source)
    }
    entries = [replace(e, event=forged.get(e.event.key, e.event)) for e in recorded.entries]
    return replace(recorded, entries=tuple(entries)), was.step


def with_code(recorded, code):
    """Forge a run: code before that of the last answer whose network was trained, as accepted."""
    gates = {e.text: e for e in recorded.events if isinstance(e, NetworkGated)}
    calls = {e.step: e for e in recorded.events if isinstance(e, CallAnswered)}
    was = next(
        e for e in reversed(recorded.events)
        if isinstance(e, ChildDecided) and isinstance(e.measured, Evaluation)
        and [*e.variations[-1].calls] == [f"{e.step}.mutation"]
    )  # fmt: skip
    call, gated = calls[was.variations[-1].calls[0]], gates[hash_of(was.source)]
    before, name = Genome.parse(was.source), was.variations[-1].segment
    answer = f"```python\n{code}{before[name]}\n```"
    genome = before.replace(name, f"{code}{before[name]}")
    child = replace(was, source=genome.source, digest=genome.digest)
    forged = {
        was.key: child,
        call.key: replace(call, answer=answer),
        gated.key: replace(gated, text=hash_of(genome.source)),
    }
    entries = [replace(e, event=forged.get(e.event.key, e.event)) for e in recorded.entries]
    return replace(recorded, entries=tuple(entries)), child
