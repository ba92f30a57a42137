"""The manifest, the first event of a run: its settings, data, machine, packages and code."""

import json
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from harness.analysis.arm import leaves_of
from harness.config.identity import digest_of, variant_digest
from harness.config.paths import ROOT
from harness.config.plugins import third_party
from harness.config.strategies import TARGET, build, strategy_class
from harness.errors import InputError
from harness.evaluation.cache import processor
from harness.evolution.proposer import labels_of
from harness.evolution.selection import Selection
from harness.record.circumstances import CodeChanged
from harness.record.code.digests import differing_files, files_of_run, some_of
from harness.record.code.imports import OURS
from harness.record.consistency import problem_of
from harness.record.event import Event
from harness.record.events import Data, Manifest, RunCompleted
from harness.record.journal import Journal, read_kind
from harness.runs.spec import RunSpec, classes_of
from harness.secrets import without_secrets
from harness.tasks.base import Dataset, scale_of
from harness.terminal import say
from harness.text import each_text


def data_of(dataset: Dataset) -> Data:
    """Return what a manifest says of a data set."""
    return Data(
        name=dataset.name,
        digest=dataset.digest,
        kind=dataset.kind,
        chance=scale_of(dataset.kind).chance(dataset),
        details={
            "n_train": len(dataset.train),
            "n_validation": len(dataset.validation),
            "n_test": len(dataset.test),
            **({"notes": list(dataset.notes)} if dataset.notes else {}),
        },
    )


def manifest_of(spec: RunSpec, machine: Mapping[str, Any]) -> Manifest:
    """Return the manifest of a run.

    Args:
        spec: The run.
        machine: The machine, as its backend describes it.

    Raises:
        InputError: No table could be built from a run with this manifest.
    """
    config, dataset, study = spec.config, spec.dataset, spec.study
    manifest = Manifest(
        arm=config.arm,
        seed=config.seed,
        comparison=spec.comparison,
        variant=variant_digest(spec.identity),
        settings=dict(spec.identity),
        data=data_of(dataset),
        study={"model": study.model, "date": study.date} if study else None,
        prompts=digest_of(config.proposer.get("prompts", config.prompts)),
        labels=labels_of(strategy_class(config.proposer[TARGET])),
        machine={"cpu": processor(), "python": platform.python_version(), **machine},
        packages=installed(),
        commit=_commit(files_of_run(classes_of(config)).values()),
        score_only=getattr(build(config.selection), "score_only", Selection.score_only),
        code=spec.code,
        hashes=spec.hashes,
        training_price=config.training_price,
    )
    if problem := problem_of([manifest]):  # before any work, since tables would refuse it later
        raise InputError(
            f"{spec.folder}: expected settings, data and a machine from which tables can be built, "
            f"found a run of which {problem}. Correct what this names."
        )
    return manifest


def require_same_run(spec: RunSpec, events: Sequence[Event] | None = None) -> None:
    """Refuse a run that was recorded with other settings or other code than there are here.

    Other code may be accepted. A complete run of an earlier version, which recorded no code, is
    taken as it is.

    Args:
        spec: The run.
        events: What is recorded of it; by default what its folder holds.

    Raises:
        InputError: It was recorded with other settings or other code.
    """
    if events is None:
        kinds = (Manifest, CodeChanged, RunCompleted)
        events = [event for kind in kinds for event in read_kind(spec.folder, kind)]
    for event in events:
        if isinstance(event, Manifest):
            _require_same_settings(spec, event)
    was = last_code(events)
    complete = any(isinstance(event, RunCompleted) for event in events)
    if was is None or was.code == spec.code or (complete and not was.code):
        return
    if not spec.config.accept_other_code:
        raise InputError(_on_other_code(spec, was, complete=complete))
    if complete:
        say(f"{spec.folder.name}: shown as it was recorded; {describe_changes(was, spec.code)}.")


