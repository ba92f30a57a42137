"""Runs whose disk is full, or whose folder is read-only, again and again: ``python -m tests.support.failing_disk``.

Arguments: what fails (``full`` or ``read_only``), a folder, how often, and the seed, then settings.
A full disk needs a mount namespace of its own (``unshare -rm``), in which a small one is mounted.
Prints a line for each sentence with which a run refused to go on.
"""

import contextlib
import os
import random
import subprocess
import sys
from pathlib import Path

from harness.record.journal import find_runs
from tests.support.drivers import Driver, in_folder, uninterrupted
from tests.support.killed_runs import KEY, answers, assert_counted, assert_same, composed
from tests.support.llm_server import serving

_SIZE = 32 << 20


class Full:
    """A small file system without room but for some bytes."""

    def __init__(self, folder, rng):
        size = f"size={_SIZE}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", folder], check=True)
        self._filler, self._rng = folder / "filler", rng

    def fails(self):
        left = int(self._rng.choice([0, 2 ** self._rng.uniform(0, 17)]))
        with self._filler.open("wb") as file:
            while (n := self._room() - left) > 0:
                with contextlib.suppress(OSError):  # the run has taken some of it meanwhile
                    os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size + n)

    def _room(self):
        space = os.statvfs(self._filler.parent)
        return space.f_bavail * space.f_frsize

    def repair(self):
        self._filler.unlink()


class ReadOnly:
    """Folders without the right to write, and later their files, too."""

    def __init__(self, folder, rng):
        self._folder, self._rng = folder, rng

    def _set(self, mode, *, files):
        for path in [self._folder, *self._folder.rglob("*")]:
            if path.is_dir() or files:
                path.chmod(mode if path.is_dir() else mode & 0o666)

    def fails(self):
        self._set(0o555, files=self._rng.random() < 0.5)

    def repair(self):
        self._set(0o755, files=True)


def main():
    kind, where, times, seed, *tiny = sys.argv[1:]
    os.environ.update([KEY])
    rng, outer = random.Random(seed), Path(where)
    small = outer / "failing"
    small.mkdir()
    disk = {"full": Full, "read_only": ReadOnly}[kind](small, rng)
    with serving() as server:
        server.always = answers("full")
        configs = composed("full", tiny, server.url)
        _, seconds = uninterrupted(in_folder(configs, outer / "whole"), outer / "log")
        server.seen.clear()
        number = said = 0
        while said < int(times):
            failing = in_folder(configs, small / str(number))
            driver = Driver(failing, outer / "log")
            driver.begins()
            driver.ends_within(rng.uniform(0, seconds / 4))
            disk.fails()
            if sentence := driver.refuses():
                again = Driver(failing, outer / "log")  # refuses at once, before anything is asked
                print(sentence, again.refuses(), sep="", flush=True)
                said += 1
            else:  # it had ended before
                number += 1
            disk.repair()
        assert Driver(in_folder(configs, small / str(number)), outer / "log").ends_within(None)
        for one in range(number + 1):
            assert_same(find_runs(outer / "whole"), find_runs(small / str(one)))
        assert_counted(find_runs(small), [seen.prompt for seen in server.seen])


if __name__ == "__main__":
    main()
