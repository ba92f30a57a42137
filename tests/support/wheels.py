"""The wheel, built and installed in an environment of its own."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from ruff import find_ruff_bin

from tests.conftest import ROOT


def built(folder, source=ROOT):
    """Build the wheel of a folder of sources into another folder; return its path."""
    build = ["pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-q", "-w", folder]
    subprocess.run([sys.executable, "-m", *build, source], check=True)
    (wheel,) = folder.glob("guided_evolution-*.whl")
    return wheel


def environment_with(wheel, folder):
    """Return a new virtual environment in this folder that has the wheel alone."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    pip = ["pip", "--python", folder / "bin" / "python"]
    install = ["install", "--no-deps", "--no-index", "-q", wheel]
    subprocess.run([sys.executable, "-m", *pip, *install], check=True)
    return folder


def site_of(environment):
    """Return the folder of an environment's packages."""
    (site,) = environment.glob("lib/python*/site-packages")
    return site


def link_packages(environment, *, without):
    """Link the packages of this environment into another one, but those whose names begin so."""
    site = site_of(environment)
    there = {path.name for path in site.iterdir()}
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        left_out = path.name.startswith((*without, "guided_evolution", "_editable"))
        if path.name not in there and path.suffix != ".pth" and not left_out:
            (site / path.name).symlink_to(path)
    (environment / "bin" / "ruff").symlink_to(find_ruff_bin())


def run_there(environment, program, *arguments, cwd, check=True, **variables):
    """Run a program of an environment in a folder, as a user who has no checkout."""
    hidden = {"PYTHONPATH", "PYTHONHOME", "OPENAI_API_KEY"}
    done = subprocess.run(
        [environment / "bin" / program, *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, check=False,
        env={k: v for k, v in os.environ.items() if k not in hidden} | variables,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    assert not (check and done.returncode), done.stderr
    return done
