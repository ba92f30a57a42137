"""Attacks on the host from inside a confined process, to see which of them succeed.

``doctor``, the start of every run and the tests use them. Each attempt returns if it succeeds, and
raises what stopped it if it does not.
"""

import contextlib
import errno
import os
import resource
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from harness.sandbox import traces
from harness.sandbox.attack_target import Target
from harness.sandbox.attempts import NotTriedError, succeeds_if, system_call

_HARMLESS_VARIABLES = frozenset(
    {
        "OMP_NUM_THREADS", "GOMP_SPINCOUNT", "TORCHDYNAMO_DISABLE", "TORCHINDUCTOR_CACHE_DIR",
        "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES",
        "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH", "LC_CTYPE",
    }
)  # fmt: skip

NOT_TRIED = "not tried here: "
"""Prefix of the result of an attack that cannot be tried on this host."""


@dataclass(frozen=True)
class Attack:
    """One attempt.

    Attributes:
        level: The level of confinement from which on it must be stopped.
        tries: What it tries, for people.
        attempt: Raises what stopped it.
        cpu_only: Whether a GPU's driver needs what it uses.
    """

    level: str
    tries: str
    attempt: Callable[[Target], None]
    cpu_only: bool = False

    def run(self, target: Target) -> str:
        """Return what stopped the attack, or why it was not tried; empty where nothing did."""
        try:
            self.attempt(target)
        except NotTriedError as reason:
            return f"{NOT_TRIED}{reason}"
        except (OSError, ValueError, RuntimeError, MemoryError) as error:
            return str(getattr(error, "strerror", None) or error or type(error).__name__)
        return ""


def _secret(target: Target) -> None:
    (Path(target.folder) / "secret").read_bytes()


def _list(target: Target) -> None:
    os.listdir(target.folder)  # noqa: PTH208 - the plain call is the attack


def _write(target: Target) -> None:
    (Path(target.folder) / "planted").write_bytes(b"")


def _overwrite(target: Target) -> None:
    os.close(os.open(Path(target.folder) / "secret", os.O_WRONLY | os.O_TRUNC))


def _change_mode(target: Target) -> None:
    (Path(target.folder) / "secret").chmod(0o777)


def _touch(target: Target) -> None:
    os.utime(Path(target.folder) / "secret", (0, 0))


def _delete(target: Target) -> None:
    (Path(target.folder) / "doomed").unlink()


def _password_file(_: Target) -> None:
    Path("/etc/passwd").read_bytes()


def _environment(target: Target) -> None:
    Path(f"/proc/{target.pid}/environ").read_bytes()


def _memory(target: Target) -> None:
    Path(f"/proc/{target.pid}/mem").open("rb").close()


def _read_remote(target: Target) -> None:
    system_call("process_vm_readv", target.pid, 0, 0, 0, 0, 0)


def _trace(target: Target) -> None:
    system_call("ptrace", 0x4206, target.pid, 0, 0)  # PTRACE_SEIZE


def _signal(target: Target) -> None:
    os.kill(target.pid, 0)


def _limit_of_another(target: Target) -> None:
    resource.prlimit(target.pid, resource.RLIMIT_CORE)


def _priority(target: Target) -> None:
    os.setpriority(os.PRIO_PROCESS, target.pid, 0)


def _signal_by_owner(target: Target) -> None:
    import fcntl

    near, _far = socket.socketpair()
    fcntl.fcntl(near, fcntl.F_SETOWN, target.pid)


def _tcp(target: Target) -> None:
    socket.create_connection(("127.0.0.1", target.tcp), timeout=2)


def _udp(target: Target) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", ("127.0.0.1", target.udp))


def _abstract(target: Target) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(2)
        sock.connect(f"\0{target.abstract}")


def _socket_file(target: Target) -> None:
    """Connect to a socket with a path, as daemons of this host have."""
    if not target.socket:
        raise NotTriedError("the folder for temporary files has too long a path for a socket")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(2)
        sock.connect(target.socket)


def _bind(_: Target) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))


def _fork(_: Target) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _execute(_: Target) -> None:
    os.execv("/bin/true", ["true"])  # noqa: S606 - the attack; where it succeeds, there is no answer


def _new_user(_: Target) -> None:
    system_call("unshare", 0x10000000)  # CLONE_NEWUSER


def _mount(_: Target) -> None:
    system_call("mount", 0, 0, 0, 0, 0, allowed=(14,))  # EFAULT: the call is allowed


def _shared_memory_file(_: Target) -> None:
    path = Path("/dev/shm/guided-evolution-attack")  # noqa: S108 - the attack
    path.write_bytes(b"")
    path.unlink()


def _shared_memory_segment(_: Target) -> None:
    system_call("shmget", 0, 4096, 0o1600)  # IPC_PRIVATE


def _memory_file(_: Target) -> None:
    fd = os.memfd_create("attack")
    os.write(fd, bytes(4096))


def _shared_mapping(_: Target) -> None:
    """Map shared memory, whose pages remain after munmap and are no longer counted."""
    import mmap

    mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)


def _open_neither(target: Target) -> None:
    """Open a file in access mode 3: it grants neither reading nor writing, but a driver may act."""
    os.close(os.open(Path(target.folder) / "secret", 3))


def _out_of_band(_: Target) -> None:
    out_of_band, nowhere = 1, -1
    system_call("sendto", nowhere, 0, 0, out_of_band, 0, 0, allowed=(errno.EBADF,))


def _io_uring(_: Target) -> None:
    system_call("io_uring_setup", 1, 0, allowed=(14,))


def _kernel_program(_: Target) -> None:
    system_call("bpf", 0, 0, 0, allowed=(14, 22, 7))


