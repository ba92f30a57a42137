"""The manifest, the first event of a run: its settings, data, machine and installed packages."""

import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from harness.config.identity import digest_of, variant_digest
from harness.config.paths import ROOT
from harness.config.strategies import TARGET, build, strategy_class
from harness.errors import InputError
from harness.evaluation.cache import processor
from harness.evolution.proposer import labels_of
from harness.evolution.selection import Selection
from harness.record.consistency import problem_of
from harness.record.events import Data, Manifest
from harness.runs.spec import RunSpec
from harness.tasks.base import scale_of


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
        data=Data(
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
        ),
        study={"model": study.model, "date": study.date} if study else None,
        prompts=digest_of(config.proposer.get("prompts", config.prompts)),
        labels=labels_of(strategy_class(config.proposer[TARGET])),
        machine={**machine, "cpu": processor(), "python": platform.python_version()},
        packages=installed(),
        commit=_commit(),
        score_only=getattr(build(config.selection), "score_only", Selection.score_only),
    )
    if problem := problem_of([manifest]):  # before any work, since tables would refuse it later
        raise InputError(
            f"{spec.folder}: expected settings, data and a machine from which tables can be built, "
            f"found a run of which {problem}. Correct what this names."
        )
    return manifest


def _commit() -> str | None:
    """Return the checkout's commit, marked if files differ from it; None outside a checkout."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None


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
