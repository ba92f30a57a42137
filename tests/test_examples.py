"""What is in examples/ runs: notebooks cell by cell, the package's tests, the tutorial's commands.

The commands of ``docs/tutorial.md`` run in its order, in a folder with a copy of the examples, and
print the lines that it shows; numbers may be others.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text()
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
NEEDED = "import harness, pandas, matplotlib; matplotlib.use('agg')"
SHOW = """
def show(value):
    for name in ("_repr_html_", "_repr_png_"):
        if callable(getattr(value, name, None)):
            getattr(value, name)()
    repr(value)
"""
by_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path):
    """The cells with code: source and outputs."""
    content = json.loads(path.read_text())
    assert content["nbformat"] == 4
    return [
        ("".join(cell["source"]), cell["outputs"])
        for cell in content["cells"]
        if cell["cell_type"] == "code"
    ]


def program(path):
    """The code of a notebook, with the last expression of each cell shown as a notebook shows it."""
    lines = [NEEDED, SHOW]
    for source, _ in cells(path):
        tree = ast.parse(source)
        if isinstance(last := tree.body[-1], ast.Expr):
            called = ast.Call(ast.Name("show", ast.Load()), [last.value], [])
            tree.body[-1] = ast.fix_missing_locations(ast.Expr(called))
        lines.append(ast.unparse(tree))
    return "\n".join(lines)


def test_there_is_a_notebook():
    assert NOTEBOOKS


@by_notebook
def test_a_notebook_shows_what_its_cells_gave(path):
    for number, (_, outputs) in enumerate(cells(path), start=1):
        assert outputs, f"cell {number} of {path.name} was not run"
        for output in outputs:
            assert output["output_type"] != "error"
            assert output.get("name") != "stderr"
            text = "".join(output.get("text", output.get("data", {}).get("text/plain", "")))
            assert "\x1b" not in text  # a live display
            assert "/tmp" not in text
            assert "/home" not in text
    assert sum(len(ast.parse(source).body) for source, _ in cells(path)) <= 10


@pytest.mark.slow
@by_notebook
def test_a_notebook_runs(path, tmp_path):
    pytest.importorskip("pandas", reason="frames need pip install -e '.[data]'")
    (tmp_path / "cells.py").write_text(program(path))
    done = subprocess.run(
        [sys.executable, "cells.py"], check=False, capture_output=True, text=True, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "complete" in done.stdout


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The environment of a user who installed the example package."""
    project = shutil.copytree(ROOT / "examples" / "my_study", tmp_path_factory.mktemp("p") / "p")
    site = tmp_path_factory.mktemp("site")
    command = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--target", site, project]
    subprocess.run([sys.executable, "-m", "pip", *command], check=True)
    return os.environ | {"PYTHONPATH": f"{site}:{ROOT}"}


def shell(command, folder, environment):
    """Run a command line as a user types it, in a folder."""
    path = f"{Path(sys.executable).parent}:{environment['PATH']}"
    done = subprocess.run(
        command, shell=True, check=False, capture_output=True, text=True, cwd=folder,
        env=environment | {"PATH": path, "COLUMNS": "160"},
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.mark.slow
def test_the_package_keeps_the_contracts(study, tmp_path):
    tests = shutil.copytree(ROOT / "examples" / "my_study" / "tests", tmp_path / "tests")
    command = f"python -m pytest -q -p no:cacheprovider {tests}"
    assert re.search(r"^1\d passed", shell(command, tmp_path, study), re.MULTILINE)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_tutorial_prints_what_it_shows(study, tmp_path):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    blocks = re.findall(r"^```console\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 6
    for block in blocks:
        command, *shown = block.removeprefix("$ ").replace("\\\n", "").splitlines()
        if not command.startswith("pip install"):
            printed = iter(bare(shell(command, tmp_path, study)))
            for line in bare("\n".join(shown)):
                assert line == "..." or line in printed, f"{command} prints no line: {line}"


def bare(text):
    """Lines without what differs between machines: numbers, digests, the width of columns."""
    lines = re.sub(r"\b[0-9a-f]{8,}\b", "0", text).splitlines()
    plain = (re.sub(r"[+-]?\d[\d,.]*", "0", line.replace("\u2013", "0")) for line in lines)
    return [" ".join(re.sub("[\u2500-\u257f]+", " ", line).split()) for line in plain]
