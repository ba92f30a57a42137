"""In somebody else's repository: their claims are tests, with our fixtures and markers."""

import subprocess
import sys

import pytest

# A run within this process drops what it imports, and numpy's modules in C load only once.
import scipy.stats  # noqa: F401

from tests.support.paper import record_plan, write_paper

pytest_plugins = ["pytester"]
TESTS = '''
import pytest

from harness.analysis.statistics.intervals import (mean_interval)
from harness.analysis.statistics.paired import (differences)


def test_claim(claim, arms):
    claim.check(arms)


@pytest.mark.reproduction(comparison="mine")
def test_of_their_own(arms):
    """Whatever a reader of records can work out."""
    best = [{r.seed: r.best_score() for r in arms[a].finished} for a in arms]
    gain = mean_interval(differences(*best))
    assert gain.low > 0, f"95 % interval of the gain includes 0: {gain}"


def test_without_an_arm():
    """A test of anything else is left alone."""
'''
PYPROJECT = '[tool.pytest.ini_options]\naddopts = "--strict-markers --strict-config"\nfilterwarnings = ["error"]\n'
MISSING = "python -m harness.reproductions"


@pytest.fixture
def theirs(pytester):
    """Their repository: the claims in one folder, runs in another."""
    folder = write_paper(pytester.path / "paper")
    (folder / "test_paper.py").write_text(TESTS)
    (folder.parent / "pyproject.toml").write_text(PYPROJECT)
    return folder


@pytest.fixture
def pytest_there(pytester, monkeypatch):
    """Run pytest in their repository, in this process or in one of its own."""
    monkeypatch.setenv("COLUMNS", "300")

    def pytest_with(*options, alone=False):
        run = pytester.runpytest_subprocess if alone else pytester.runpytest_inprocess
        done = run("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-rs", *options)
        return done.ret, f"{done.stdout}\n{done.stderr}\n"

    return pytest_with


def test_without_a_record_every_claim_is_skipped_with_its_command(theirs, pytest_there):
    code, told = pytest_there("-q")
    assert code == 0, told
    assert "1 passed, 5 skipped" in told
    assert "\nnot run 4\n" in told
    for name in ("mine", "dear"):
        assert told.count(f"to run: {MISSING} ./paper run {name}") == 1
    command = f"{MISSING} ./paper run mine"
    assert f"not run: 0 of 3 runs of random_mutation done in runs; {command}" in told
    assert "SKIPPED [1] paper/test_paper.py:" in told


@pytest.mark.parametrize("workers", [[], ["-n2"]])
def test_with_records_claims_pass_or_fail_with_the_measured_interval(
    theirs, tmp_path, workers, pytest_there
):
    runs = tmp_path / "elsewhere"
    near, far = (0.929, 0.930, 0.931), (0.909, 0.910, 0.912)
    record_plan(theirs, runs, scores={"random_mutation": near, "seed_only": far})
    code, told = pytest_there(*workers, "--harness-override", f"runs_dir={runs}", alone=True)
    assert code == 1, told
    assert "1 failed, 4 passed, 1 skipped" in told
    assert "\ndoes not hold 1, holds 2, not run 1\n" in told
    assert "does not hold: measured 91.03 [90.65, 91.41] %, required ± 1 points\n" in told
    assert "claim: nothing, published 99.00 % (A paper, table 1)\n" in told
    assert "measured in 3 runs of seed_only: mean [95 % CI]\n" in told
    assert "def test_claim" not in told  # no traceback
    assert f"to run: {MISSING} ./paper run dear runs_dir={runs}" in told


def test_markers_choose_what_can_be_run_here(theirs, pytest_there):
    code, told = pytest_there("-q", "-m", "not takes_gpu", "--collect-only")
    assert code == 0, told
    assert "test_claim[chance]" in told
    assert "asked" not in told
    _, told = pytest_there("-q", "-m", "takes_llm", "--collect-only")
    assert "test_claim[asked]" in told
    assert "chance" not in told
    _, told = pytest_there("--markers")
    assert "@pytest.mark.reproduction(folder=None, comparison=None): where arms.yaml" in told


def test_the_files_may_lie_elsewhere(theirs, pytest_there):
    tests = theirs.parent / "tests"
    tests.mkdir()
    text = TESTS.replace("comparison=", "folder='../paper', comparison=")
    marked = text.replace(
        "def test_claim",
        "@pytest.mark.reproduction(folder='../paper', comparison='dear')\ndef test_claim",
    )
    (tests / "test_there.py").write_text(marked)
    code, told = pytest_there("tests", "-q")
    assert code == 0, told
    assert "1 passed, 2 skipped" in told
    assert f"{MISSING} ./paper run dear" in told


@pytest.mark.parametrize(
    ("test", "told"),
    [
        ("def test_arms(arms):\n    pass\n", "expected the marker reproduction(comparison=...) with one of mine, dear, got None"),
        ("@pytest.mark.reproduction(comparision='mine')\ndef test_claim(claim):\n    pass\n", "expected reproduction(folder=..., comparison=...), names both, got () {'comparision': 'mine'}"),
        ("@pytest.mark.reproduction(42)\ndef test_claim(claim):\n    pass\n", "names both, got (42,) {}"),
        ("@pytest.mark.reproduction(comparison='yours')\ndef test_claim(claim):\n    pass\n", "with one of mine, dear, got yours"),
        ("@pytest.mark.reproduction(comparison='mine')\ndef test_arm(arms):\n    arms['full']\n", "one of random_mutation, seed_only, got full"),
        ("@pytest.mark.reproduction('nowhere')\ndef test_claim(claim):\n    pass\n", "nowhere/arms.yaml: expected a file that can be read"),
    ],
)  # fmt: skip
def test_a_mistake_in_their_test_is_told(theirs, test, told, pytest_there):
    (theirs / "test_paper.py").write_text(f"import pytest\n\n\n{test}")
    code, output = pytest_there()
    assert code != 0
    assert told in output
    assert "Traceback" not in output
    assert len(output.splitlines()) < 30


