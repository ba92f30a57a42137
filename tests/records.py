"""Journals written by hand: runs whose every number is known."""

from harness.journal import Journal


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
    evaluations=3,
    finals=(0.97, 0.98, 0.99),
):
    """Write a run's journal by hand; a child is (step, fate, source)."""
    manifest = {
        "arm": arm, "seed": seed, "comparison": comparison, "variant": variant or f"{arm}-variant",
        "config": {"budget": {"evaluations": evaluations}, "final": {"seeds": 3, "tolerance": 0.01, "hall_of_fame": 9},
                   "search": {"split": split}, "network": "4c4196f6", "recipe": {"epochs": 5}},
        "data": {"name": "digits", "n_classes": 10, "digest": "c060ebd9"}, "study": study, "commit": "abc1234",
        "machine": {"device": "cpu", "torch": "2.9", "python": "3.11.7", "sandbox": "isolated"},
        "packages": {"guided-evolution": "0.1.0"},
    }  # fmt: skip
    if asked:
        manifest["config"]["proposer"] = {"model": {"name": asked}}
    with Journal(folder, wait_s=0) as journal:
        journal.record("manifest", manifest, at=0.0)
        seed_fate = {"accuracy": 0.98, "n_params": 1000, "train_s": 2.0}
        journal.record("training/search/seed/1", seed_fate)
        journal.record("reference", {"fate": seed_fate, "measured": seed_fate, "source": ""})
        for k, (step, fate) in enumerate(children):
            if tokens != 0:
                call = {
                    "model": "some_LLM", "prompt_tokens": tokens, "completion_tokens": 20,
                    "asked": members[k % len(members)] if members else asked, "price": price,
                    "requested": {"max_tokens": 100}, "prompt": "Improve it.", "answer": f"x = {k}",
                }  # fmt: skip
                journal.record(f"call/{step}.mutation", call)
            if "accuracy" in fate:
                journal.record(f"training/search/{step}/1", fate)
            detail = dict(details[k]) if k < len(details) else {}
            calls = [f"{step}.mutation"] if tokens != 0 else []
            variation = {"operator": "mutation", "segment": "A", "detail": detail, "calls": calls}
            child = {
                "generation": int(step[1]),
                "parents": ["seed"],
                "variations": [variation],
                "source": f"# segment: A\nx = {k}\n",
            }
            journal.record(f"proposal/{step}", child | {"fate": fate, "measured": fate})
        for step in ("seed", *(s for s, f in children if "accuracy" in f)):
            for k, accuracy in enumerate(finals):
                journal.record(
                    f"final/{step}/{k}",
                    {"accuracy": accuracy, "validation": accuracy - 0.005, "train_s": 2.0},
                )
        if complete:
            journal.record("complete", {})


def evaluated(accuracy, n_params):
    return {"accuracy": accuracy, "n_params": n_params, "train_s": 1.5}


LINT = {"gate": "lint", "kind": "lint", "reason": "F821"}
SLOW = {"gate": "train", "kind": "timeout", "reason": "took longer than 60 s"}
