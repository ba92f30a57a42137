"""What a reader of the table must know beside its numbers."""

from collections.abc import Iterator, Sequence

from harness.results import RunResult

REPAIRABLE = ("extract", "intake", "parse", "lint", "imports", "build")
"""Gates that an answer is repaired for."""
HALVED = " (halving)"
"""Marks an arm whose networks did not all get the recipe's epochs."""
SAW_TEST_DATA = " (selected on test data)"
"""Marks an arm whose every figure is worthless as a test of generalisation."""


def notes_on(runs: Sequence[RunResult]) -> list[str]:
    """Explain the columns, then tell what came to pass in each run."""
    config = runs[0].manifest["config"]
    final = config["final"]
    notes = [
        "valid %: proposals that passed every gate and trained. best val. acc. %: the best "
        "validation accuracy among networks of at most the seed's size.",
        f"Pick: the smallest network of the front within {100 * final['tolerance']:g} point of "
        f"the seed network's validation accuracy, else the most accurate. In search: its score in "
        f"the one training that found it, luck included; re-trained and test acc.: the same "
        f"network on {final['seeds']} fresh seeds per run, mean ± standard deviation over all of "
        f"them; the search never saw the test split"
        + (f", except where marked{SAW_TEST_DATA}." if any(r.saw_test_data for r in runs) else "."),
        "cost: of all answers, in the currency of conf/prices. "
        "Hypervolume: accuracy above chance times decades below ten times the seed's parameters. "
        "train s: all trainings, those of the seed network and after the search included.",
    ]
    for run in runs:
        who = f"{run.arm}{HALVED if run.halved else ''}, seed {run.seed}"
        notes += (f"{who}: {note}" for note in _told(run))
    if config["budget"].get("train_s"):
        notes.append("budget.train_s was set: when an arm ends depends on the machine.")
    if any("~" in run.arm for run in runs):
        notes.append("An arm with ~ in its name got answers to other prompts: no evidence of GE.")
    if len({run.seed for run in runs}) == 1:
        notes.append("One seed: a demonstration, supports no conclusion.")
    return [*notes, *dict.fromkeys(map(_measured_on, runs))]


def _told(run: RunResult) -> Iterator[str]:
    yield from _told_of_calls(run)
    yield from _told_of_fates(run)
    if run.confirmed:
        yield (
            f"networks re-trained on fresh seeds, {run.manifest['config']['confirm']['seeds']} "
            f"each and beyond the budget, before they served as examples or the pick was chosen "
            f"among them by what they came to: {len(run.confirmed)}."
        )
        if failed := sum(not values for values in run.confirmed.values()):
            yield f"of these, left out since one of their re-trainings failed: {failed}."
    planned = run.manifest["config"]["final"]["seeds"] * (1 + bool(run.pick)) if run.complete else 0
    steps = ["seed", *([run.pick.step] if run.pick else [])]
    if (missing := planned - sum(len(run.finals.get(step, ())) for step in steps)) > 0:
        yield f"re-trainings that failed: {missing}."
    if run.complete and not run.retrained:
        yield "recorded before re-trainings were scored on the validation split."
    if not run.complete:
        yield "not complete; the same command goes on."


def _told_of_fates(run: RunResult) -> Iterator[str]:
    refused = sorted((gate, n) for gate, n in run.gates.items() if gate != "fidelity")
    if refused:
        yield f"refused by {', '.join(f'{n} {gate}' for gate, n in refused)}."
    if run.halved:
        yield (
            f"{run.outpaced} of {run.evaluations} networks were outpaced after fewer epochs than "
            f"the recipe has, and count as evaluations and as valid; all got {run.epochs} epochs "
            f"in the search."
        )
    if limited := sum(c.machine_dependent for c in run.candidates):
        yield f"fates that depend on this machine: {limited}."


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
    if asked := sum(int(v["detail"].get("repairs", 0)) for v, _ in variations):
        last = [
            c for c in run.candidates if c.variations and "repairs" in c.variations[-1]["detail"]
        ]
        good = sum(c.gate not in REPAIRABLE for c in last)
        yield (
            f"asked {asked} times to repair what a gate refused; {good} of {len(last)} "
            f"children whose last answer was repaired passed the gates."
        )
    helped = sum("extraction" in v["detail"] for v, _ in variations)
    if helped:
        yield f"answers with more than asked for, or under another name: {helped}."


def _measured_on(run: RunResult) -> str:
    """Say where the numbers come from, as recorded with the run."""
    machine, packages = run.manifest["machine"], run.manifest["packages"]
    return (
        f"Measured on {machine['device']} with torch {machine['torch']}, Python "
        f"{machine['python']}, sandbox {machine['sandbox']}, by guided-evolution "
        f"{packages['guided-evolution']}, commit {run.manifest['commit'] or 'unknown'}."
    )
