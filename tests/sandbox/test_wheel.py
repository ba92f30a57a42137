"""Installed from a wheel, the harness lies among the packages that a candidate may read."""

import sys
import sysconfig

import pytest

from tests.support.wheels import built, environment_with, run_there, site_of

pytestmark = [
    pytest.mark.wheel,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux confines"),
]
EXPLORE = """
import os, sys
from harness.config.compose import compose
from harness.config.paths import PACKAGE
from harness.tasks.image_classification.recipe import ImageRecipe
from harness.sandbox.job import JobFailed
from harness.sandbox.messages import Build, Candidate, Signature
from harness.sandbox.sandbox import Sandbox
assert str(PACKAGE).startswith(sys.prefix), PACKAGE
files = [str(path) for path in sorted(PACKAGE.rglob("*")) if path.is_file()]
source = '''
def opened(paths):
    for path in paths:
        try:
            open(path, "rb").close()
        except PermissionError:
            continue
        yield path
own, known = list(opened({files!r})), list(opened([{known!r}]))
raise ValueError(f"opened {{len(own)}} of {n} files of the harness, {{len(known)}} of Python's")
'''.format(files=files, known=os.__file__, n=len(files))
signature = Signature(
    kind="image_classification", class_name="Net", input_shape=(3, 8, 8), n_outputs=2
)
candidate = Candidate(source=source, signature=signature, recipe=ImageRecipe(), seed=0)
with Sandbox(compose([]).limits, most="contained", device="cpu") as sandbox:
    print(sandbox.level, len(files))
    try:
        with sandbox.run(Build(candidate=candidate), time_limit_s=60) as job:
            job.receive()
    except JobFailed as failed:
        print(failed.reason)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A virtual environment with the wheel, and with the packages of this environment in reach."""
    folder = tmp_path_factory.mktemp("wheel")
    environment = environment_with(built(folder), folder / "environment")
    (site_of(environment) / "others.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return environment


def explore(environment):
    """Return the level, the number of the harness's files, and what a candidate opened of them."""
    done = run_there(environment, "python", "-c", EXPLORE, cwd=environment)
    first, reason = done.stdout.splitlines()
    level, n_files = first.split()
    if level == "limits":
        pytest.skip("this host cannot confine")
    return int(n_files), reason


def test_a_candidate_reads_no_file_of_an_installed_harness(installed):
    n_files, reason = explore(installed)
    assert n_files > 100
    assert f"opened 0 of {n_files} files of the harness, 1 of Python's" in reason


def test_the_exploration_would_find_a_harness_that_hides_its_worker_alone(installed):
    """As it was while the excluded folder was that of the module which excludes it."""
    (server,) = installed.glob("lib/python*/site-packages/harness/worker/server.py")
    text = server.read_text()
    assert text.count("exclude=PACKAGE,") == 1
    server.write_text(text.replace("exclude=PACKAGE,", 'exclude=PACKAGE / "worker",'))
    try:
        n_files, reason = explore(installed)
    finally:
        server.write_text(text)
    assert f"opened {n_files} of {n_files} files of the harness, 1 of Python's" in reason
