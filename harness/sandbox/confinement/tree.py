"""A file tree of its own: what a candidate may read, under the same names, and nothing else.

Landlock hides what is in a file. It does not hide whether a path exists, its size and times, or
where a link leads: that takes a root under which the path does not exist.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from harness.sandbox.confinement.system import mount

_PLACES = ("/dev/shm", "/mnt", "/tmp", "/srv")  # noqa: S108 - mounted over, in our namespace alone
_NOSUID_NODEV, _BIND, _RECURSIVE, _PRIVATE = 0x2 | 0x4, 0x1000, 0x4000, 0x40000


def lay_out(paths: Iterable[str]) -> int:
    """Mount a tree of these files and folders; return a descriptor of its top.

    It needs a mount namespace of its own, in which it covers one folder that no path lies in.

    Raises:
        OSError: The host does not allow it.
    """
    existing = [Path(path) for path in sorted(paths) if Path(path).exists()]
    place = _free_folder(existing)
    mount("none", "/", None, _PRIVATE | _RECURSIVE)  # nothing mounted later appears in it
    mount("tmpfs", str(place), "tmpfs", _NOSUID_NODEV, "mode=755")
    bound: set[Path] = set()
    for path in existing:
        if bound.isdisjoint(path.parents):  # else it is there, and the host's folder stays as it is
            _bind(path, place / path.relative_to("/"))
            bound.add(path)
    return os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def enter(top: int) -> None:
    """Make the tree this process's root; closes the descriptor. Needs the right to change roots."""
    os.fchdir(top)
    os.chroot(".")
    os.close(top)


def _free_folder(paths: list[Path]) -> Path:
    for place in map(Path, _PLACES):
        if place.is_dir() and not any(path.resolve().is_relative_to(place) for path in paths):
            return place
    raise FileNotFoundError(None, f"no folder among {', '.join(_PLACES)} to mount it on")


def _bind(path: Path, target: Path) -> None:
    if path.is_dir():
        target.mkdir(parents=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    mount(str(path), str(target), None, _BIND | _RECURSIVE)
