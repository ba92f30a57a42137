"""Journals written by hand: runs whose every number is known."""

import functools
import json
import random
from importlib.metadata import version

from harness.config.identity import comparison_digest, digest_of, variant_digest
from harness.evolution.candidate import is_charged, outcome_of
from harness.llm.guided import Guided
from harness.record.events import RunCompleted, read_event
from harness.record.journal import Journal
from tests.support.damaged_runs import drop_checksum

LABELS = {"category": "category", "character": "character", "eot": "reflection"}
"""Those of guided variation."""


def record_run(
    folder,
    *,
    arm,
    seed,
    children,
    study=None,
    tokens=100,
    complete=True,
    comparison="c",
    variant=None,
    split="validation",
    asked=None,
    price=None,
    details=(),
    members=(),
    evaluations=None,
    finals=(0.97, 0.98, 0.99),
    text="",
    settings=(),
    labels=None,
    at=0.0,
    compares_functions=True,
    data=(),
    source="",
):
    """Write a run's journal by hand; a child is (step, fate).

    With ``comparison=None`` the manifest states the digest of its settings, as that of any run.
    ``source`` is that of its seed network.
    Without ``evaluations``, its budget has room for three, or for all children where they are more.
    """
    if evaluations is None:
        evaluations = max(3, sum(is_charged(outcome_of(outcome)) for _, outcome in children))
    manifest = _manifest(arm, seed, comparison, variant, study, evaluations, split)
    manifest["config"] |= dict(settings)
    manifest["data"] |= dict(data)
    manifest["labels"] = manifest["labels"] if labels is None else labels
    if asked:
        manifest["config"]["proposer"] = {"model": {"name": asked}}
    if comparison is None:
        manifest["comparison"] = comparison_digest(manifest["config"])
    with Journal(folder, wait_s=0) as journal:
        journal.record(read_event("manifest", manifest), at=at)
        _record_seed(journal, source, compares_functions=compares_functions)
        for k, (step, outcome) in enumerate(children):
            if tokens != 0:
                by = members[k % len(members)] if members else asked
                _record_call(journal, step, k, text, asked=by, price=price, prompt_tokens=tokens)
            if "score" in outcome:
                journal.record(read_event(f"training/search/{step}/1", outcome))
            detail = dict(details[k]) if k < len(details) else {}
            calls = [f"{step}.mutation"] if tokens != 0 else []
            variation = {"operator": "mutation", "segment": "A", "detail": detail, "calls": calls}
            code = f"# segment: A\nx = {k}  # {text}\n"
            journal.record(child(step, outcome, variations=[variation], source=code))
        _record_finals(journal, ["seed", *(s for s, f in children if "score" in f)], finals)
        if complete:
            journal.record(RunCompleted())


def _record_call(journal, step, k, text, **told):
    texts = {"prompt": f"Improve it. {text}", "answer": f"x = {k} {text}"}
    journal.record(call(f"{step}.mutation", completion_tokens=20, **texts, **told))


def _record_seed(journal, source, *, compares_functions):
    outcome = {"score": 0.98, "n_params": 1000, "train_s": 2.0}
    if compares_functions:
        journal.record(read_event("gates/seed", {"behaviour": "0" * 32}))
    journal.record(read_event("training/search/seed/1", outcome))
    journal.record(reference(outcome, source=source))


def _record_finals(journal, steps, scores):
    for step in steps:
        for k, score in enumerate(scores):
            final = {"score": score, "validation": score - 0.005, "n_params": 1, "train_s": 2.0}
            journal.record(read_event(f"final/{step}/{k}", final))


IDENTITY = {
    "version": version("guided-evolution"), "arm": "full", "seed": 0, "data": "c060ebd9", "study": None,
    "proposer": {"_target_": "harness.Guided", "model": {"name": "some_LLM"}, "prompts": {"rules": "None."}},
    "selection": {"_target_": "baselines.Ageing", "capacity": 9},
}  # fmt: skip
"""Settings of a run of this version that decide what its manifest states."""


