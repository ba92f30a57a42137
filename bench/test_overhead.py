"""What a candidate costs beside its training, from proposal to record."""

import math
import statistics
import time
from dataclasses import replace
from itertools import pairwise
from operator import attrgetter
from random import Random

import pytest
import torch

from bench.conftest import THREADS
from harness.baselines.syntax_edits import mutated
from harness.config.schema import LEVELS
from harness.evaluation.behaviour.live_code import behaviour_of
from harness.evaluation.checkpoint import CheckpointFile
from harness.evaluation.evaluator import Stopwatch, Trial
from harness.evaluation.gates import STATIC_GATES
from harness.evaluation.scoring import TOLERANCE, _shuffled
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
from harness.worker.jobs import _check_built
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
    assert len(times) > N // 2  # a refusal is cheaper
    benchmark.extra_info |= {
        "a candidate, from proposal to record, median": f"{1e3 * statistics.median(times):.0f} ms",
        "the same, 9 of 10 take at most": f"{1e3 * sorted(times)[len(times) * 9 // 10]:.0f} ms",
        "candidates": len(times),
        "sandbox": level,
    }


def test_all_gates(benchmark, config, digits, network):
    fresh = (network.replace("DW", f"{network['DW']}\n\n\nN = {n}\n") for n in range(10**6))
    with open_backend(config, digits, network) as backend:
        gated = benchmark.pedantic(
            backend.validate,
            setup=lambda: ((next(fresh),), {"seed": 0}),
            rounds=40,
            warmup_rounds=5,
        )
    assert gated.refusal is None


@pytest.mark.parametrize("gate", STATIC_GATES, ids=attrgetter("name"))
def test_gate(benchmark, gate, network):
    fresh = (network.replace("DW", f"{network['DW']}\n\n\nN = {n}\n") for n in range(10**6))
    refusal = benchmark.pedantic(
        gate.refusal, setup=lambda: ((next(fresh),), {}), rounds=40, warmup_rounds=5
    )
    assert refusal is None


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("task", ["nothing", "build"])
def test_confined_process(benchmark, trains, digits, level, task):
    """Fork, confine, do nothing or build, end."""
    nothing = Attack(attacks=(), target=NOBODY)
    with trains(digits, most=level) as (sandbox, job):
        does = nothing if task == "nothing" else Build(candidate=job.candidate)

        def once():
            with sandbox.run(does, time_limit_s=30) as session:
                session.receive()
                return True

        assert benchmark.pedantic(once, rounds=40, warmup_rounds=5)


@pytest.mark.benchmark(timer=time.process_time)
@pytest.mark.parametrize("part", ["build", "digest"])
def test_processor_time_of_the_build_gate(benchmark, trains, digits, part):
    """Building a network with a forward and a backward pass; the digest of its behaviour."""
    with trains(digits, most="limits") as (_, job):
        built = job.candidate
    roots = (built.signature.class_name, "get_optimizer")
    does = {
        "build": lambda: _check_built(built, "cpu"),
        "digest": lambda: behaviour_of(built.source, roots),
    }
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the build gate
    try:
        benchmark.pedantic(does[part], rounds=20, warmup_rounds=2)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("part", ["outline", "score", "count", "replay twice", "calibrate"])
def test_trust(benchmark, config, digits, network, tmp_path, part):
    """What it costs on digits that a score can be believed: none of it is training."""
    recipe = replace(config.recipe, epochs=1)
    with open_backend(replace(config, recipe=recipe), digits, network) as backend:
        evaluate, images = backend.evaluate, digits.validation
        chosen = candidate(network, evaluate._signature, recipe)
        outline = evaluate._outline(chosen)
        trial = Trial(genome=network, recipe=recipe, splits=["validation"], seed=0)
        checkpoints = CheckpointFile(tmp_path / "training.npz", every_s=math.inf)
        evaluate._train(trial, chosen, checkpoints.start_over(outline), checkpoints, Stopwatch())
        (offer,) = checkpoints.offers
        audit = evaluate._scorer._job
        order, most = _shuffled(images), TOLERANCE["float32"]

        def count():
            with evaluate._sandbox.run(audit, time_limit_s=60) as session:
                session.send(outline, offer.header, offer.payload)
                session.receive(), session.receive()

        if part == "outline":
            benchmark.pedantic(evaluate._outline, args=(chosen,), rounds=20, warmup_rounds=2)
        elif part == "score":
            whole = (offer, outline, ["validation"])
            benchmark.pedantic(evaluate._scorer, args=whole, rounds=20, warmup_rounds=2)
        elif part == "count":
            benchmark.pedantic(count, rounds=20, warmup_rounds=2)
        else:
            with evaluate._sandbox.run(audit, time_limit_s=600) as session:
                session.send(outline, offer.header, offer.payload)
                session.receive(), session.receive()
                does = {
                    "replay twice": lambda: evaluate._scorer._score(session, images, most),
                    "calibrate": lambda: evaluate._scorer._first_answers(
                        session, images, -1, order
                    ),
                }
                benchmark.pedantic(does[part], rounds=20, warmup_rounds=2)
        benchmark.extra_info["threads"] = THREADS
