"""What commands say of themselves."""

import ast
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from harness.config.compose import compose
from harness.errors import InputError
from harness.evaluation.executor import require_cores
from harness.evaluation.gates import advice
from harness.evolution.candidate import Rejection
from harness.text import counted, portable
from tests.conftest import ROOT
from tests.support.commands import run, run_main

COMMANDS = sorted(
    file.stem
    for file in (ROOT / "harness").glob("*.py")
    if not file.stem.startswith("_") and "\ndef main(" in file.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("command", [*COMMANDS])
def test_help_has_no_marks_of_docstrings(command):
    done = run_main("--help", module=f"harness.{command}")
    assert done.returncode == 0
    assert "usage: " in done.stdout
    assert "``" not in done.stdout


@pytest.mark.parametrize("command", ["table", "report", "data"])
def test_commands_that_read_runs_read_those_of_the_default_folder(command, tmp_path):
    done = run_main(module=f"harness.{command}", cwd=tmp_path)
    assert done.returncode == 2
    assert "runs" in done.stderr
    assert "arguments are required" not in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["tables", "runs"], "tables: there is no such command. Did you mean table?"),
        (["xyz"], "xyz: there is no such command. Commands are credit, data, doctor"),
        (["--frobnicate"], "--frobnicate: there is no such flag. python -m harness --help lists"),
        (["--multi", "seed=0,1"], "--multi: there is no such flag. Did you mean --multirun?"),
        (["seed=1", "--cfg", "job", "seed=2"], "seed=2: expected all settings before the flags"),
    ],
)
def test_what_is_neither_command_nor_flag_nor_setting_is_named(words, told):
    done = run_main(*words, module="harness.__main__")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {told}")
    assert done.stderr.count("\n") == 1
    assert "__main__" not in done.stderr


def test_usage_of_a_flag_without_its_value_is_that_of_the_command():
    done = run_main("--config-name", module="harness.__main__")
    assert done.returncode == 2
    assert done.stderr.startswith("usage: python -m harness [--help] [-m] [SETTING=VALUE ...]")


def test_no_command_takes_shortened_options():
    """A new command is found here, too; ``--remov`` would remove a run."""
    parsers = [
        (file, call)
        for file in (ROOT / "harness").rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("ArgumentParser")
    ]
    assert len(parsers) > len(COMMANDS)
    for file, call in parsers:
        assert "allow_abbrev=False" in ast.unparse(call), file


@pytest.mark.parametrize(
    ("words", "module", "told"),
    [
        (["runs", "--remov", "x"], "harness.ls", "unrecognized arguments: --remov x"),
        ([], "harness.claims.command", "required: NAME, action\n"),
    ],
)
def test_only_what_is_missing_or_unknown_is_named(words, module, told):
    done = run_main(*words, module=module)
    assert done.returncode == 2
    assert told in done.stderr


@pytest.mark.parametrize("command", ["validate", "evaluate"])
def test_a_command_for_one_network_asks_for_its_file_alone(command):
    done = run(module=f"harness.{command}")
    assert done.returncode == 2
    assert done.stderr.endswith("required: FILE\n")


def test_names_of_files_are_portable():
    assert portable("guided~pool:no_eot-s0-9efe0219ce44") == "guided-pool-no_eot-s0-9efe0219ce44"
    assert portable("no_eot-s0-9efe0219ce44") == "no_eot-s0-9efe0219ce44"


def test_one_of_something_is_singular():
    assert [counted(n, "fresh seed") for n in (1, 2)] == ["1 fresh seed", "2 fresh seeds"]


def test_an_interruption_is_told_below_a_display_that_has_replaced_the_output():
    code = (
        "import io, os, signal, sys\n"
        "from harness.terminal import exit_on_interrupt\n"
        "exit_on_interrupt()\n"
        "sys.stdout = sys.stderr = io.StringIO()  # as the live display does\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, cwd=ROOT)
    assert done.returncode == 128 + signal.SIGINT
    assert done.stderr == b"interrupted; the same command continues from here\n"


def test_a_refused_import_comes_with_what_may_be_imported():
    refused = Rejection(gate="imports", kind="policy", reason="import of numpy is not allowed")
    assert " A network may import __future__, abc, " in advice(refused)
    assert ", torch, typing" in advice(refused)
    assert advice(replace(refused, gate="lint")) == ""
    slow = replace(refused, gate="train", kind="timeout")
    assert "Use a larger limits.train_s;" in advice(slow)
    assert advice(replace(slow, gate="lint")) == ""


def test_more_threads_than_cores_are_refused_by_name():
    limits = compose([]).limits
    require_cores(replace(limits, threads=1))
    with pytest.raises(InputError, match=r"^limits\.threads: expected at most \d+, the cores"):
        require_cores(replace(limits, threads=9999))


LONG = """
from harness.terminal import exit_on_error, say
with exit_on_error():
    for _ in range(100_000):
        say("x" * 100)
"""


def test_whoever_reads_no_further_ends_a_command_without_a_traceback():
    command = [sys.executable, "-c", LONG]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as writes:
        assert writes.stdout.readline() == b"x" * 100 + b"\n"
        writes.stdout.close()
        assert writes.stderr.read() == b""
    assert writes.returncode == 128 + signal.SIGPIPE
