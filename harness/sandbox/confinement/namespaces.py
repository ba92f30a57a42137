"""Namespaces: no other process, network, shared memory, mount or user in sight.

One set for the server, entered before it loads anything, and a PID namespace for each child, so
that the end of a child is the end of all that it started.
"""

import os
import signal

from harness.sandbox.confinement.system import PR_SET_PDEATHSIG, prctl, setns, unshare

_MOUNT = 0x00020000
_CGROUP, _HOSTNAME, _IPC, _USER, _PID, _NETWORK = (
    0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
KINDS = ("cgroup", "uts", "ipc", "user", "pid", "net", "mnt")
"""Their names in ``/proc/PID/ns``."""


def enter() -> str:
    """Continue in a new process in new namespaces; return why the host forbids it, if it does.

    Call it with one thread and before anything large is loaded, for it forks. The calling process
    waits, and ends as the new one ends.
    """
    uid, gid = os.getuid(), os.getgid()
    try:
        unshare(_MOUNT | _CGROUP | _HOSTNAME | _IPC | _USER | _PID | _NETWORK)
    except OSError as error:
        return f"the host forbids user namespaces ({error.strerror})"
    for name, text in (
        ("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1"),
    ):  # fmt: skip
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write(text)
    child = os.fork()
    if child:
        os._exit(abs(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    return ""


class PidNamespaces:
    """Gives each child that the server forks next a PID namespace of its own."""

    def __init__(self) -> None:
        self._own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def renew(self) -> None:
        """Make the next child the first process of a new namespace."""
        setns(self._own, _PID)  # only from its own namespace may a process make another one
        unshare(_PID)
