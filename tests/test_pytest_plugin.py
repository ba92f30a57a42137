"""In somebody else's repository: their claims are tests, with our fixtures and markers."""

import os
import subprocess
import sys

import pytest

from tests.paper import record_plan, write_paper

TESTS = '''
import pytest

from harness.inference import differences, mean_interval


def test_claim(claim, arms):
    claim.check(arms)


@pytest.mark.reproduction(comparison="mine")
def test_of_their_own(arms):
    """Whatever a reader of records can work out."""
    best = [{r.seed: r.best_within_seed_size for r in arms[a].finished} for a in arms]
    gain = mean_interval(differences(*best))
    assert gain.low > 0, f"95 % interval of the gain includes 0: {gain}"


def test_without_an_arm():
    """A test of anything else is left alone."""
'''
PYPROJECT = '[tool.pytest.ini_options]\naddopts = "--strict-markers --strict-config"\nfilterwarnings = ["error"]\n'
MISSING = "python -m reproductions"


@pytest.fixture
def theirs(tmp_path):
    """Their repository: the claims in one folder, runs in another."""
    folder = write_paper(tmp_path / "theirs" / "paper")
    (folder / "test_paper.py").write_text(TESTS)
    (folder.parent / "pyproject.toml").write_text(PYPROJECT)
    return folder


def pytest_there(folder, *options):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", *options],
        capture_output=True, text=True, check=False, cwd=folder.parent, timeout=120,
        env=os.environ | {"COLUMNS": "300"},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_without_a_record_every_claim_is_skipped_with_its_command(theirs):
    code, told = pytest_there(theirs, "-q")
    assert code == 0, told
    assert "1 passed, 6 skipped" in told
    assert "\nnot run 5\n" in told
    for name in ("mine", "dear"):
        assert told.count(f"to run: {MISSING} paper run {name}") == 1
    assert f"not run: 0 of 3 runs of random_mutation done; {MISSING} paper run mine" in told


@pytest.mark.parametrize("workers", [[], ["-n2"]])
def test_with_records_claims_pass_or_fail_with_the_measured_interval(theirs, tmp_path, workers):
    runs = tmp_path / "elsewhere"
    near, far = (0.929, 0.930, 0.931), (0.909, 0.910, 0.912)
    record_plan(theirs, runs, accuracies={"random_mutation": near, "seed_only": far})
    code, told = pytest_there(theirs, *workers, "--harness-override", f"runs_dir={runs}")
    assert code == 1, told
    assert "1 failed, 4 passed, 2 skipped" in told
    assert "\ndoes not hold 1, holds 2, not run 2\n" in told
    assert "does not hold: measured 91.03 [90.65, 91.41] %, wanted ± 1.00 points\n" in told
    assert "claim: nothing, published 99.00 % (A paper, table 1)\n" in told
    assert "measured in 3 runs of seed_only: mean [95 % CI]\n" in told
    assert "def test_claim" not in told  # no traceback
    assert f"to run: {MISSING} paper run dear runs_dir={runs}" in told


def test_markers_choose_what_can_be_run_here(theirs):
    code, told = pytest_there(theirs, "-q", "-m", "not takes_gpu", "--collect-only")
    assert code == 0, told
    assert "test_claim[chance]" in told
    assert "asked" not in told
    _, told = pytest_there(theirs, "-q", "-m", "takes_llm", "--collect-only")
    assert "test_claim[asked_g1]" in told
    assert "chance" not in told
    _, told = pytest_there(theirs, "--markers")
    assert "@pytest.mark.reproduction(folder=None, comparison=None): where arms.yaml" in told


def test_the_files_may_lie_elsewhere(theirs):
    tests = theirs.parent / "tests"
    tests.mkdir()
    text = TESTS.replace("comparison=", "folder='../paper', comparison=")
    marked = text.replace(
        "def test_claim",
        "@pytest.mark.reproduction(folder='../paper', comparison='dear')\ndef test_claim",
    )
    (tests / "test_there.py").write_text(marked)
    code, told = pytest_there(theirs, "tests", "-q")
    assert code == 0, told
    assert "1 passed, 3 skipped" in told
    assert f"{MISSING} paper run dear" in told


def test_a_mistake_in_their_files_is_told(theirs):
    (theirs / "test_paper.py").write_text("def test_arms(arms):\n    pass\n")
    code, told = pytest_there(theirs)
    assert code == 1
    assert (
        "expected the marker reproduction(comparison=...) with one of mine, dear, got None" in told
    )
    (theirs / "test_paper.py").write_text(TESTS)
    (theirs / "claims.yaml").write_text("title: 3\n")
    code, told = pytest_there(theirs)
    assert code != 0
    assert "claims.yaml" in told
    assert "sections" in told


def test_a_pytest_without_claims_loads_nothing_heavy():
    code = "import sys, harness.pytest_plugin; print({'torch', 'hydra', 'numpy', 'harness.claims'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
