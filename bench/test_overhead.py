"""What a candidate costs beside its training, from proposal to record."""

import statistics
import time
from dataclasses import replace
from itertools import pairwise
from operator import attrgetter
from random import Random

import pytest

from baselines.syntax_edits import mutated
from bench.conftest import THREADS
from harness.config.schema import LEVELS
from harness.evaluation.evaluator import Trial
from harness.evaluation.gates import STATIC_GATES
from harness.evaluation.scoring import _shuffled
from harness.evolution.candidate import Evaluation, Rejection
from harness.llm.offline import Scripted
from harness.record.events import ChildDecided
from harness.record.journal import Journal
from harness.record.study import Decisions
from harness.runs.composed_arm import compose_arm
from harness.runs.manifest import manifest_of
from harness.runs.run import run
from harness.runs.spec import specify
from harness.sandbox.attack_target import Target
from harness.sandbox.messages import Attack, Build
from tests.support.backends import open_backend
from tests.support.jobs import candidate

NOBODY = Target(folder="/", pid=1, tcp=1, udp=1, abstract="nobody")
N = 60


class AtOnce:
    """Stands where training is, and takes no time; no two networks come to the same."""

    def search(self, genome, *, seed, split="validation", epochs=None):
        return Evaluation(score=Random(genome.digest).random(), n_params=1000, train_s=0.0)

    def final(self, genome, *, seed):
        return self.search(genome, seed=seed)


def answer(network, k):
    """An LLM's answer with a changed version of every segment."""
    edited = (mutated({name: network[name]}, rng=Random(k)) for name in network.names)
    return "\n".join(f"```python\n{source}\n```" for _, source, _ in edited)


def test_from_proposal_to_record(benchmark, config, digits, network, tmp_path):
    """GE's whole loop, one child a generation: prompt, answer at once, extraction, every gate in
    the full sandbox, selection, journal on disk; the training alone takes no time."""
    answers = [answer(network, k) for k in range(N)]
    chosen = replace(
        config,
        sizes=replace(config.sizes, founders=1, offspring=1),
        budget=replace(config.budget, evaluations=N, proposals=2 * N),
        model={"_target_": "harness.llm.offline.Scripted", "answers": answers},
        final=replace(config.final, seeds=1, hall_of_fame=1),
        study=None,
    )
    told = []

    def listen(event):
        if isinstance(event, ChildDecided):
            told.append((time.perf_counter(), isinstance(event.outcome, Rejection)))

    with (
        open_backend(chosen, digits, network) as backend,
        Journal(tmp_path / "run", wait_s=0, listener=listen) as journal,
    ):
        manifest = manifest_of(specify(chosen, digits, network), backend.machine)
        journal.record(manifest)
        at_once = replace(backend, evaluate=AtOnce())
        scripted = Scripted(answers=answers)
        arm = compose_arm(
            chosen, journal, model=scripted, data=manifest.data, decisions=Decisions()
        )
        benchmark.pedantic(lambda: run(chosen, network, arm, at_once, journal), rounds=1)
        level = backend.machine["sandbox"]
    times = [b - a for (a, _), (b, refused) in pairwise(told) if not refused]
    benchmark.extra_info |= {
        "a candidate, from proposal to record, median": f"{1e3 * statistics.median(times):.0f} ms",
        "the same, 9 of 10 take at most": f"{1e3 * sorted(times)[len(times) * 9 // 10]:.0f} ms",
        "candidates": len(times),
        "sandbox": level,
    }


def test_all_gates(benchmark, config, digits, network):
    fresh = (network.replace("DW", f"{network['DW']}\n\n\nN = {n}\n") for n in range(10**6))
    with open_backend(config, digits, network) as backend:
        benchmark.pedantic(
            backend.validate, setup=lambda: ((next(fresh),), {}), rounds=40, warmup_rounds=5
        )


@pytest.mark.parametrize("gate", STATIC_GATES, ids=attrgetter("name"))
def test_gate(benchmark, gate, network):
    fresh = (network.replace("DW", f"{network['DW']}\n\n\nN = {n}\n") for n in range(10**6))
    benchmark.pedantic(gate.refusal, setup=lambda: ((next(fresh),), {}), rounds=40, warmup_rounds=5)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("task", ["nothing", "build", "build and digest"])
def test_confined_process(benchmark, trains, digits, level, task):
    """Fork, confine, do nothing or build (and digest the network's behaviour), end."""
    nothing = Attack(attacks=(), target=NOBODY)
    with trains(digits, most=level) as (sandbox, job):
        does = nothing if task == "nothing" else Build(candidate=job.candidate)

        def once():
            with sandbox.run(does, time_limit_s=30) as session:
                session.receive()
                if task == "build and digest":
                    session.receive_array("u1")

        benchmark.pedantic(once, rounds=40, warmup_rounds=5)


@pytest.mark.parametrize("part", ["outline", "count", "score twice", "calibrate"])
def test_trust(benchmark, config, digits, network, part):
    """What it costs on digits that a score can be believed: none of it is training."""
    recipe = replace(config.recipe, epochs=1)
    with open_backend(replace(config, recipe=recipe), digits, network) as backend:
        evaluate, images = backend.evaluate, digits.validation
        chosen = candidate(network, evaluate._signature, recipe)
        outline = evaluate._outline(chosen)
        trial = Trial(genome=network, recipe=recipe, splits=["validation"], seed=0)
        offer, _ = evaluate._train(trial, chosen, outline, None)
        audit = evaluate._scorer._job
        order = _shuffled(images)

        def count():
            with evaluate._sandbox.run(audit, time_limit_s=60) as session:
                session.send(outline, offer.header, offer.payload)
                session.receive(), session.receive()

        if part == "outline":
            benchmark.pedantic(evaluate._outline, args=(chosen,), rounds=20, warmup_rounds=2)
        elif part == "count":
            benchmark.pedantic(count, rounds=20, warmup_rounds=2)
        else:
            programs = [0, 1] if part == "score twice" else [-1]
            with evaluate._sandbox.run(audit, time_limit_s=600) as session:
                session.send(outline, offer.header, offer.payload)
                session.receive(), session.receive()
                benchmark.pedantic(
                    lambda: [
                        evaluate._scorer._answers(session, images, p, images.inputs[order], order)
                        for p in programs
                    ],
                    rounds=20, warmup_rounds=2,
                )  # fmt: skip
        benchmark.extra_info["threads"] = THREADS