def identify(stored, **settings):
    """Have a stored manifest state what settings of this version make."""
    known = stored["config"] | IDENTITY | settings
    stored.update(
        arm=known["arm"], config=known, labels=Guided.labels, score_only=True,
        comparison=comparison_digest(known), variant=variant_digest(known),
        prompts=digest_of(known["proposer"]["prompts"]),
        packages={"guided-evolution": known["version"]},
    )  # fmt: skip


def reference(outcome, *, source=""):
    """The seed network's evaluation, as an event."""
    content = {"digest": "d", "source": source, "outcome": outcome, "measured": outcome}
    return read_event("reference", content)


def call(step, **changes):
    """An answered call, as an event."""
    content = {
        "step": step, "segment": "A", "prompt": "Improve it.", "requested": {"max_tokens": 100},
        "answer": "x", "model": "some_LLM", "date": "2026-01-02", "asked": None,
        "finish_reason": "stop", "prompt_tokens": 100, "completion_tokens": 20, "latency_s": 1.0,
        "headers": {}, "applied": None, "price": None,
    }  # fmt: skip
    return read_event(f"call/{step}", content | changes)


def child(step, outcome, **changes):
    """A child that was proposed and decided, as an event."""
    content = {
        "generation": int(step[1]), "parents": ["seed"], "variations": [], "digest": "d",
        "source": "", "outcome": outcome, "measured": outcome,
    }  # fmt: skip
    return read_event(f"proposal/{step}", content | changes)


def manifest(*, evaluations=3, **changes):
    """A run's manifest, as an event."""
    content = _manifest("full", 0, "c", None, None, evaluations, "validation")
    return read_event("manifest", content | changes)


def _manifest(arm, seed, comparison, variant, study, evaluations, split):
    return {
        "arm": arm, "seed": seed, "comparison": comparison, "variant": variant or f"{arm}-variant",
        "config": {"budget": {"evaluations": evaluations}, "final": {"seeds": 3, "tolerance": 0.01, "hall_of_fame": 9,
                             "measure": "saved", "margin": 0.02, "useful": 0.05},
                   "search": {"split": split}, "network": "4c4196f6", "recipe": {"epochs": 5}},
        "data": {"name": "digits", "kind": "image_classification", "chance": 0.1, "digest": "c060ebd9"}, "study": study, "commit": "abc1234", "prompts": "p",
        "labels": LABELS,
        "machine": {"device": "cpu", "torch": "2.9", "python": "3.11.7", "sandbox": "isolated"},
        "packages": {"guided-evolution": "0.1.0"},
    }  # fmt: skip


def evaluated(score, n_params):
    return {"score": score, "n_params": n_params, "train_s": 1.5}


SAME = {"gate": "same function", "kind": "duplicate", "reason": "computes what g0.c0 computes"}
LINT = {"gate": "lint", "kind": "lint", "reason": "F821"}
SLOW = {"gate": "train", "kind": "timeout", "reason": "took longer than 60 s"}


WORDS = [
    "the",
    "layer",
    "keeps",
    "its",
    "width",
    "and",
    "loses",
    "a",
    "normalisation",
    "that",
    "the",
    "next",
    "one",
    "repeats;",
    "a",
    "smaller",
    "kernel",
    "sees",
    "as",
    "much",
    "of",
    "so",
    "small",
    "an",
    "image;",
    "the",
    "gate",
    "is",
    "moved",
    "before",
    "the",
    "sum;",
    "momentum",
    "is",
    "what",
    "averages",
]


def record_study(folder, *, arms, seeds, proposals, source, words=900):
    """Write a study as large as asked for, its prompts, answers and sources as long as real ones.

    Accuracy and size of each child are its parent's, changed at random; nothing else is meant.
    """
    for arm in arms:
        for seed in seeds:
            draw = random.Random(f"{arm} {seed}")
            _record_drawn(folder / f"{arm}-s{seed}", arm, seed, proposals, source, words, draw)


