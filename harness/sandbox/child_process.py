"""A child process of the worker, seen from the harness: its memory, its threads, its end."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

_PAGE = os.sysconf("SC_PAGESIZE")
_PAUSE_S = 0.001


class ChildProcess:
    """One child and all processes that it starts.

    Args:
        pid: Its number in the worker's PID namespace.
        handle: A pidfd, which no other process can take over; None where the host has none.
    """

    def __init__(self, pid: int, handle: int | None) -> None:
        self._handle = handle
        self.pid = pid if handle is None else self._number_here()
        self._at_start = self.resident_bytes()

    def resident_bytes(self) -> int:
        """Memory in use by the child and its descendants.

        0 if the host does not report it, or if the child has ended.
        """
        return self._unless_ended(sum(map(_resident_pages, _tree(self.pid))) * _PAGE)

    @property
    def grown_bytes(self) -> int:
        """Memory in use beyond what it shared with the server when it began."""
        return self.resident_bytes() - self._at_start

    @property
    def n_threads(self) -> int:
        """Threads of the child itself; 0 if the host does not report it, or if it has ended."""
        with contextlib.suppress(OSError, IndexError):
            stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8", errors="replace")
            return self._unless_ended(int(stat.rpartition(")")[2].split()[17]))
        return 0

    def kill(self) -> None:
        """Kill the child.

        The server kills what the child leaves behind; a PID namespace ends with its first process.
        Without a pidfd, the child and its process group are killed by their number.
        """
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self._handle is not None:
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            elif self.pid > 1:
                os.kill(self.pid, signal.SIGKILL)
                os.killpg(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Close the handle."""
        if self._handle is not None:
            os.close(self._handle)

    def _unless_ended(self, measured: int) -> int:
        """Return what was read about the child's number; 0 if that may be another process by now.

        The number is free for other processes once the server has reaped the child.
        """
        return measured if self._handle is None or self._number_here() == self.pid else 0

    def _number_here(self) -> int:
        """Return the child's number in our own PID namespace, below 1 if it was reaped."""
        info = Path(f"/proc/self/fdinfo/{self._handle}").read_text(encoding="ascii")
        for line in info.splitlines():
            name, _, value = line.partition(":")
            if name == "Pid":
                return int(value)
        raise ProcessLookupError


def kill_children(process: subprocess.Popen[bytes], *, patience_s: float) -> None:
    """Stop a process for good, kill its children and what they leave to it, and wait for their end.

    A stopped process reaps none of them, so that no other process gets one of their numbers.
    """
    process.send_signal(signal.SIGSTOP)
    deadline = time.monotonic() + patience_s
    while process.poll() is None and time.monotonic() < deadline:
        if _state(process.pid) in "tT":
            living = [pid for pid in _children(process.pid) if _state(pid) not in "ZX"]
            for pid in living:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not living:
                return
        time.sleep(_PAUSE_S)


def _state(pid: int) -> str:
    """Return the letter that the kernel gives for what a process does; Z if there is none."""
    with contextlib.suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return stat.rpartition(")")[2].split()[0]
    return "Z"


def _resident_pages(pid: int) -> int:
    """Return the resident pages of a process, 0 if it has ended.

    The kernel reports none for a main thread that has left; the other threads share its memory.
    """
    process = Path(f"/proc/{pid}")
    for source in chain([process], process.glob("task/*")):
        with contextlib.suppress(OSError, IndexError):  # it ended meanwhile
            if pages := int((source / "statm").read_text(encoding="ascii").split()[1]):
                return pages
    return 0


def _tree(pid: int) -> Iterator[int]:
    if pid < 1:
        return
    yield pid
    for child in _children(pid):
        yield from _tree(child)


def _children(pid: int) -> Iterator[int]:
    threads: list[Path] = []
    with contextlib.suppress(OSError):  # the process may end between two looks
        threads += Path(f"/proc/{pid}/task").glob("*/children")  # any thread may have forked
    for thread in threads:
        with contextlib.suppress(OSError):
            yield from map(int, thread.read_text(encoding="ascii").split())
