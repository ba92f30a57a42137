"""Private root file system of a candidate: the readable files, under the same names, and no others.

Landlock protects the contents of a file. It does not hide the existence of a path, its size and
times, or the target of a link. A root that lacks the path does.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from harness.sandbox.confinement.system import mount

_PLACES = ("/dev/shm", "/mnt", "/tmp", "/srv")  # noqa: S108 - mounted over, in our namespace alone
_NOSUID_NODEV, _BIND, _RECURSIVE, _PRIVATE = 0x2 | 0x4, 0x1000, 0x4000, 0x40000


def lay_out(paths: Iterable[str]) -> int:
    """Mount a tree of these files and folders; return a descriptor of its root.

    Requires a private mount namespace. The tree covers one folder that contains no path.

    Raises:
        OSError: The host forbids mounts, or each possible mount point contains a path.
    """
    existing = [Path(path) for path in sorted(paths) if Path(path).exists()]
    place = _free_folder(existing)
    mount(
        "none", "/", None, _PRIVATE | _RECURSIVE
    )  # later mounts of the host do not propagate here
    mount("tmpfs", str(place), "tmpfs", _NOSUID_NODEV, "mode=755")
    bound: set[Path] = set()
    for path in existing:
        if bound.isdisjoint(path.parents):  # otherwise the parent's bind mount holds it
            _bind(path, place / path.relative_to("/"))
            bound.add(path)
    return os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def enter(top: int) -> None:
    """Make the tree this process's root, and close the descriptor. Requires CAP_SYS_CHROOT."""
    os.fchdir(top)
    os.chroot(".")
    os.close(top)


def _free_folder(paths: list[Path]) -> Path:
    for place in map(Path, _PLACES):
        if place.is_dir() and not any(path.resolve().is_relative_to(place) for path in paths):
            return place
    raise FileNotFoundError(None, f"no folder among {', '.join(_PLACES)} is free as a mount point")


def _bind(path: Path, target: Path) -> None:
    if path.is_dir():
        target.mkdir(parents=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    mount(str(path), str(target), None, _BIND | _RECURSIVE)
