"""What is built and installed: one import name, the command, its completion, extras."""

import io
import os
import pty
import re
import select
import subprocess
import sys
import tarfile
import time
import zipfile

import pytest

from tests.conftest import ROOT
from tests.support.wheels import built, environment_with, link_packages, run_there, site_of

pytestmark = pytest.mark.wheel
EXTRAS = ("openai", "optuna", "pandas", "pyarrow", "wandb")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return built(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """The archive of sources, unpacked."""
    folder = tmp_path_factory.mktemp("sources")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder]
    subprocess.run(build, check=True, cwd=ROOT, capture_output=True)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    (unpacked,) = (path for path in folder.iterdir() if path.is_dir())
    return unpacked


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """An environment with the base install: without the libraries of extras."""
    environment = environment_with(wheel, tmp_path_factory.mktemp("environment") / "base")
    link_packages(environment, without=EXTRAS)
    return environment


def files_in(wheel):
    with zipfile.ZipFile(wheel) as opened:
        return {name for name in opened.namelist() if ".dist-info/" not in name}


def test_a_wheel_has_one_import_name_and_types(wheel):
    names = files_in(wheel)
    assert {name.partition("/")[0] for name in names} == {"harness"}
    assert "harness/py.typed" in names
    for folder in ("baselines", "conf", "reproductions"):
        here = {
            p for p in (ROOT / folder).rglob("*") if p.is_file() and "__pycache__" not in p.parts
        }
        assert {f"harness/{path.relative_to(ROOT)}" for path in here} <= names


def test_a_wheel_from_the_archive_of_sources_is_the_same(wheel, sources, tmp_path):
    assert not [path for path in sources.rglob("*") if path.is_symlink()]
    assert files_in(built(tmp_path, sources)) == files_in(wheel)


def test_an_archive_of_git_has_the_links():
    done = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as opened:
        links = {member.name: member.linkname for member in opened if member.issym()}
    folders = ("baselines", "conf", "reproductions")
    assert links == {f"harness/{name}": f"../{name}" for name in folders}


@pytest.mark.parametrize("files", [("__init__.py", "random_mutation.py"), ()])
def test_folders_of_the_same_names_break_no_run(installed, tiny, tmp_path, files):
    for name in ("baselines", "conf", "reproductions", "tests"):
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).write_text("raise ImportError(__file__)\n")
    shared = ("+ablation=random_mutation", "compare=[]", *tiny)
    done = run_there(installed, "python", "-m", "harness", *shared, cwd=tmp_path)
    assert "random_mutation" in done.stdout
    table = run_there(installed, "guided-evolution", "table", "runs", cwd=tmp_path).stdout
    assert "| random_mutation |" in table
    again = run_there(installed, "guided-evolution", *shared, cwd=tmp_path)
    assert again.stdout.splitlines()[-1] == done.stdout.splitlines()[-1]
    plan = ("-m", "harness.reproductions", "ladder", "plan")
    assert (
        "harness.reproductions ladder run"
        in run_there(installed, "python", *plan, cwd=tmp_path).stdout
    )


@pytest.mark.parametrize(
    ("settings", "setting", "library"),
    [
        (("tracking=wandb",), "tracking", "wandb"),
        (("model=ollama", "model.name=x"), "model", "openai"),
        (("+ablation=optuna_tpe",), "harness.baselines.optuna_search.OptunaSearch", "optuna"),
    ],
)
def test_what_needs_an_extra_says_so_before_any_work(
    installed, tiny, tmp_path, settings, setting, library
):
    done = run_there(
        installed, "guided-evolution", "compare=[]", *tiny, *settings, cwd=tmp_path, check=False
    )
    assert done.returncode == 2
    assert done.stderr == (
        f"error: {setting}: expected {library}, which is not installed. Run pip install "
        f"'guided-evolution[{library}]', or pip install -e '.[{library}]' in a clone.\n"
    )
    assert not list(tmp_path.glob("runs/*/journal*"))


def test_what_only_an_extra_needs_is_required_by_it_alone(installed):
    (path,) = site_of(installed).glob("guided_evolution-*.dist-info/METADATA")
    required = re.findall(
        r"^Requires-Dist: ([\w-]+)(?:.*extra == '(\w+)')?", path.read_text(), re.MULTILINE
    )
    assert not set(EXTRAS) & {library for library, extra in required if not extra}
    assert set(EXTRAS) <= {library for library, extra in required if extra == "all"}
    for library in ("openai", "optuna", "wandb"):
        assert [name for name, extra in required if extra == library] == [library]


def test_the_command_says_its_version(installed, tmp_path):
    done = run_there(installed, "guided-evolution", "--version", cwd=tmp_path)
    assert done.stdout == "guided-evolution 0.2.0\n"


def test_bash_completes_the_command(installed, tmp_path):
    """In a terminal, with the keys that a user types."""
    path = f"{installed}/bin:{os.environ['PATH']}"
    terminal, its_end = pty.openpty()
    shell = subprocess.Popen(
        ["setsid", "--ctty", "--wait", "/bin/bash", "--norc", "--noprofile", "-i"],
        stdin=its_end, stdout=its_end, stderr=its_end, cwd=tmp_path,
        env={"PATH": path, "PS1": "$ ", "TERM": "dumb"},
    )  # fmt: skip
    os.close(its_end)
    try:
        type_into(terminal, 'eval "$(guided-evolution -sc install=bash)"; echo rea""dy\n', "ready")
        type_into(
            terminal, "guided-evolution +ablation=random_mutation_as\t", "random_mutation_as_before"
        )
        type_into(terminal, " model=open\t\t", "model=openrouter")
        type_into(terminal, "\x15guided-evolution budget.eva\t", "budget.evaluations=")
        type_into(terminal, "\x15guided-evolution reprod\t", "reproductions")
    finally:
        os.close(terminal)
        shell.wait(timeout=60)


def type_into(terminal, keys, expected, within_s=120):
    """Type keys, and wait for a text on the screen."""
    os.write(terminal, keys.encode())
    shown, end = "", time.monotonic() + within_s
    while expected not in shown:
        assert time.monotonic() < end, shown
        if select.select([terminal], [], [], 1)[0]:
            shown += os.read(terminal, 4096).decode(errors="replace")
