"""Files that are made once: others wait their turn, and are told whom for."""

import subprocess
import sys
import threading
import time

from harness.files import turn, write_whole
from tests.conftest import ROOT

HOLDER = """
import sys, time
from pathlib import Path
from harness.files import turn
with turn(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
    Path(sys.argv[1]).write_text("theirs")
"""


def test_one_thread_waits_for_another_without_a_word(tmp_path, capfd):
    path, made = tmp_path / "file", []

    def make(name):
        with turn(path):
            if not path.exists():
                time.sleep(0.2)
                write_whole(path, lambda file: file.write(name.encode()))
                made.append(name)

    threads = [threading.Thread(target=make, args=(str(i),)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert made == [path.read_text()]
    assert capfd.readouterr().err == ""
    assert list(tmp_path.iterdir()) == [path]


def test_who_waits_for_another_process_is_told(tmp_path, capfd):
    path = tmp_path / "file"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        timer = threading.Timer(0.5, holder.stdin.close)  # ends its wait
        timer.start()
        with turn(path):
            assert path.read_text() == "theirs"
        timer.join()
    assert capfd.readouterr().err == f"{path}: being made by another; waiting for it.\n"
