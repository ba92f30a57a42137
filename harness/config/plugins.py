"""Other packages: the arms that they register with their YAML files, and the extras of this one."""

import functools
from collections.abc import Iterator
from importlib import resources
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from importlib.resources.abc import Traversable

from yaml import YAMLError

from harness.config.bounded_yaml import require_bounded
from harness.config.moved import RECORDED, describe_moved
from harness.config.paths import CONF
from harness.errors import InputError

PROPOSERS = "guided_evolution.proposers"
"""Entry points by which other packages add arms: the arm's name, and the package that has it."""


def third_party_arms() -> Iterator[tuple[str, str]]:
    """Yield the arm and the package of each entry point that can be used."""
    yield from (
        (point.name, point.module) for point in entry_points(group=PROPOSERS) if not _problem(point)
    )


def unusable_arms() -> dict[str, str]:
    """Return why an arm that another package registers cannot be used, by the arm's name."""
    return {
        point.name: f"{PROPOSERS}: {point.value} registers the arm {point.name}, expected {problem}"
        for point in entry_points(group=PROPOSERS)
        if (problem := _problem(point))
    }


def require_usable(arm: str) -> None:
    """Raise InputError for an arm that only a package brings which cannot be used."""
    if not _is_ours(arm) and arm in (problems := unusable_arms()):
        raise InputError(problems[arm])


def require_extra(library: str, setting: str, *, extra: str | None = None) -> None:
    """Raise InputError unless a library of an extra is installed.

    Args:
        library: Name of the library.
        setting: What needs it, for the message.
        extra: Name of the extra, by default that of the library.
    """
    try:
        version(library)
    except PackageNotFoundError:
        raise InputError(
            f"{setting}: expected {library}, which is not installed. Run pip install "
            f"'guided-evolution[{extra or library}]', or pip install -e '.[{extra or library}]' in "
            f"a clone."
        ) from None


def _is_ours(arm: str) -> bool:
    return (CONF / "ablation" / f"{arm}.yaml").is_file()


@functools.cache
def _problem(point: EntryPoint) -> str:
    """Return what was expected of an entry point in place of what was found, "" if nothing."""
    if _is_ours(point.name):
        return "another name: the harness has an arm of this name."
    if point.module.partition(".")[0] in RECORDED:
        return "another package: records name the harness's own classes by this one."
    try:
        folder = resources.files(point.module) / "conf"
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is their code that runs
        return (
            f"a package that can be imported; importing it raised {error!r}. "
            f"{describe_moved(error) or 'Correct or remove it.'}"
        )
    yaml = folder / "ablation" / f"{point.name}.yaml"
    if not yaml.is_file():
        return (
            f"the file {yaml}, found none. Add it, with setuptools as package-data, or remove the "
            f"package."
        )
    for where, reason in _unusable(point.module):
        return f"YAML within the limits, {where} is not: {reason}."
    return ""


def yaml_texts(folder: Traversable) -> Iterator[tuple[Traversable, str]]:
    """Yield every YAML file below a folder, sorted by name, with its text."""
    yield from ((file, file.read_text(encoding="utf-8")) for file in _yaml_files(folder))


def _yaml_files(folder: Traversable) -> Iterator[Traversable]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _yaml_files(entry)
        elif entry.name.endswith(".yaml"):
            yield entry


@functools.cache
def _unusable(module: str) -> tuple[tuple[str, str], ...]:
    """Return the files of a package's ``conf`` that cannot be used, and why."""
    found = []
    for file in _yaml_files(resources.files(module) / "conf"):
        try:
            require_bounded(file.read_text(encoding="utf-8"), interpolates=True)
        except (OSError, ValueError, YAMLError) as error:
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
