"""Locks under which a file is created once, by any process or thread."""

import errno
import fcntl
import os
import subprocess
import sys
import threading
import time

import pytest

from harness.errors import InputError
from harness.files import (
    check_writable,
    creation_lock,
    file_lock,
    lock_holder,
    open_to_append,
    write_atomically,
)
from tests.conftest import ROOT

HOLDER = """
import sys, time
from pathlib import Path
from harness.files import creation_lock
with creation_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
    Path(sys.argv[1]).write_text("theirs")
"""


def test_a_wait_for_another_thread_is_silent(tmp_path, capfd):
    path, made = tmp_path / "file", []

    def make(name):
        with creation_lock(path):
            if not path.exists():
                time.sleep(0.2)
                write_atomically(path, lambda file: file.write(name.encode()))
                made.append(name)

    threads = [threading.Thread(target=make, args=(str(i),)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert made == [path.read_text()]
    assert capfd.readouterr().err == ""
    assert list(tmp_path.iterdir()) == [path]


def test_a_wait_for_another_process_is_reported(tmp_path, capfd):
    path = tmp_path / "file"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        timer = threading.Timer(0.5, holder.stdin.close)  # ends its wait
        timer.start()
        with creation_lock(path):
            assert path.read_text() == "theirs"
        timer.join()
    assert capfd.readouterr().err == f"{path}: being created by another process; waiting for it.\n"


@pytest.mark.parametrize("kind", ["nothing", "a file", "a link", "a pipe"])
def test_what_is_appended_goes_to_a_file_of_ours_at_once(tmp_path, kind):
    path, theirs = tmp_path / "log", tmp_path / "theirs"
    theirs.write_text("theirs")
    {
        "nothing": lambda: None,
        "a file": lambda: path.write_text("of before, "),
        "a link": lambda: path.symlink_to(theirs),
        "a pipe": lambda: os.mkfifo(path),
    }[kind]()
    with open_to_append(path) as file:
        file.write(b"new")
    assert path.read_text() == ("of before, new" if kind == "a file" else "new")
    assert theirs.read_text() == "theirs"


def test_a_lock_that_is_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "lock")
    with pytest.raises(InputError, match="not a regular file"), file_lock(tmp_path / "lock"):
        pass
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="expected a folder that can be written"):
        open_to_append(tmp_path / "folder")


def test_a_file_system_without_locks_is_named_before_any_work(tmp_path, monkeypatch):
    """As Lustre is when it is mounted without ``flock``."""

    def unsupported(*_):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    (tmp_path / "lock").touch()
    monkeypatch.setattr(fcntl, "flock", unsupported)
    for attempt in (
        lambda: check_writable(tmp_path),
        lambda: lock_holder(tmp_path / "lock"),
        lambda: file_lock(tmp_path / "lock").__enter__(),
    ):
        with pytest.raises(
            InputError, match=r"file system that locks files, it does not \(Function not"
        ):
            attempt()


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "no room"), ValueError("no")])
def test_a_write_that_fails_leaves_nothing(tmp_path, error):
    """A part of a file would hold the last room of a disk that is full."""
    (tmp_path / "file").write_text("before")

    def write(file):
        file.write(b"after")
        raise error

    with pytest.raises((InputError, ValueError)):
        write_atomically(tmp_path / "file", write)
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
    assert (tmp_path / "file").read_text() == "before"
