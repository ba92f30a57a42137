"""System calls and outcomes of attacks on the sandbox."""

import ctypes
import os
from collections.abc import Mapping


class NotTriedError(Exception):
    """The attack cannot be tried on this host."""


def succeeds_if(condition: object) -> None:
    """Raise RuntimeError unless the attack had an effect."""
    if not condition:
        raise RuntimeError("without effect")


_NUMBERS: Mapping[str, Mapping[str, int]] = {
    "x86_64": {
        "process_vm_readv": 310, "ptrace": 101, "unshare": 272, "mount": 165, "shmget": 29,
        "io_uring_setup": 425, "bpf": 321, "mincore": 27, "sysinfo": 99, "clone": 56, "sendto": 44,
    },
    "aarch64": {
        "process_vm_readv": 270, "ptrace": 117, "unshare": 97, "mount": 40, "shmget": 194,
        "io_uring_setup": 425, "bpf": 280, "mincore": 232, "sysinfo": 179, "clone": 220,
        "sendto": 206,
    },
}  # fmt: skip
"""System call numbers per architecture, from the kernel's headers."""


def system_call(name: str, *arguments: int, allowed: tuple[int, ...] = ()) -> None:
    """Make a system call; an error number in ``allowed`` means that the filter permitted it."""
    machine = os.uname().machine
    if machine not in _NUMBERS:
        raise NotTriedError(f"the system call number of {name} is unknown on {machine}")
    number = _NUMBERS[machine][name]
    libc = ctypes.CDLL(None, use_errno=True)
    given = [ctypes.c_ulong(a) for a in arguments]
    if libc.syscall(ctypes.c_long(number), *given) < 0 and ctypes.get_errno() not in allowed:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
