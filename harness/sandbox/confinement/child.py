"""Confinement of a child before it runs candidate code: descriptors, limits, files, system calls.

No step can be undone.
"""

import contextlib
import os
import resource
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

from harness.sandbox.confinement import files, landlock, seccomp, tree
from harness.sandbox.confinement.system import (
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
    drop_capabilities,
    make_mounts_read_only,
    prctl,
)

_OPEN_FILES = {"cpu": 64, "cuda": 1024}
_CPU_MARGIN_S = 10


@dataclass(kw_only=True)
class Confinement:
    """Confinement that is prepared once, before any child is forked.

    Attributes:
        exclude: Folder of the harness's code, sub-packages included, which no candidate may read.
        enforce: Whether to restrict files and system calls, or to set limits alone.
        missing: Why this host cannot restrict files or system calls.
    """

    exclude: Path
    enforce: bool
    missing: list[str] = field(default_factory=list)
    _rulesets: dict[bool, landlock.Ruleset] = field(default_factory=dict)
    _filters: dict[bool, bytes] = field(default_factory=dict)
    _tree: int | None = None

    def prepare(self) -> None:
        """Compile rules and filters for this kernel.

        Call it after all imports: the files of loaded packages stay readable.
        """
        if not self.enforce:
            return
        if landlock.version():
            readable = files.readable(cuda=False, exclude=self.exclude)
            self._rulesets[False] = landlock.Ruleset(readable)
        else:
            self.missing.append("the kernel has no Landlock (5.13 or newer, and enabled)")
        if seccomp.supported():
            self._filters = {cuda: seccomp.compiled(cuda=cuda) for cuda in (False, True)}
        else:
            self.missing.append("seccomp filters are written for x86_64 and aarch64 only")

    def prepare_tree(self) -> None:
        """Mount a read-only file tree for children. Requires a private mount namespace.

        GPU jobs keep the host's tree, because the files that a driver needs cannot be listed.
        """
        for step in (self._lay_out_tree, make_mounts_read_only):
            try:
                step()
            except OSError as error:
                self.missing.append(f"the host forbids mounts in a namespace ({error.strerror})")

    def close_all_but(self, fd: int) -> None:
        """Close every descriptor but this one, and point the standard three to /dev/null."""
        silence = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(silence, standard)
        trees = () if self._tree is None else (self._tree,)
        kept = sorted({fd, *trees, *(ruleset.fd for ruleset in self._rulesets.values())})
        for low, high in zip([2, *kept], [*kept, 1 << 16], strict=True):
            os.closerange(low + 1, high)

    def enter(self, *, cuda: bool, memory_mib: int, cpu_s: float) -> None:
        """Confine this process; it keeps its memory and its open descriptors.

        Args:
            cuda: Whether it may use a GPU.
            memory_mib: Memory that it may use, in MiB.
            cpu_s: Processor time that it may use, in seconds.
        """
        if sys.platform == "linux":
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            prctl(PR_SET_NO_NEW_PRIVS, 1)
        limit(cuda=cuda, memory_mib=memory_mib, cpu_s=cpu_s)
        if self._tree is not None:
            if cuda:
                os.close(self._tree)
            else:
                tree.enter(self._tree)
        if sys.platform == "linux":
            drop_capabilities()  # capabilities of root could raise the limits again
        if not self.enforce:
            return
        if self._rulesets:
            self._ruleset(cuda=cuda).restrict_self()
        if self._filters:
            seccomp.install(self._filters[cuda])

    def _lay_out_tree(self) -> None:
        self._tree = tree.lay_out(files.readable(cuda=False, exclude=self.exclude))
        for folder in map(Path, sys.path) if self._rulesets else ():
            with contextlib.suppress(
                OSError, ValueError
            ):  # imports list it; all of its files are readable
                fd = os.open(folder.relative_to("/"), os.O_PATH | os.O_CLOEXEC, dir_fd=self._tree)
                self._rulesets[False].allow_listing(fd)
                os.close(fd)

    def _ruleset(self, *, cuda: bool) -> landlock.Ruleset:
        if not cuda:
            return self._rulesets[False]
        os.close(self._rulesets[False].fd)
        readable = files.readable(cuda=True, exclude=self.exclude)
        return landlock.Ruleset(readable, files.devices(cuda=True))


def limit(*, cuda: bool, memory_mib: int, cpu_s: float) -> None:
    """Set limits on memory, processor time and files.

    With CUDA there is none on addresses, of which it reserves far more than it uses.
    """
    _set(resource.RLIMIT_CORE, 0)
    if not cuda:  # the driver sizes memory files
        _set(resource.RLIMIT_FSIZE, 0)
    _set(resource.RLIMIT_NOFILE, _OPEN_FILES["cuda" if cuda else "cpu"])
    _set(resource.RLIMIT_CPU, int(cpu_s) + _CPU_MARGIN_S)
    if not cuda and sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        _set(resource.RLIMIT_AS, pages * resource.getpagesize() + memory_mib * 2**20)


def _set(kind: int, value: int) -> None:
    resource.setrlimit(kind, (value, value))
