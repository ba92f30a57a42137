"""Locks under which a file is created once, by any process or thread."""

import subprocess
import sys
import threading
import time

from harness.files import creation_lock, write_atomically
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
