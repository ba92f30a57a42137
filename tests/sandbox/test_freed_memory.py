"""What a process of the worker frees is overwritten, whatever its size, where the audit asks it."""

import ctypes
import platform
import subprocess
import sys

import pytest

from harness.sandbox.worker_process import _ENVIRONMENT

BLOCKS = """
import ctypes
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.mallopt(-6, 0xFF)
for size in (64, 200, 512, 1000, 2000, 70_000):
    block = libc.malloc(size)
    ctypes.memset(block, 65, size)
    libc.free(block)
    again = libc.malloc(size)
    print(ctypes.string_at(again, size).count(65))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc overwrites")
def test_no_block_keeps_what_it_held():
    assert hasattr(ctypes.CDLL(None), "mallopt")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", BLOCKS],
        env=_ENVIRONMENT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["0"] * 6
