"""Notes on where numbers come from: who answered and trained, machines, versions, code."""

from collections.abc import Hashable, Iterator, Mapping, Sequence

from harness.analysis.arm import Arm
from harness.analysis.comparison import seeds_text
from harness.analysis.run_result import RunResult
from harness.config.identity import digest_of
from harness.record.code.digests import differing_files, digest_of_code, some_of
from harness.reporting.notes.note import Note

REPLAYED = (
    "Replayed from the record: nothing was asked or trained for this table, and every number is "
    "the record's."
)
RETRAINED = (
    "Re-trained from the record: answers and decisions are the record's, and every number is of "
    "networks trained again for this table."
)
_TRAINED = "networks trained in its own runs"


def on_answers(arm: Arm) -> Note:
    """Return who answered in the search of an arm, and where its networks were trained."""
    if studies := [run.manifest.study for run in arm.runs if run.manifest.study]:
        searches = {study["date"] + " with " * bool(study["model"]) + study["model"]
                    for study in studies}  # fmt: skip
        text = f"search recorded {', '.join(sorted(searches))}; {_TRAINED}"
        return Note(text) if arm.models else Note(f"{arm.name}: {text}", arm.name)
    if arm.models:
        return Note(f"{arm.name}: answers by {', '.join(arm.models)}; {_TRAINED}", arm.name)
    return Note(f"{arm.name}: searched and trained in its own runs", arm.name)


def on_machines(arms: Sequence[Arm]) -> Iterator[Note]:
    """Yield machines and versions, with the runs that each holds for where they differ."""
    by_text: dict[str, list[tuple[Arm, RunResult]]] = {}
    for arm in arms:
        for run in arm.runs:
            by_text.setdefault(measured_on(run), []).append((arm, run))
    if seeds := _seeds_that_differ(arms):
        yield Note(
            f"At {seeds_text(seeds)} the seed network has different scores in different "
            f"runs: they were trained on machines that round differently, or on a GPU without "
            f"deterministic=true, and a difference between arms may be the machine's."
        )
    for text, runs in by_text.items():
        if len(by_text) == 1:
            yield Note(text)
        else:
            of = {arm.name for arm, _ in runs}
            yield Note(
                f"{_named(runs)}: {text[0].lower()}{text[1:]}", of.pop() if len(of) == 1 else None
            )


def _seeds_that_differ(arms: Sequence[Arm]) -> list[int]:
    """Return the seeds at which the seed network scored differently in two complete runs.

    Runs in which another number of its re-trainings failed are not compared.
    """
    scores: dict[tuple[int, int], set[Hashable]] = {}
    for run in (run for arm in arms for run in arm.finished):
        finals = run.finals.get("seed", ())
        scores.setdefault((run.seed, len(finals)), set()).add((run.seed_objectives, finals))
    return sorted({seed for (seed, _), found in scores.items() if len(found) > 1})


def on_code(arms: Sequence[Arm]) -> Iterator[str]:
    """Yield which runs were recorded with which code, where that is not one code.

    Files that only one of two arms has tell nothing: they are what makes it another arm.
    """
    runs = [(arm, run) for arm in arms for run in arm.runs]
    alike: list[tuple[dict[str, str], list[tuple[Arm, RunResult]]]] = []
    for arm, run in runs:
        code = run.manifest.code
        for known, members in alike:
            if bool(known) == bool(code) and not _differing(known, code):
                known.update(code)
                members.append((arm, run))
                break
        else:
            alike.append((dict(code), [(arm, run)]))
    if len(alike) > 1:
        yield from _on_differing(alike)


def _on_differing(
    alike: Sequence[tuple[Mapping[str, str], Sequence[tuple[Arm, RunResult]]]],
) -> Iterator[str]:
    parts = []
    for code, members in alike:
        commits = dict.fromkeys(run.manifest.commit or "unknown" for _, run in members)
        digest = f"code {digest_of_code(code)}" if code else "code that is not on record"
        parts.append(f"{_named(members)} with {digest}, commit {', '.join(commits)}")
    known = [code for code, _ in alike if code]
    files = sorted({name for code in known for name in _differing(known[0], code)})
    yield (
        f"Not all runs were recorded with the same code, so a difference may be the code's: "
        f"{'; '.join(parts)}." + (f" Files that differ: {some_of(files)}." if files else "")
    )


def _differing(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    shared = one.keys() & other.keys()
    return differing_files({n: one[n] for n in shared}, {n: other[n] for n in shared})


def _named(runs: Sequence[tuple[Arm, RunResult]]) -> str:
    """Return the arms of some runs, with their seeds where an arm has others, too."""
    seeds: dict[str, list[int]] = {}
    for arm, run in runs:
        seeds.setdefault(arm.name, []).append(run.seed)
    whole = {arm.name for arm, _ in runs if len(seeds[arm.name]) == len(arm.runs)}
    return ", ".join(
        name if name in whole else f"{name} ({seeds_text(its)})" for name, its in seeds.items()
    )


def measured_on(run: RunResult) -> str:
    """Return the machine and the versions that a run was measured with, as recorded."""
    machine, packages = run.manifest.machine, run.manifest.packages
    kind = machine.get("cuda" if machine["device"] == "cuda" else "cpu")
    versions = "".join(
        f", {name} {packages[name]}" for name in ("torchvision", "numpy") if name in packages
    )
    device = machine["device"] + (f" ({kind})" if kind else "")
    return (
        f"Measured on {device} with torch {machine['torch']}{versions}, Python "
        f"{machine['python']}, sandbox {machine['sandbox']}, by guided-evolution "
        f"{packages['guided-evolution']}, commit {run.manifest.commit or 'unknown'}."
    )


def provenance(arms: Mapping[str, Sequence[RunResult]]) -> str:
    """Return the digests of what these numbers depend on beside the machine."""
    runs = [run for its_runs in arms.values() for run in its_runs]
    manifest = runs[0].manifest
    settings = dict.fromkeys(run.manifest.comparison for run in runs)
    answers = {
        name: digest_of(sorted(run.answers for run in its_runs if run.answers))
        for name, its_runs in arms.items()
        if any(run.answers for run in its_runs)
    }
    packages = {digest_of(run.manifest.packages) for run in runs}
    codes = {digest_of_code(run.manifest.code) for run in runs if run.manifest.code}
    return (
        f"Provenance: settings {', '.join(settings)}, data {manifest.data.digest}, seed "
        f"network {manifest.settings['network']}, packages {', '.join(sorted(packages))}, "
        + (f"code {', '.join(sorted(codes))}, " if codes else "")
        + f"answers {', '.join(f'{name} {digest}' for name, digest in answers.items()) or 'none'}."
    )
