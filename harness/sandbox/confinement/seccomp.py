"""Seccomp: an allow-list of the system calls that computing needs.

All others fail with EPERM, those that a later kernel adds included. ``clone3`` fails with ENOSYS,
so that the C library falls back to ``clone``, whose flags a filter can see. On a CPU,
no allowed call evicts pages from the page cache, queries the machine, or advances a kernel counter
that a later process can read.
"""

import ctypes
import errno
import platform
import struct
from collections.abc import Iterator

from harness.sandbox.confinement.system import PR_SET_SECCOMP, prctl

_MODE_FILTER = 2
_KILL_PROCESS, _ERRNO, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_LOAD, _AND, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_X32 = 0x40000000
_CLONE_THREAD, _CLONE_NEW, _CLONE_PIDFD = 0x00010000, 0x7E020080, 0x00001000

_X86_64 = {
    "read": 0, "write": 1, "close": 3, "fstat": 5, "poll": 7, "lseek": 8, "mmap": 9,
    "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14,
    "rt_sigreturn": 15, "ioctl": 16, "pread64": 17, "readv": 19, "writev": 20, "sched_yield": 24,
    "mremap": 25, "madvise": 28, "dup": 32, "dup2": 33, "nanosleep": 35,
    "getpid": 39, "sendto": 44, "recvfrom": 45, "clone": 56, "exit": 60, "uname": 63, "fcntl": 72,
    "getcwd": 79, "readlink": 89, "gettimeofday": 96, "getrusage": 98, "sysinfo": 99, "times": 100,
    "getuid": 102, "getgid": 104, "geteuid": 107, "getegid": 108, "getppid": 110,
    "sigaltstack": 131, "prctl": 157, "gettid": 186, "futex": 202, "sched_setaffinity": 203,
    "sched_getaffinity": 204, "getdents64": 217, "set_tid_address": 218, "restart_syscall": 219,
    "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230,
    "exit_group": 231, "epoll_wait": 232, "epoll_ctl": 233, "get_mempolicy": 239,
    "openat": 257, "newfstatat": 262, "readlinkat": 267, "faccessat": 269, "pselect6": 270,
    "ppoll": 271, "set_robust_list": 273, "get_robust_list": 274, "eventfd2": 290,
    "epoll_create1": 291, "dup3": 292, "pipe2": 293, "prlimit64": 302, "getcpu": 309,
    "getrandom": 318, "membarrier": 324, "statx": 332, "rseq": 334, "clone3": 435,
    "faccessat2": 439, "memfd_create": 319, "set_mempolicy": 238, "mbind": 237, "mlock": 149,
    "munlock": 150, "ftruncate": 77,
}  # fmt: skip
_AARCH64 = {
    "read": 63, "write": 64, "close": 57, "fstat": 80, "lseek": 62, "mmap": 222, "mprotect": 226,
    "munmap": 215, "brk": 214, "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139,
    "ioctl": 29, "pread64": 67, "readv": 65, "writev": 66, "sched_yield": 124, "mremap": 216,
    "madvise": 233, "dup": 23, "nanosleep": 101, "getpid": 172, "sendto": 206,
    "recvfrom": 207, "clone": 220, "exit": 93, "uname": 160, "fcntl": 25, "getcwd": 17,
    "gettimeofday": 169, "getrusage": 165, "sysinfo": 179, "times": 153, "getuid": 174,
    "getgid": 176, "geteuid": 175, "getegid": 177, "getppid": 173, "sigaltstack": 132,
    "prctl": 167, "gettid": 178, "futex": 98, "sched_setaffinity": 122, "sched_getaffinity": 123,
    "getdents64": 61, "set_tid_address": 96, "restart_syscall": 128,
    "clock_gettime": 113, "clock_getres": 114, "clock_nanosleep": 115, "exit_group": 94,
    "epoll_ctl": 21, "epoll_pwait": 22, "get_mempolicy": 236, "openat": 56, "newfstatat": 79,
    "readlinkat": 78, "faccessat": 48, "pselect6": 72, "ppoll": 73, "set_robust_list": 99,
    "get_robust_list": 100, "eventfd2": 19, "epoll_create1": 20, "dup3": 24, "pipe2": 59,
    "prlimit64": 261, "getcpu": 168, "getrandom": 278, "membarrier": 283, "statx": 291,
    "rseq": 293, "clone3": 435, "faccessat2": 439, "memfd_create": 279, "set_mempolicy": 237,
    "mbind": 235, "mlock": 228, "munlock": 229, "ftruncate": 46,
}  # fmt: skip
_TABLES = {"x86_64": (0xC000003E, _X86_64), "aarch64": (0xC00000B7, _AARCH64)}

