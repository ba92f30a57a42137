"""Processes of one command: who started it, and their end when it ends."""

import os
import select
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The process that was started as the command, as seen from any other."""

    host: str
    pid: int
    started: str
    """When, in ticks since the machine was booted: another process may get its number."""
    allocation: str
    """The job of Slurm that it is a part of, "" for none."""

    @classmethod
    def of(cls, pid: int) -> Self:
        """Return a process of this machine by its number."""
        host = socket.gethostname()
        return cls(host=host, pid=pid, started=_started(pid), allocation=_allocation())

    @property
    def is_this(self) -> bool:
        """Whether it is the process that asks."""
        return self.pid == os.getpid() and self.is_near

    @property
    def is_near(self) -> bool:
        """Whether it shares this machine, or this part of it, with the process that asks.

        A job of Slurm has a part of its own, on whatever machine it runs.
        """
        return (self.host, self.allocation) == (socket.gethostname(), _allocation())

    def end_with_it(self) -> None:
        """End this process as soon as the owner ends, however it does, if it is near.

        What a killed command leaves behind would go on to use the machine. A cluster's jobs are
        ended by the cluster alone.
        """
        if not (self.is_near and hasattr(os, "pidfd_open")):
            return
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            os._exit(1)
        if _started(self.pid) != self.started:
            os._exit(1)
        threading.Thread(target=_end_after, args=(handle,), daemon=True).start()


def _end_after(handle: int) -> None:
    select.select([handle], [], [])  # readable once the process has ended
    os._exit(1)


def _allocation() -> str:
    return os.environ.get("SLURM_JOB_ID", "")


def _started(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]
