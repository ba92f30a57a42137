"""What a reader of the table must know beside its numbers."""

from collections.abc import Iterator, Mapping, Sequence

from harness.analysis.run_result import HALVED, SAW_TEST_DATA, RunResult
from harness.analysis.stats import seeds_needed
from harness.analysis.trajectory import TARGET_SIZE
from harness.config.identity import digest_of

REPAIRABLE = ("extract", "intake", "parse", "lint", "imports", "build")
"""Gates that an answer is repaired for."""


def on_finding(runs: Sequence[RunResult]) -> Iterator[str]:
    """Explain what was found."""
    manifest = runs[0].manifest
    final, tolerance = manifest.settings["final"], _points(runs)
    yield (
        "seeds: finished of planned, that is of all seeds in this table. Finished runs alone "
        "count; a failure is counted as one, never as a score."
    )
    yield (
        "best val. acc. %: the best validation accuracy that the search found (the seed network "
        "aside) among networks of at most the seed network's size, luck included; mean over runs."
    )
    yield (
        f"pick: the smallest network of a run's front within {tolerance} of the seed network's "
        f"validation accuracy, else the most accurate. In search: its score in the one training "
        f"that found it, luck included. Re-trained: the same network on {final['seeds']} fresh "
        f"seeds. The search never saw the test split"
        + (f", except where marked{SAW_TEST_DATA}." if any(r.saw_test_data for r in runs) else ".")
    )
    yield (
        "test acc. %: mean over runs of the mean over re-trainings, with Student's 95 % interval "
        "over runs; for the seed network over all its re-trainings. One run has no interval. "
        "parameters: median over runs."
    )
    yield (
        f"hypervolume: the area of accuracy and size that a run's front dominates, in accuracy "
        f"above chance times decades of parameters, up to the reference point of "
        f"{100 * manifest.data.chance:g} % accuracy and "
        f"{10 * runs[0].seed_objectives.n_params:,} parameters; more is better. Median over runs "
        f"[quartiles]. anytime: the mean height of its curve over the evaluations, so what is "
        f"found earlier counts more; median."
    )
    yield (
        f"evaluations to half size: how many it took to find a network within {tolerance} of the "
        f"seed network's validation accuracy with at most {TARGET_SIZE:g} times its parameters, by "
        f"the score of the search (expected running time): evaluations of all runs over the number "
        f"of runs that found one (in brackets: those of all)."
    )


def on_comparing(reference: str, others: int) -> Iterator[str]:
    """Explain a comparison of so many arms with one."""
    yield (
        f"Differences are the arm's value less that of {reference}, at each seed that both "
        f"finished: mean with Student's 95 % interval. Ahead: ties count half."
    )
    yield (
        "The interval is of the mean and for one comparison alone; the test is of ranks and for "
        "all of them, so the two need not agree, nor need the medians of the other table."
    )
    yield (
        f"p: exact signed-rank test, two-sided, adjusted by Holm for {others} "
        f"comparison{'s' if others > 1 else ''}; underpowered: with so few seeds no difference "
        f"could be significant at 5 %, however large; {seeds_needed(others)} seeds are enough for "
        f"that (python -m harness.power)."
    )


def on_taking(runs: Sequence[RunResult]) -> Iterator[str]:
    """Explain what runs took."""
    yield (
        "Means over finished runs. valid %: proposals that passed every gate and trained; the "
        "rest were refused by the gates named, in % of all proposals, too."
    )
    yield (
        "cost: of all answers, in the currency of conf/prices. training s: all trainings, those "
        "of the seed network and after the search included."
    )
    budget = runs[0].manifest.settings["budget"]
    limits = {name: limit for name, limit in budget.items() if limit is not None}
    yield (
        "The budget of each run: "
        + ", ".join(
            f"at most {limit:,} {_LIMITS.get(name, name)}" for name, limit in limits.items()
        )
        + "."
    )


_LIMITS = {
    "llm_calls": "LLM calls", "prompt_tokens": "tokens in", "completion_tokens": "tokens out",
    "train_s": "seconds of training", "cost": "of cost",
}  # fmt: skip


def notes_on(runs: Sequence[RunResult]) -> list[str]:
    """Tell what came to pass in the runs, those of which the same is to be told together."""
    told: dict[tuple[str, str], list[int]] = {}
    for run in runs:
        for note in _told(run):
            told.setdefault((f"{run.arm}{HALVED if run.halved else ''}", note), []).append(run.seed)
    notes = [f"{arm}, {named(seeds)}: {note}" for (arm, note), seeds in told.items()]
    if runs[0].manifest.settings["budget"].get("train_s"):
        notes.append("budget.train_s was set: when an arm ends depends on the machine.")
    if any("~" in run.arm for run in runs):
        notes.append("An arm with ~ in its name got answers to other prompts: no evidence of GE.")
    if len({run.seed for run in runs}) == 1:
        notes.append("One seed: a demonstration, supports no conclusion.")
    return [*notes, *dict.fromkeys(map(measured_on, runs))]


