"""Arms that other packages bring: their entry points, their YAML files, and renamed imports."""

import functools
from collections.abc import Iterator
from importlib import resources
from importlib.metadata import entry_points
from importlib.resources.abc import Traversable

from yaml import YAMLError

from harness.config.bounded_yaml import require_bounded
from harness.config.moved import describe_moved
from harness.config.paths import CONF
from harness.errors import InputError

PROPOSERS = "guided_evolution.proposers"
"""Entry points by which other packages add arms: the arm's name, and the package that has it."""


def third_party_arms() -> Iterator[tuple[str, str]]:
    """Yield the arm and the package of each entry point.

    Raises:
        InputError: An arm has a name of ours, its package cannot be imported, or has no YAML.
    """
    for point in entry_points(group=PROPOSERS):
        prefix = f"{PROPOSERS}: {point.value} registers the arm {point.name}, expected "
        if (CONF / "ablation" / f"{point.name}.yaml").is_file():
            raise InputError(f"{prefix}another name: the harness has an arm of this name.")
        try:
            yaml = resources.files(point.module) / "conf" / "ablation" / f"{point.name}.yaml"
        except Exception as error:  # noqa: BLE001 - it is their code that runs
            raise InputError(
                f"{prefix}a package that can be imported; importing it raised {error!r}. "
                f"{describe_moved(error) or 'Correct or remove it.'}"
            ) from None
        if not yaml.is_file():
            raise InputError(f"{prefix}the file {yaml}, found none. Add it, or remove the package.")
        for where, reason in _unusable(point.module):
            raise InputError(f"{prefix}YAML within the limits, {where} is not: {reason}.")
        yield point.name, point.module


def yaml_texts(folder: Traversable) -> Iterator[tuple[Traversable, str]]:
    """Yield every YAML file below a folder, sorted by name, with its text."""
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from yaml_texts(entry)
        elif entry.name.endswith(".yaml"):
            yield entry, entry.read_text(encoding="utf-8")


@functools.cache
def _unusable(module: str) -> tuple[tuple[str, str], ...]:
    """Return the files of a package's ``conf`` that ``require_bounded`` refuses, and why."""
    found = []
    for file, text in yaml_texts(resources.files(module) / "conf"):
        try:
            require_bounded(text, interpolates=True)
        except (ValueError, YAMLError) as error:
            found.append((str(file), " ".join(str(error).split())))
    return tuple(found)


def third_party(target: str) -> dict[str, str]:
    """Return name and version of the package a strategy comes from; empty if it is ours.

    Args:
        target: Import path of the strategy's class.
    """
    package = target.split(".", maxsplit=1)[0]
    points = [p for p in entry_points(group=PROPOSERS) if p.module.split(".")[0] == package]
    return {p.dist.name: p.dist.version for p in points if p.dist}