def _require_same_settings(spec: RunSpec, was: Manifest) -> None:
    """Raise InputError if a folder holds another run than its name stands for."""
    stored = each_text(dict(spec.identity), without_secrets)
    here, recorded = (leaves_of(json.loads(json.dumps(one))) for one in (stored, was.settings))
    names = [n for n in sorted(here.keys() | recorded.keys()) if here.get(n) != recorded.get(n)]
    shared = was.hashes.keys() & spec.hashes.keys()
    names += [f"the hash of the {n}" for n in sorted(shared) if was.hashes[n] != spec.hashes[n]]
    if names:
        raise InputError(
            f"{spec.folder}: expected the run of these settings that its name stands for, found "
            f"one that differs in {some_of(names)}. Use another runs_dir, or remove the folder."
        )


def record_code(journal: Journal, manifest: Manifest) -> None:
    """Record with which code a run is continued, where that is other code than before."""
    was = last_code(entry.event for entry in journal.entries)
    if was is not None and was.code != manifest.code:
        number = len(journal.all(CodeChanged))
        journal.record(CodeChanged(number=number, code=manifest.code, commit=manifest.commit))


def last_code(events: Iterable[Event]) -> Manifest | CodeChanged | None:
    """Return the event that says with which code a run was last worked on."""
    known = [event for event in events if isinstance(event, Manifest | CodeChanged)]
    return known[-1] if known else None


def describe_changes(was: Manifest | CodeChanged, code: Mapping[str, str]) -> str:
    """Return which files are not those with which a run was recorded, as the end of a sentence."""
    if not was.code:
        return "an earlier version recorded it, without its code"
    files = differing_files(was.code, code)
    n = "1 file has" if len(files) == 1 else f"{len(files) or 'no'} files have"
    return f"{n} changed since then" + (f": {some_of(files)}" if files else "")


def _on_other_code(spec: RunSpec, was: Manifest | CodeChanged, *, complete: bool) -> str:
    folder, commit = spec.folder, was.commit
    choices = ["use another runs_dir", "remove the folder"]
    homes = {name.partition("/")[0] for name in differing_files(was.code, spec.code)}
    back = [f"restore {_package(home)}" for home in sorted(homes - {OURS})] if was.code else []
    if (OURS in homes or not was.code) and commit and not commit.endswith("-dirty"):
        back.insert(0, f"check out commit {commit} of the harness")
    if back:
        choices.append(f"{' and '.join(back)}, with which it was recorded")
    choices.append(
        "accept_other_code=true shows it as it was recorded"
        if complete
        else "accept_other_code=true continues it with both, and its table says so"
    )
    return (
        f"{folder}: expected a run recorded with the code that is here, but "
        f"{describe_changes(was, spec.code)}. Choose: {'; '.join(choices)}."
    )


def _package(home: str) -> str:
    """Return a name for the code of a package outside of the harness, with its version if known."""
    home = home.removesuffix(".py")
    known = [f"{name} {version}" for name, version in third_party(home).items()]
    return f"the code of {known[0] if known else home}"


def _commit(files: Iterable[Path]) -> str | None:
    """Return the checkout's commit; None outside a checkout of this project.

    It ends in ``-dirty`` if one of these files, which decide a run, differs from it.
    """
    if not _git("ls-files", "harness/errors.py"):  # another project's, in which this is installed
        return None
    commit = _git("describe", "--always", "--abbrev=12")
    places = [file.resolve() for file in files]  # git follows no links
    inside = [str(place) for place in places if place.is_relative_to(ROOT)]
    changed = commit and _git("status", "--porcelain", "--untracked-files=all", "--", *inside)
    return f"{commit}-dirty" if changed else commit or None


def _git(*arguments: str) -> str:
    """Return what git prints about the folder of this package, nothing where it cannot."""
    command = ["git", "-C", str(ROOT), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()


def installed() -> dict[str, str]:
    """Return names and versions of this package and its direct and indirect dependencies."""
    found: dict[str, str] = {}
    wanted = ["guided-evolution"]
    while wanted:
        name = canonicalize_name(wanted.pop())
        if name in found:
            continue
        try:
            needed = distribution(name)
        except PackageNotFoundError:  # needed on other systems, or for an extra
            continue
        found[name] = needed.version
        wanted += [
            requirement.name
            for requirement in map(Requirement, needed.requires or [])
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        ]
    return dict(sorted(found.items()))