def named(seeds: Sequence[int]) -> str:
    """Name seeds: ``seed 0``, ``seeds 0 to 4``, ``seeds 0, 2, 5``."""
    known = sorted(set(seeds))
    if len(known) == 1:
        return f"seed {known[0]}"
    if known == list(range(known[0], known[-1] + 1)):
        return f"seeds {known[0]} to {known[-1]}"
    return f"seeds {', '.join(map(str, known))}"


def provenance(arms: Mapping[str, Sequence[RunResult]]) -> str:
    """Name by digest what these numbers come from: the same names, the same experiment."""
    runs = [run for its_runs in arms.values() for run in its_runs]
    manifest = runs[0].manifest
    answers = {
        name: digest_of(sorted(run.answers for run in its_runs if run.answers))
        for name, its_runs in arms.items()
        if any(run.answers for run in its_runs)
    }
    packages = {digest_of(run.manifest.packages) for run in runs}
    return (
        f"Provenance: settings {manifest.comparison}, data {manifest.data.digest}, seed "
        f"network {manifest.settings['network']}, packages {', '.join(sorted(packages))}, "
        f"answers {', '.join(f'{name} {digest}' for name, digest in answers.items()) or 'none'}."
    )


def _points(runs: Sequence[RunResult]) -> str:
    points = 100 * runs[0].manifest.settings["final"]["tolerance"]
    return f"{points:g} point" + ("" if points == 1 else "s")


def _told(run: RunResult) -> Iterator[str]:
    yield from _told_of_calls(run)
    yield from _told_of_outcomes(run)
    if run.confirmed:
        yield (
            f"networks re-trained on fresh seeds, {run.manifest.settings['confirm']['seeds']} "
            f"each and beyond the budget, before they served as examples or the pick was chosen "
            f"among them by what they came to: {len(run.confirmed)}."
        )
        if failed := sum(not values for values in run.confirmed.values()):
            yield f"of these, left out since one of their re-trainings failed: {failed}."
    planned = run.manifest.settings["final"]["seeds"] * (1 + bool(run.pick)) if run.complete else 0
    steps = ["seed", *([run.pick.step] if run.pick else [])]
    if (missing := planned - sum(len(run.finals.get(step, ())) for step in steps)) > 0:
        yield f"re-trainings that failed: {missing}."
    if run.complete and not run.retrained:
        yield "recorded before re-trainings were scored on the validation split."
    if not run.complete:
        yield "not complete; the same command goes on."


def _told_of_outcomes(run: RunResult) -> Iterator[str]:
    if run.halved:
        yield (
            f"{run.outpaced} of {run.evaluations} networks were outpaced after fewer epochs than "
            f"the recipe has, and count as evaluations and as valid; all got {run.epochs} epochs "
            f"in the search."
        )
    if limited := sum(c.machine_dependent for c in run.candidates):
        yield f"ended by a limit of time or memory, as perhaps not on another machine: {limited}."


def _told_of_calls(run: RunResult) -> Iterator[str]:
    """What calls to an LLM came to beside the numbers of the table."""
    if run.unfinished:
        limits = ", ".join(sorted({f"budget.{limit}" for limit in run.unfinished.values()}))
        yield f"ended by {limits}; calls not sent: {len(run.unfinished)}."
    if run.lost.calls:
        cost = "" if run.lost.cost is None else f" and {run.lost.cost:.4g}"
        yield (
            f"sendings without an answer that may have been billed: {run.lost.calls}, with "
            f"at most {run.lost.tokens:,} tokens{cost}; not in the table."
        )
    if longer := sum(call.longer for call in run.calls.values()):
        yield f"answers longer than asked for, which no limit foresees: {longer}."
    variations = [(v, c) for c in run.candidates for v in c.variations]
    if asked := sum(int(v.detail.get("repairs", 0)) for v, _ in variations):
        last = [c for c in run.candidates if c.variations and "repairs" in c.variations[-1].detail]
        good = sum(c.gate not in REPAIRABLE for c in last)
        yield (
            f"asked {asked} times to repair what a gate refused; {good} of {len(last)} "
            f"children whose last answer was repaired passed the gates."
        )
    helped = sum("extraction" in v.detail for v, _ in variations)
    if helped:
        yield f"answers with more than asked for, or under another name: {helped}."


def measured_on(run: RunResult) -> str:
    """Say on what the numbers were measured and by which code, as recorded with the run."""
    machine, packages = run.manifest.machine, run.manifest.packages
    versions = "".join(
        f", {name} {packages[name]}" for name in ("torchvision", "numpy") if name in packages
    )
    return (
        f"Measured on {machine['device']} with torch {machine['torch']}{versions}, Python "
        f"{machine['python']}, sandbox {machine['sandbox']}, by guided-evolution "
        f"{packages['guided-evolution']}, commit {run.manifest.commit or 'unknown'}."
    )
