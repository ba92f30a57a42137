"""Files that a candidate's process may read: Python's, and those of the packages torch needs.

Other packages in the same folder are left out, since some ship data sets with their labels.
"""

import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

_SITE = ("site-packages", "dist-packages")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
_CUDA_PACKAGES = ("nvidia", "triton", "cuda")
_CUDA_LIBRARIES = ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64",
                   "/usr/local/cuda", "/usr/local/nvidia", "/usr/lib/wsl", "/etc/ld.so.cache",
                   "/proc/driver/nvidia", "/sys/devices/system", "/sys/module/nvidia")  # fmt: skip


def readable(*, cuda: bool, exclude: Path) -> list[str]:
    """List files and folders for a process that has imported all that it needs.

    Args:
        cuda: Whether it uses a GPU.
        exclude: Folder of the harness's code.
    """
    found = {*_standard_library(), *_packages(exclude), *_loaded_libraries(), *_DEVICES}
    if cuda:
        sites = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        found |= {f"{site}/{name}" for site in sites for name in _CUDA_PACKAGES}
        found |= {*_CUDA_LIBRARIES, *filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(":"))}
    return sorted(found)


def devices(*, cuda: bool) -> list[str]:
    """List the device nodes that a GPU needs, and the folder to name threads in."""
    if not cuda:
        return []
    nodes = [str(node) for node in Path("/dev").glob("nvidia*")]
    return [*nodes, "/dev/dxg", f"/proc/{os.getpid()}/task"]


def _standard_library() -> Iterator[str]:
    for name in ("stdlib", "platstdlib"):
        folder = Path(sysconfig.get_path(name))
        yield from (str(path) for path in folder.iterdir() if path.name not in _SITE)


def _packages(exclude: Path) -> Iterator[str]:
    """Yield the installed packages of which a module is loaded."""
    sites = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    for file in {Path(f) for f in files if f}:
        for site in sites:
            if file.is_relative_to(site) and not file.is_relative_to(exclude):
                yield str(site / file.relative_to(site).parts[0])


def _loaded_libraries() -> Iterator[str]:
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        path = line.partition("/")[1] + line.partition("/")[2]
        if ".so" in path and not any(site in path for site in _SITE):
            yield path
