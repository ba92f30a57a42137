"""Processes as the kernel shows them."""

import os
import time
from pathlib import Path


def alive(pid):
    """Say whether a process runs; what only waits to be reaped does not."""
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def descendants(pid):
    """Yield the children of a process, and theirs; one may end meanwhile."""
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = thread.read_text().split()
        except OSError:
            continue
        for one in map(int, children):
            yield one
            yield from descendants(one)


def command_of(pid):
    """Return the words of a process's command line, none of one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def named_after(seconds):
    """Wait, and return the number of this process."""
    time.sleep(seconds)
    return os.getpid()


def all_end(pids, within_s=100):
    """Wait until none of these processes runs; return whether that happens in time."""
    deadline = time.monotonic() + within_s
    while any(map(alive, pids)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