def test_a_mistake_in_their_files_or_settings_is_told_briefly(theirs, pytest_there):
    for setting, expected in (
        ("model.nam=3", "model.nam: there is no such setting. Did you mean model.name?"),
        ("recipe.epochs=1", "--harness-override recipe.epochs=1: expected where runs lie, or another LLM"),
        ("search.split=test", "--harness-override search.split=test: expected where"),
        ("seed=3", "seed=3: expected none of ablation, compare, seed"),
    ):  # fmt: skip
        code, told = pytest_there("--harness-override", setting, "-k", "chance")
        assert code != 0
        assert expected in told
        assert len(told.splitlines()) < 30
    (theirs / "claims.yaml").write_text("title: 3\n")
    code, told = pytest_there()
    assert code != 0
    assert "claims.yaml: expected sections, it is missing." in told
    assert len(told.splitlines()) < 30


def test_the_summary_has_what_the_record_says_whatever_a_test_asserts(
    theirs, tmp_path, pytest_there
):
    (theirs / "test_paper.py").write_text(
        "import pytest\n\n\ndef test_meta(claim):\n    assert claim.source\n\n\n"
        "def test_lenient(claim, arms):\n    assert claim.source\n\n\n"
        "@pytest.mark.skip(reason='not run: too dear for us')\n"
        "def test_skipped(claim, arms):\n    claim.check(arms)\n\n\n"
        "@pytest.mark.reproduction(comparison='mine')\ndef test_names(arms):\n"
        "    assert 'seed_only' in arms and 'full' not in arms and len(arms) == 2\n"
    )
    code, told = pytest_there()
    assert code == 0, told
    assert "9 passed, 4 skipped" in told
    assert "\nnot run 4\n" in told  # of the lenient one
    (theirs / "test_paper.py").write_text(
        "import pytest\n\n\n@pytest.mark.xfail(strict=False)\ndef test_claim(claim, arms):\n    claim.check(arms)\n"
    )
    near, far = (0.929, 0.930, 0.931), (0.909, 0.910, 0.912)
    record_plan(theirs, tmp_path / "runs", scores={"random_mutation": near, "seed_only": far})
    code, told = pytest_there("--harness-override", f"runs_dir={tmp_path}/runs")
    assert code == 0, told
    assert "1 skipped, 1 xfailed, 2 xpassed" in told
    assert "\ndoes not hold 1, holds 2, not run 1\n" in told


def test_another_marker_of_that_name_is_left_alone(theirs, pytest_there):
    (theirs / "test_paper.py").write_text(
        "import pytest\n\n\n@pytest.mark.reproduction('bug-12', 'see tracker', 'x')\n"
        "def test_foreign():\n    pass\n"
    )
    code, told = pytest_there()
    assert code == 0, told
    assert "1 passed" in told


def test_another_llm_may_be_asked_and_is_told(theirs, pytest_there):
    code, told = pytest_there("--harness-override", "model.name=another", "-k", "asked")
    assert code == 0, told
    assert "with the settings model.name=another" in told


def test_markers_of_a_module_and_of_a_test_go_together(theirs, pytest_there):
    (theirs.parent / "tests").mkdir()
    (theirs.parent / "tests" / "test_there.py").write_text(
        "import pytest\n\npytestmark = pytest.mark.reproduction('../paper')\n\n\n"
        "@pytest.mark.reproduction(comparison='dear')\ndef test_claim(claim, arms):\n    claim.check(arms)\n"
    )
    code, told = pytest_there("tests")
    assert code == 0, told
    assert "\nnot run 1\n" in told


def test_claims_of_another_kind_are_left_alone(theirs, pytest_there):
    """The word is used for JSON web tokens, too."""
    elsewhere = theirs.parent / "tokens"
    elsewhere.mkdir()
    (elsewhere / "test_fixture.py").write_text(
        "import pytest\n\n\n@pytest.fixture\ndef claim():\n    return 'sub'\n\n\n"
        "def test_token(claim):\n    assert claim == 'sub'\n"
    )
    parametrized = (
        "import pytest\n\n\n@pytest.mark.parametrize('claim', ['sub', 'iss'])\n"
        "def test_token(claim):\n    assert claim in {'sub', 'iss'}\n"
    )
    (elsewhere / "test_parameter.py").write_text(parametrized)
    (theirs / "test_beside.py").write_text(parametrized)
    code, told = pytest_there("tokens", "paper/test_beside.py")
    assert code == 0, told
    assert "5 passed" in told
    assert "published claims" not in told


def test_a_pytest_without_claims_loads_nothing_heavy():
    code = "import sys, harness.claims.pytest_plugin; print({'torch', 'hydra', 'numpy', 'harness.claims.claim'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
