"""Cores and memory that this process may use: of its machine, its control groups, its Slurm job.

A scheduler or a container gives a process a part of a machine. Where control groups enforce that
part, they tell it. Slurm can be set up without them, and then tells it in the environment alone.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_MEMBERSHIP = Path("/proc/self/cgroup")
_HIERARCHIES = Path("/sys/fs/cgroup")


def cores() -> int:
    """Return the cores that this process may use; a share of them is rounded down."""
    n = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    job = [*_told("SLURM_CPUS_PER_TASK"), *_told("SLURM_CPUS_ON_NODE")]
    return max(1, min([n, *_quotas(), *job]))


def memory_mib() -> int:
    """Return the memory in MiB that this process may use, in use or not."""
    n = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE")
    return min([min([n, *_memory_limits()]) // 2**20, *_memory_of_job()])


def _groups() -> Iterator[Path]:
    """Yield the folders of this process's control groups, each followed by those around it.

    In a container, the paths may be those of the host. The groups that exist here are used then.
    """
    with contextlib.suppress(OSError):
        for line in _MEMBERSHIP.read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            mounts = controllers.split(",") if controllers else ["", "unified"]
            for hierarchy in (_HIERARCHIES / mount for mount in mounts):
                group = hierarchy / path.lstrip("/")
                yield group
                yield from (one for one in group.parents if one.is_relative_to(hierarchy))


def _memory_limits() -> Iterator[int]:
    """Yield the limits in bytes; version 1 has a number near 2**63 for none."""
    for group in _groups():
        for name in ("memory.max", "memory.limit_in_bytes"):
            yield from _numbers(group / name)


def _quotas() -> Iterator[int]:
    """Yield the cores that the share of processor time is worth; version 1 has -1 for no limit."""
    for group in _groups():
        first, second = group / "cpu.cfs_quota_us", group / "cpu.cfs_period_us"
        for numbers in (_numbers(group / "cpu.max"), _numbers(first) + _numbers(second)):
            if len(numbers) == 2 and min(numbers) > 0:  # noqa: PLR2004 - quota and period
                yield numbers[0] // numbers[1]


def _numbers(file: Path) -> list[int]:
    """Return the numbers in a file; none where there is no such file, or a word in it."""
    with contextlib.suppress(OSError, ValueError):
        return [int(word) for word in file.read_text(encoding="ascii").split()]
    return []


def _memory_of_job() -> Iterator[int]:
    """Yield the MiB of memory of a job of Slurm, which has 0 for all of a node."""
    yield from _told("SLURM_MEM_PER_NODE")
    for each in _told("SLURM_MEM_PER_CPU"):
        yield from (each * n for n in _told("SLURM_CPUS_ON_NODE"))


def _told(variable: str) -> Iterator[int]:
    """Yield the number in an environment variable, unless there is none or it is 0."""
    with contextlib.suppress(ValueError):
        if (number := int(os.environ.get(variable, ""))) > 0:
            yield number