def _regain_capability(_: Target) -> None:
    succeeds_if(os.geteuid() == 0)
    os.chroot("/")


def _write_a_core(_: Target) -> None:
    succeeds_if(resource.getrlimit(resource.RLIMIT_CORE)[1] != 0)


def _raise_own_limit(_: Target) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))


def _own_environment(_: Target) -> None:
    succeeds_if(os.environ.keys() - _HARMLESS_VARIABLES)


def _inherited_files(_: Target) -> None:
    """Anything open but the channel and the standard three, which lead nowhere."""
    kept = 0
    for fd in range(3, 256):
        with contextlib.suppress(OSError):
            os.fstat(fd)
            kept += 1
    succeeds_if(kept > 1)


def _address_space(_: Target) -> None:
    import mmap

    mmap.mmap(-1, 1 << 44)


def _see_processes(_: Target) -> None:
    succeeds_if(any(name.isdigit() for name in os.listdir("/proc")))  # noqa: PTH208


def _find_process(target: Target) -> None:
    Path(f"/proc/{target.pid}").stat()


def _find_file(target: Target) -> None:
    (Path(target.folder) / "secret").stat()


def _follow_link(target: Target) -> None:
    (Path(target.folder) / "link").readlink()


def _is_not_the_first_process(_: Target) -> None:
    succeeds_if(os.getpid() != 1)


ATTACKS = MappingProxyType(
    {
        "own environment": Attack("limits", "find a key in its environment", _own_environment),
        "inherited files": Attack("limits", "use files left open for it", _inherited_files),
        "address space": Attack("limits", "map 16 TiB of memory", _address_space, cpu_only=True),
        "core dump": Attack("limits", "fill the disk with a core dump", _write_a_core),
        "file size": Attack("limits", "raise its own limits", _raise_own_limit, cpu_only=True),
        "read a file": Attack("contained", "read a file of this user", _secret),
        "list a folder": Attack("contained", "list a folder of this user", _list),
        "read /etc": Attack("contained", "read /etc/passwd", _password_file),
        "write a file": Attack("contained", "create a file", _write),
        "truncate a file": Attack("contained", "empty a file", _overwrite),
        "delete a file": Attack("contained", "delete a file", _delete),
        "change a mode": Attack("contained", "change a file's mode", _change_mode),
        "change times": Attack("contained", "change a file's times", _touch),
        "harness environment": Attack("contained", "read the harness's environment", _environment),
        "harness memory": Attack("contained", "open the harness's memory", _memory),
        "read remotely": Attack("contained", "copy the harness's memory", _read_remote),
        "trace": Attack("contained", "trace the harness", _trace),
        "signal": Attack("contained", "signal the harness", _signal),
        "signal by owner": Attack("contained", "have the kernel signal it", _signal_by_owner),
        "limits of others": Attack("contained", "touch the harness's limits", _limit_of_another),
        "priority": Attack("contained", "touch the harness's priority", _priority),
        "TCP": Attack("contained", "connect by TCP", _tcp),
        "UDP": Attack("contained", "send by UDP", _udp),
        "listen": Attack("contained", "bind a port", _bind),
        "abstract socket": Attack("contained", "connect to an abstract socket", _abstract),
        "socket file": Attack("contained", "connect to a daemon's socket", _socket_file),
        "fork": Attack("contained", "start a process", _fork),
        "execute": Attack("contained", "execute a program", _execute),
        "new user": Attack("contained", "become root of a namespace", _new_user),
        "mount": Attack("contained", "mount a file system", _mount),
        "shared memory": Attack("contained", "leave a file in /dev/shm", _shared_memory_file),
        "segments": Attack("contained", "leave a shared segment", _shared_memory_segment),
        "memory file": Attack("contained", "hide memory in a file", _memory_file, cpu_only=True),
        "shared mapping": Attack(
            "contained", "hide memory in a mapping", _shared_mapping, cpu_only=True
        ),
        "access mode 3": Attack(
            "contained", "open a file for neither reading nor writing", _open_neither
        ),
        "out of band": Attack("contained", "send out-of-band data", _out_of_band),
        "io_uring": Attack("contained", "bypass the filter", _io_uring),
        "kernel program": Attack("contained", "load a program into the kernel", _kernel_program),
        "capabilities": Attack("contained", "use a capability of root", _regain_capability),
        "processes": Attack("contained", "see other processes", _see_processes),
        "links": Attack("contained", "read the target of a link", _follow_link, cpu_only=True),
        "page cache": Attack("contained", "evict pages from the page cache", traces.forget_pages),
        "page out": Attack("contained", "evict pages of a mapping", traces.page_out, cpu_only=True),
        "cached pages": Attack("contained", "ask which pages are cached", traces.cached_pages),
        "page faults": Attack(
            "contained", "count its reads from disk", traces.page_faults, cpu_only=True
        ),
        "state of the host": Attack(
            "contained", "learn load and free memory", traces.host_state, cpu_only=True
        ),
        "inode numbers": Attack(
            "contained", "advance a counter of the kernel", traces.inode_numbers, cpu_only=True
        ),
        "process counter": Attack("contained", "count processes of the host", traces.pidfds),
        "clocks of others": Attack(
            "contained", "read another process's clock", traces.clock_of_another
        ),
        "existence": Attack("isolated", "learn that a file exists", _find_file, cpu_only=True),
        "process numbers": Attack(
            "isolated", "learn that a process exists", _find_process, cpu_only=True
        ),
        "access times": Attack("isolated", "change a file's access time", traces.access_time),
        "own processes": Attack("isolated", "share process numbers", _is_not_the_first_process),
    }
)
