"""Many runs are read in processes: with the same result, from any script, without a trace."""

import os
import signal
import subprocess
import sys

import joblib
import pytest

from harness.analysis import loading
from harness.analysis.parallel import map_in_processes
from harness.errors import MachineError
from tests.conftest import ROOT, SEED_NETWORK
from tests.support.processes import alive, all_end
from tests.support.records import record_study

several_cores = pytest.mark.skipif(
    joblib.cpu_count() < 2, reason="joblib starts no process on one core"
)
WORKERS_S = 60
"""Limit for what takes a second on an idle machine."""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A dozen runs, one of which cannot be read."""
    folder = tmp_path_factory.mktemp("study")
    source = SEED_NETWORK.read_text()
    record_study(
        folder, arms=["full", "random_mutation"], seeds=range(6), proposals=8, source=source
    )
    journal = folder / "full-s3" / "journal.sqlite"
    journal.write_bytes(journal.read_bytes()[:5000])
    return folder


def test_processes_read_what_one_process_reads(study, monkeypatch):
    alone = loading.all_below(study)
    monkeypatch.setattr(loading, "_SMALL_BYTES", 0)
    together = loading.all_below(study)
    assert together == alone
    assert [run.folder.name for run in together.runs] == [run.folder.name for run in alone.runs]
    assert len(together.runs) == 11
    assert "full-s3" in together.damaged[0]


def test_a_script_without_a_guard_reads_in_processes(study):
    script = (
        "from pathlib import Path\n"
        "from harness.analysis import loading\n"
        "loading._SMALL_BYTES = 0\n"
        f"print(len(loading.all_below(Path({str(study)!r})).runs))\n"
    )
    (study / "script.py").write_text(script)
    done = subprocess.run(
        [sys.executable, study / "script.py"], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=WORKERS_S, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("11\n", "")


def test_one_core_needs_no_process(study):
    """The command itself reads then, and must not take its own end for its parent's."""
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from harness.analysis import loading\n"
        "loading._SMALL_BYTES = 0\n"
        "found = loading.all_below(Path(sys.argv[1])).runs\n"
        "time.sleep(2)\n"
        "print(len(found))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, study], cwd=ROOT, capture_output=True, text=True,
        env=os.environ | {"LOKY_MAX_CPU_COUNT": "1"}, timeout=WORKERS_S, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "11\n", "")


@several_cores
def test_a_killed_process_is_told():
    results = map_in_processes(_end_at_three, range(6))
    with pytest.raises(MachineError, match=r"one ended before .* Start the command again"):
        list(results)


@several_cores
def test_processes_end_with_a_command_that_is_killed():
    code = (
        "from harness.analysis.parallel import map_in_processes\n"
        "from tests.support.processes import named_after\n"
        "for pid in map_in_processes(named_after, [0.1] + [600] * 20):\n"
        "    print(pid, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    worker = int(process.stdout.readline())
    assert worker != process.pid
    assert alive(worker)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=WORKERS_S)
    assert all_end([worker])


def _end_at_three(value):
    if value == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return value
