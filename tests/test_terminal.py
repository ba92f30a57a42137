"""How commands end."""

import signal
import subprocess
import sys

from tests.conftest import ROOT


def test_ctrl_c_ends_a_command_that_only_reads_without_a_trace():
    code = (
        "import time\n"
        "from harness.terminal import exit_on_error\n"
        "with exit_on_error():\n"
        "    print('reads', flush=True)\n"
        "    time.sleep(600)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout.readline() == b"reads\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"")