def _record_drawn(folder, arm, seed, proposals, source, words, draw):
    asks = not arm.startswith("random")
    manifest = {
        "arm": arm, "seed": seed, "comparison": "c", "variant": arm, "study": None, "commit": "abc1234", "prompts": "p",
        "config": {"budget": {"evaluations": proposals, "proposals": 5 * proposals}, "network": "4c41",
                   "final": {"seeds": 3, "tolerance": 0.01, "hall_of_fame": 9},
                   "search": {"split": "validation"}, "recipe": {"epochs": 5}},
        "data": {"name": "digits", "kind": "image_classification", "chance": 0.1, "digest": "c060ebd9"},
        "labels": LABELS,
        "machine": {"device": "cpu", "torch": "2.9", "python": "3.11.7", "sandbox": "isolated"},
        "packages": {"guided-evolution": "0.1.0"},
    }  # fmt: skip
    seed_outcome = evaluated(0.98, 518_230)
    living = [("seed", 0.98, 518_230, source)]
    with Journal(folder, wait_s=0) as journal, journal._db:
        put = functools.partial(_put, journal)
        put("manifest", manifest)
        put("training/search/seed/1", seed_outcome)
        put("reference", reference(seed_outcome, source=source).content)
        for k in range(proposals):
            step = f"g{k // 8}.c{k % 8}"
            parent, score, n_params, text = draw.choice(living[-8:])
            operator = draw.choice(
                ["mutation", "eot", "mating"] if asks and k >= 8 else ["mutation"]
            )
            child_source = text.replace("\n\n", f"\n# {step} {draw.choice(WORDS)}\n\n", 1)
            outcome = evaluated(
                round(min(0.995, max(0.1, score + draw.gauss(0, 0.01))), 4),
                int(n_params * draw.choice([0.6, 0.8, 0.95, 1, 1.1] if asks else [0.9, 1, 1, 1.1])),
            )
            if draw.random() < 0.2:
                outcome = draw.choice([LINT, SLOW])
            calls = []
            if asks:
                calls = [f"{step}.{operator}"]
                put(f"call/{calls[0]}", call(
                    calls[0], model="some_LLM-2026-01", asked="some_LLM", segment="DW",
                    prompt="Improve this.\n" + text + " ".join(draw.choices(WORDS, k=words)),
                    answer=" ".join(draw.choices(WORDS, k=words // 2)) + f"\n```python\n{child_source[:2000]}\n```",
                    prompt_tokens=words, completion_tokens=words // 2,
                    price={"prompt": 1.0, "completion": 4.0}, requested={"max_tokens": 1400},
                ).content)  # fmt: skip
            detail = {"category": draw.choice(["complex", "reduce_size"]),
                      "character": draw.choice(["neutral", "expert"])} if asks else {}  # fmt: skip
            variation = {"operator": operator, "segment": "DW", "detail": detail, "calls": calls}
            decided = child(step, outcome, generation=k // 8, parents=[parent],
                            source=child_source, variations=[variation])  # fmt: skip
            put(decided.key, decided.content)
            if "score" in outcome:
                put(f"training/search/{step}/1", outcome)
                living.append((step, outcome["score"], outcome["n_params"], child_source))
        for step, score, _, _ in living:
            for k in range(3):
                value = score - abs(draw.gauss(0, 0.004))
                put(
                    f"final/{step}/{k}",
                    {"score": value, "validation": value - 0.002, "n_params": 1, "train_s": 2.0},
                )
        put("complete", {})


def _put(journal, key, content):
    """Record without waiting for the disk each time."""
    drop_checksum(journal._db)
    journal._db.execute(
        "INSERT INTO event(key, kind, json, at) VALUES (?, ?, ?, ?)",
        (key, key.split("/")[0], json.dumps(content, sort_keys=True), 0.0),
    )
