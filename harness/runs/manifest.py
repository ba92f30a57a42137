"""The first event of a run: its settings, its data, its machine, and the packages installed."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from harness.config.identity import digest_of, variant_digest
from harness.config.paths import ROOT
from harness.config.strategies import TARGET, strategy_class
from harness.evaluation.assessor import Backend
from harness.evaluation.cache import processor
from harness.evolution.proposer import labels_of
from harness.record.events import Data, Manifest
from harness.runs.spec import RunSpec


def manifest_of(spec: RunSpec, lab: Backend) -> Manifest:
    """Return the manifest of a run: its settings, data, machine, and packages."""
    config, dataset, study = spec.config, lab.dataset, spec.study
    return Manifest(
        arm=config.arm,
        seed=config.seed,
        comparison=spec.comparison,
        variant=variant_digest(spec.identity),
        settings=dict(spec.identity),
        data=Data(
            name=dataset.name,
            digest=dataset.digest,
            kind="image_classification",
            chance=1 / dataset.n_classes,
            details={
                "n_train": len(dataset.train),
                "n_validation": len(dataset.validation),
                "n_test": len(dataset.test),
            },
        ),
        study={"model": study.model, "date": study.date} if study else None,
        prompts=digest_of(config.prompts),
        labels=labels_of(strategy_class(config.proposer[TARGET])),
        machine={**lab.machine, "cpu": processor(), "python": platform.python_version()},
        packages=installed(),
        commit=_commit(),
    )


def _commit() -> str | None:
    """The checkout's commit, marked where files differ from it; None outside a checkout."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None


def installed() -> dict[str, str]:
    """Return name and version of this package and of all that it needs, directly or not."""
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
