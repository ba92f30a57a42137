"""Tables that fit a terminal and show every character."""

import contextlib
import os
import pty
import re
import subprocess
import sys

import pytest

from harness.reporting.console import Panel, show_sections, show_table
from tests.conftest import ROOT
from tests.support.commands import run_main
from tests.support.records import evaluated, record_run


@pytest.mark.parametrize(("width", "others"), [(80, ["full"]), (110, ["full", "no_eot", "no_crp"])])
def test_a_few_arms_fit_a_terminal_without_breaking_a_word(monkeypatch, capsys, width, others):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    header = ["arm", "test acc. % of the pick", "parameters"]
    rows = [
        [name, "98.61 ± 0.56", "254,806"] for name in ("seed network", *others, "random_mutation")
    ]
    show_table([header, *rows], title="digits", notes=["note"])
    out = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    assert max(map(len, out.splitlines())) <= width
    for word in ("random_mutation", "98.61 ± 0.56", "254,806", "test acc. % of the pick"):
        assert word in out


def test_brackets_are_shown_and_never_taken_for_markup(capsys):
    show_sections({"[red]found[/]": [["arm", "p [95 % CI]"], ["full", "1 [0, 2]"]]}, title="[b]", notes=["[quartiles]"])  # fmt: skip
    out = capsys.readouterr().out
    for told in ("[red]found[/]", "p [95 % CI]", "1 [0, 2]", "[b]", "[quartiles]"):
        assert told in out


def test_a_notebook_has_plain_lines(monkeypatch, capsys):
    """Notebooks set FORCE_COLOR, and their output is no terminal."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-color")
    panel = Panel(lambda: iter([("a", "b")]), mode="auto")
    assert not panel.live
    panel.start()
    panel.print("a line")
    panel.stop()
    assert capsys.readouterr().out == "a line\n"


ARMS = ["full", "no_eot", "no_crp", "random_mutation", "guided~pool:no_eot", "nas", "width",
        "iid_sampling", "one_plus_one"]  # fmt: skip
CELLS = ["518,230", "136,726", "underpowered", "-0.1234 [-0.9876, +0.5432]", "100 / 0 / 0",
         "98.61 ± 0.56", "1.25e+06", "12 duplicate, 3 train"]  # fmt: skip
WHOLE = ["518,230", "136,726", "underpowered", "-0.1234", "[-0.9876, +0.5432]", "100 / 0 / 0",
         "98.61", "± 0.56", "1.25e+06", "12 duplicate,"]  # fmt: skip


@pytest.mark.parametrize("n", [1, 4, 6, 9])
def test_no_number_and_no_name_is_broken_at_80_columns(n, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    header = ["arm", *(f"selected: a measure {k} % [95 % CI]" for k in range(len(CELLS)))]
    rows = [header, *([arm, *CELLS] for arm in ["seed network", *ARMS[:n]])]
    show_sections({"Results": rows, "Cost": rows}, title="digits", notes=[])
    out = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    assert max(map(len, out.splitlines())) <= 80
    cells = {cell.strip() for line in out.splitlines() for cell in re.split("[│┃]", line)}
    for arm in ARMS[:n]:
        assert arm in cells
    for whole in WHOLE:
        assert out.count(f" {whole} ") >= 2 * (n + 1), whole


def test_a_word_wider_than_the_terminal_is_shown_all_the_same(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    show_table([["a", "b"], ["x" * 50, "y" * 50]], title="t", notes=[], text=True)
    out = capsys.readouterr().out
    assert (out.count("x"), out.count("y")) == (50, 50)


def test_tables_fit_a_terminal_and_are_markdown_in_a_pipe(tmp_path):
    for arm in ("full", "random_mutation"):
        record_run(tmp_path / arm, arm=arm, seed=0, children=[("g0.c0", evaluated(0.98, 500))])
    terminal, its_end = pty.openpty()
    command = [sys.executable, "-m", "harness.table", tmp_path]
    environment = {**os.environ, "COLUMNS": "80", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=its_end, env=environment, cwd=ROOT) as process:
        os.close(its_end)
        shown = b""
        with contextlib.suppress(OSError):  # how a terminal ends
            while part := os.read(terminal, 1 << 16):
                shown += part
    os.close(terminal)
    assert process.returncode == 0
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).splitlines()
    assert any(line.startswith("┃ arm") for line in lines)
    assert max(map(len, lines)) <= 80
    piped = run_main(tmp_path, module="harness.table").stdout
    assert piped.startswith("**digits")
    assert piped == run_main(tmp_path, "--format", "markdown", module="harness.table").stdout
