"""The commands as a user types them, in a process of their own or in this one."""

import contextlib
import importlib
import io
import os
import signal
import subprocess
import sys
from unittest import mock

from tests.conftest import ROOT


def run(*command, env=None, module="harness", timeout_s=200, cwd=ROOT):
    """Run a command in a new process, from the root of the checkout or another folder."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, command)],
        capture_output=True, encoding=(env or {}).get("PYTHONIOENCODING", "utf-8"), check=False, timeout=timeout_s, cwd=cwd,
        env={**os.environ, **({} if cwd == ROOT else {"PYTHONPATH": str(ROOT)}), **(env or {})},
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


def run_main(*command, module, cwd=ROOT):
    """Run the ``main`` of a command in this process: for what does not start work, and is fast so."""
    arguments = [module, *map(str, command)]
    out, err, status = io.StringIO(), io.StringIO(), None
    on_interrupt = signal.getsignal(signal.SIGINT)
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", arguments),
    ):
        try:
            importlib.import_module(module).main()
        except SystemExit as ended:
            status = ended.code
        finally:
            signal.signal(signal.SIGINT, on_interrupt)
    return subprocess.CompletedProcess(arguments, status or 0, out.getvalue(), err.getvalue())
