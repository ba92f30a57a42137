"""A child process of the worker, seen from the harness: its memory, its threads, its end."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

_PAGE = os.sysconf("SC_PAGESIZE")


class ChildProcess:
    """One child and all processes that it starts.

    Args:
        pid: Its number in the worker's PID namespace.
        handle: A pidfd, which no other process can take over; None where the host has none.
    """

    def __init__(self, pid: int, handle: int | None) -> None:
        self.pid = pid if handle is None else _number_here(handle)
        self._handle = handle
        self._at_start = self.resident_bytes()

    def resident_bytes(self) -> int:
        """Memory in use by the child and its descendants, 0 where the host does not report it."""
        total = 0
        for pid in _tree(self.pid):
            with contextlib.suppress(OSError, IndexError):  # it ended meanwhile
                pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
                total += int(pages) * _PAGE
        return total

    @property
    def grown_bytes(self) -> int:
        """Memory in use beyond what it shared with the server when it began."""
        return self.resident_bytes() - self._at_start

    @property
    def n_threads(self) -> int:
        """Threads of the child itself, 0 where the host does not report it."""
        with contextlib.suppress(OSError, IndexError):
            stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8", errors="replace")
            return int(stat.rpartition(")")[2].split()[17])
        return 0

    def kill(self) -> None:
        """Kill the child and its process group; a PID namespace ends with its first process."""
        if self.pid > 1:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self._handle is None:
                os.kill(self.pid, signal.SIGKILL)
            else:
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def close(self) -> None:
        """Close the handle."""
        if self._handle is not None:
            os.close(self._handle)


def _number_here(handle: int) -> int:
    """Return the process's number in our own PID namespace, below 1 when it is gone."""
    for line in Path(f"/proc/self/fdinfo/{handle}").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == "Pid":
            return int(value)
    raise ProcessLookupError


def _tree(pid: int) -> Iterator[int]:
    if pid < 1:
        return
    yield pid
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):  # any thread may have forked
        with contextlib.suppress(OSError):
            for child in thread.read_text(encoding="ascii").split():
                yield from _tree(int(child))
