"""System calls that Python's standard library does not offer."""

import ctypes
import os
from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long

PR_SET_PDEATHSIG = 1
PR_SET_SECCOMP = 22
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38


def syscall(number: int, *arguments: Any) -> int:
    """Make a system call; OSError where it fails."""
    plain = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments]
    outcome: int = _LIBC.syscall(ctypes.c_long(number), *plain)
    if outcome < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return outcome


def prctl(option: int, *arguments: Any) -> None:
    """Set a property of this process; OSError where the kernel refuses."""
    given = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments]
    padded = given + [ctypes.c_ulong(0)] * (4 - len(given))
    if _LIBC.prctl(ctypes.c_int(option), *padded) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def unshare(flags: int) -> None:
    """Leave namespaces shared with the parent; OSError where the host does not allow it."""
    if _LIBC.unshare(ctypes.c_int(flags)) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def setns(fd: int, kind: int) -> None:
    """Enter the namespace behind a descriptor."""
    if _LIBC.setns(ctypes.c_int(fd), ctypes.c_int(kind)) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """Mount a file system, a folder or a file; OSError if the host forbids it."""
    texts = [None if t is None else os.fsencode(t) for t in (source, target, kind, data)]
    if _LIBC.mount(*texts[:3], ctypes.c_ulong(flags), texts[3]) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), target)


def make_mounts_read_only() -> None:
    """Make all mounts of this mount namespace read-only, times of access included."""
    here, recursive, read_only = -100, 0x8000, 1  # AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY
    attributes = (ctypes.c_uint64 * 4)(read_only, 0, 0, 0)
    mount_setattr = 442  # on all architectures
    syscall(
        mount_setattr, here, ctypes.c_char_p(b"/"), recursive, attributes, ctypes.sizeof(attributes)
    )


def drop_capabilities() -> None:
    """Drop every capability; with no_new_privs, none can be regained."""
    version = 0x20080522  # _LINUX_CAPABILITY_VERSION_3: two words of 32 bits for each set
    header = (ctypes.c_uint32 * 2)(version, 0)
    if _LIBC.capset(header, (ctypes.c_uint32 * 6)()) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
