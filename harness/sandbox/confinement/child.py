"""What a child gives up before it runs candidate code, in order, each for good."""

import os
import resource
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

from harness.sandbox.confinement import files, landlock, seccomp
from harness.sandbox.confinement.system import (
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
    drop_capabilities,
    prctl,
)

_OPEN_FILES = {"cpu": 64, "cuda": 1024}
_CPU_MARGIN_S = 10


@dataclass(kw_only=True)
class Confinement:
    """The part of the confinement that is prepared once, before any child is forked."""

    exclude: Path
    """Folder of the harness's own code, which no candidate needs to read."""
    enforce: bool
    """Restrict files and system calls, or set limits alone."""
    missing: list[str] = field(default_factory=list)
    """Why this host cannot restrict files or system calls."""
    _rulesets: dict[bool, landlock.Ruleset] = field(default_factory=dict)
    _filters: dict[bool, bytes] = field(default_factory=dict)

    def prepare(self) -> None:
        """Find out what the kernel offers; needs all imports done, for it lists their files."""
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

    def close_all_but(self, fd: int) -> None:
        """Close every descriptor but this one; the standard three lead nowhere from now on."""
        silence = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(silence, standard)
        kept = sorted({fd, *(ruleset.fd for ruleset in self._rulesets.values())})
        for low, high in zip([2, *kept], [*kept, 1 << 16], strict=True):
            os.closerange(low + 1, high)

    def enter(self, *, cuda: bool, memory_mib: int, cpu_s: float) -> None:
        """Confine this process; what it was given before, memory and descriptors, stays."""
        if sys.platform == "linux":
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            prctl(PR_SET_NO_NEW_PRIVS, 1)
            drop_capabilities()  # root's would lift the limits again
        limit(cuda=cuda, memory_mib=memory_mib, cpu_s=cpu_s)
        if not self.enforce:
            return
        if self._rulesets:
            self._ruleset(cuda=cuda).restrict_self()
        if self._filters:
            seccomp.install(self._filters[cuda])

    def _ruleset(self, *, cuda: bool) -> landlock.Ruleset:
        if not cuda:
            return self._rulesets[False]
        readable = files.readable(cuda=True, exclude=self.exclude)
        return landlock.Ruleset(readable, files.devices(cuda=True))


def limit(*, cuda: bool, memory_mib: int, cpu_s: float) -> None:
    """Limit memory, processor time, files. CUDA reserves far more addresses than it uses."""
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
