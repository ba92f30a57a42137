"""Attacks that leave or read traces in the kernel: covert channels between processes."""

import mmap
import os
import resource
import sys
import time
from pathlib import Path

from harness.sandbox.attack_target import Target
from harness.sandbox.attempts import NotTriedError, succeeds_if, system_call

_PAGE_OUT = 21
_ENOMEM, _EFAULT, _EINVAL = 12, 14, 22


def access_time(_: Target) -> None:
    """Read a file whose access time is due for an update; most hosts update it once a day."""
    torch = sys.modules.get("torch")
    library = Path(str(torch.__file__ if torch else os.__file__)).parent
    for folder, _folders, files in os.walk(library):
        for name in files:
            path = Path(folder) / name
            was = path.stat()
            if was.st_size and (was.st_atime <= was.st_mtime or was.st_atime < time.time() - 86400):
                with path.open("rb") as file:
                    file.read(1)
                succeeds_if(path.stat().st_atime != was.st_atime)
                return
    raise NotTriedError("every file was read today")


def forget_pages(_: Target) -> None:
    """Evict a file's pages from the page cache, so that the next read is slow."""
    with Path(os.__file__).open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def page_out(_: Target) -> None:
    """Evict a file's pages from the page cache through a mapping."""
    with (
        Path(os.__file__).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
    ):
        mapped.madvise(_PAGE_OUT)


def cached_pages(_: Target) -> None:
    """Ask which pages are in memory, without reading them."""
    system_call("mincore", 0, mmap.PAGESIZE, 0, allowed=(_ENOMEM, _EFAULT, _EINVAL))


def page_faults(_: Target) -> None:
    """Count the pages that were read from disk, without a clock."""
    resource.getrusage(resource.RUSAGE_SELF)


def host_state(_: Target) -> None:
    """Read load, free memory and number of processes of the host."""
    system_call("sysinfo", 0, allowed=(_EFAULT,))


def inode_numbers(_: Target) -> None:
    """Create a pipe; it takes the next inode number of a machine-wide counter."""
    for end in os.pipe():
        os.close(end)


def pidfds(_: Target) -> None:
    """Start a thread with a pidfd; its inode number counts all processes of the machine."""
    thread, pidfd = 0x10000, 0x1000  # CLONE_THREAD, CLONE_PIDFD; EINVAL without CLONE_SIGHAND
    system_call("clone", thread | pidfd, 0, 0, 0, 0, allowed=(_EINVAL,))


def clock_of_another(target: Target) -> None:
    """Read the processor time of another process, which reveals its activity."""
    time.clock_gettime(~target.pid << 3 | 2)