_ONLY_WITH_CUDA = frozenset(
    {
        "memfd_create", "set_mempolicy", "mbind", "mlock", "munlock", "ftruncate",
        # They reveal page faults, load, free memory and targets of links.
        "getrusage", "sysinfo", "times", "readlink", "readlinkat", "getcpu", "get_mempolicy",
        # Each of these descriptors takes the next inode number of a machine-wide counter.
        "pipe2", "eventfd2", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait",
        "dup", "dup2", "dup3", "sched_setaffinity", "get_robust_list", "getppid",
    }
)  # fmt: skip
"""System calls that a GPU driver may need, and computation on a CPU does not."""
_FREE_WITH_CUDA = frozenset({"ioctl", "madvise", "mmap"})
"""System calls whose arguments a GPU driver chooses."""
_WHOLE = 0xFFFFFFFF
_CREATE, _TRUNCATE, _ACCESS_MODE = 0o100, 0o1000, 3
_BY_ARGUMENT: dict[str, tuple[int, int, frozenset[int]]] = {
    "prlimit64": (0, _WHOLE, frozenset({0})),  # this process only
    "sched_setaffinity": (0, _WHOLE, frozenset({0})),  # this thread only
    # FIONBIO, FIOCLEX, FIONREAD, TCGETS: Python uses them on descriptors.
    "ioctl": (1, _WHOLE, frozenset({0x5421, 0x5451, 0x541B, 0x5401})),
    # MADV_NORMAL, _DONTNEED, _FREE, _(NO)HUGEPAGE, _WIPEONFORK, _GUARD_INSTALL and _REMOVE:
    # for allocators and stacks. Not _WILLNEED, _COLD, _PAGEOUT, which affect the page cache.
    "madvise": (2, _WHOLE, frozenset({0, 4, 8, 14, 15, 18, 102, 103})),
    # Not F_SETOWN and F_SETSIG, which send signals to others when a descriptor is ready.
    "fcntl": (1, _WHOLE, frozenset({0, 1, 2, 3, 4, 1030})),
    # PR_SET_NAME, PR_GET_NAME, PR_SET_VMA: names of threads and memory.
    "prctl": (0, _WHOLE, frozenset({15, 16, 0x53564D41})),
    # MAP_PRIVATE without MAP_HUGETLB. Pages of a shared mapping stay in memory after munmap of all
    # but one, and are not counted. Huge pages are not counted, either.
    "mmap": (3, 0x4000F, frozenset({2})),
    # Read-only, except for devices of a GPU. Landlock before version 3 allows truncation, and every
    # version allows access mode 3, which some device drivers act on.
    "openat": (2, _ACCESS_MODE | _CREATE | _TRUNCATE, frozenset({0, 1, 2})),
    # Clocks of this process and of the system. Negative ids are clocks of other processes.
    "clock_gettime": (0, ~0xF & _WHOLE, frozenset({0})),
    "clock_getres": (0, ~0xF & _WHOLE, frozenset({0})),
    "clock_nanosleep": (0, ~0xF & _WHOLE, frozenset({0})),
    # Not MSG_OOB: no code here uses it.
    "sendto": (3, 1, frozenset({0})),
    "recvfrom": (3, 1, frozenset({0})),
}
"""Index of the filtered argument, mask of its bits, and their allowed values."""
_ONLY_READS = frozenset({0})


def supported() -> bool:
    """Return whether this processor's system calls are known here."""
    return platform.machine() in _TABLES


def compiled(*, cuda: bool) -> bytes:
    """Return the filter as a program for the kernel."""
    architecture, numbers = _TABLES[platform.machine()]
    return b"".join(_program(architecture, numbers, cuda=cuda))


def install(program: bytes) -> None:
    """Apply to this thread and all that it starts, for good; needs no_new_privs."""
    code = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    prctl(PR_SET_SECCOMP, _MODE_FILTER, ctypes.c_char_p(head))


def _program(architecture: int, numbers: dict[str, int], *, cuda: bool) -> Iterator[bytes]:
    yield _instruction(_LOAD, _ARCHITECTURE_AT)
    yield _instruction(_JUMP_EQUAL, architecture, otherwise=0, then=1)
    yield _instruction(_RETURN, _KILL_PROCESS)
    yield _instruction(_LOAD, _NUMBER_AT)
    if architecture == _TABLES["x86_64"][0]:
        yield _instruction(_JUMP_AT_LEAST, _X32, then=0, otherwise=1)
        yield _instruction(_RETURN, _ERRNO | errno.EPERM)
    for name, number in numbers.items():
        if name in _ONLY_WITH_CUDA and not cuda:
            continue
        rule = list(_rule(name, cuda=cuda))
        yield _instruction(_JUMP_EQUAL, number, then=0, otherwise=len(rule))
        yield from rule
    yield _instruction(_RETURN, _ERRNO | errno.EPERM)


def _rule(name: str, *, cuda: bool) -> Iterator[bytes]:
    """Yield the instructions for a call of this name; every path returns."""
    if name == "clone3":
        yield _instruction(_RETURN, _ERRNO | errno.ENOSYS)
    elif (
        name == "clone"
    ):  # threads only, in the same namespaces, without a pidfd and its inode number
        yield _instruction(_LOAD, _ARGUMENTS_AT)
        yield _instruction(_AND, _CLONE_THREAD | _CLONE_NEW | _CLONE_PIDFD)
        yield _instruction(_JUMP_EQUAL, _CLONE_THREAD, then=0, otherwise=1)
        yield _instruction(_RETURN, _ALLOW)
        yield _instruction(_RETURN, _ERRNO | errno.EPERM)
    elif name in _BY_ARGUMENT and not (cuda and name in _FREE_WITH_CUDA):
        index, mask, values = _BY_ARGUMENT[name]
        if name == "openat" and not cuda:
            values = _ONLY_READS
        yield _instruction(_LOAD, _ARGUMENTS_AT + 8 * index)
        yield _instruction(_AND, mask)
        for value in sorted(values):
            yield _instruction(_JUMP_EQUAL, value, then=0, otherwise=1)
            yield _instruction(_RETURN, _ALLOW)
        yield _instruction(_RETURN, _ERRNO | errno.EPERM)
    else:
        yield _instruction(_RETURN, _ALLOW)


def _instruction(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    """One instruction of classic BPF; jumps count instructions from the next one on."""
    return struct.pack("HBBI", code, then, otherwise, value)
