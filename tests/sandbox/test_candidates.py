"""Every hostile module ends as its file says: refused by a gate, or let in with its true numbers."""

import contextlib
import functools
import operator
import sysconfig
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from harness.config.schema import LEVELS
from harness.evaluation.gates import KINDS, STATIC_GATES
from harness.evolution.candidate import MACHINE_DEPENDENT, Evaluation, Rejection
from tests.conftest import ROOT, children_of_worker
from tests.support.backends import open_backend

FOLDER = ROOT / "tests" / "candidates"
HANDFUL = {
    "build__crashes", "build__fills_memory", "build__hangs", "build__closes_its_channel", "train__diverges", "audit__nan_when_evaluated", "lint__noqa_for_the_file",
    "imports__inside_a_function", "intake__invisible_character", "parse__renamed_class",
}  # fmt: skip
"""What the fast suite runs; ``nox -s hostile`` runs all, at every level that the host offers."""
SHARED = {path.stem.upper(): path.read_text().rstrip() for path in (FOLDER / "shared").glob("*.py")}
COMPARE = {">": operator.gt, "<": operator.lt, "==": operator.eq}


@dataclass(frozen=True)
class Case:
    """What a file says about itself."""

    name: str
    expected: str
    words: str
    level: str
    segment: str
    body: str


def read(path):
    lines = path.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    said = {}
    while "segment" not in said:
        key, _, value = lines.pop(0).removeprefix("# ").partition(": ")
        said[key] = value
    expected, _, words = said["expects"].partition(": ")
    body = "\n".join(SHARED.get(line, line) for line in lines)
    return Case(path.stem, expected, words, said.get("level", "limits"), said["segment"], body)


CASES = [read(path) for path in sorted(FOLDER.glob("*.py"))]
ALL = [
    pytest.param(
        level, case, id=f"{level}-{case.name}",
        marks=() if level == "isolated" and case.name in HANDFUL else pytest.mark.hostile,
    )
    for level in LEVELS for case in CASES if LEVELS.index(case.level) <= LEVELS.index(level)
]  # fmt: skip


@pytest.fixture(scope="module")
def backends(config, digits, network):
    """A backend for each level that waits for no hanging candidate, opened when first used."""
    limits = replace(config.limits, build_s=10, train_s=10, memory_mib=768)
    sandbox = replace(config.sandbox, level="limits")
    chosen = replace(config, limits=limits, sandbox=sandbox)
    with contextlib.ExitStack() as stack:
        yield functools.cache(
            lambda level: stack.enter_context(
                open_backend(chosen, digits, network, confinement=level)
            )
        )


@pytest.fixture
def strict(backends, request):
    """The backend of the test's level."""
    level = getattr(request, "param", "isolated")
    backend = backends(level)
    if backend.machine["sandbox"] != level:
        pytest.skip(f"this host does not reach {level}: {backend.machine['missing']}")
    return backend


def files_of(*folders):
    """Size and time of every file, so that a change of any shows."""
    return {
        path: (path.lstat().st_size, path.lstat().st_mtime_ns)
        for folder in folders for path in Path(folder).rglob("*")
        if path.is_file() and not {"__pycache__", ".git", ".mypy_cache"} & set(path.parts)
    }  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _no_file_changes():
    """Nothing in the project, the libraries or shared memory is other after all than before."""
    folders = (ROOT, sysconfig.get_path("purelib"), "/dev/shm", Path.home() / ".config")
    before = files_of(*folders)
    yield
    assert files_of(*folders) == before


@pytest.mark.parametrize(("strict", "case"), ALL, indirect=["strict"])
def test_ends_as_expected(case, strict, network, monkeypatch):
    if case.name == "build__hangs":
        sandbox = strict.evaluate._sandbox
        monkeypatch.setattr(sandbox, "limits", replace(sandbox.limits, build_s=4))
    body = case.body.replace("\nSEED", "\n" + network[case.segment])
    genome = network.replace(case.segment, body)
    outcome = strict.validate(genome, seed=0).refusal or strict.evaluate.search(genome, seed=0)
    if case.expected == "accepted":
        assert isinstance(outcome, Evaluation), outcome
        name, compare, number = case.words.split()
        assert COMPARE[compare](getattr(outcome, name), float(number)), outcome
        return
    assert isinstance(outcome, Rejection), f"accepted: {outcome}"
    assert (outcome.gate, outcome.kind) == (case.name.split("__")[0], case.expected), outcome.reason
    assert any(words in outcome.reason for words in case.words.split("|")), outcome.reason
    assert outcome.reason.isprintable()
    assert outcome.machine_dependent == (case.expected in MACHINE_DEPENDENT)
    assert children_of_worker(strict.evaluate._sandbox) == []


def test_every_file_names_a_kind_that_is_documented():
    assert {case.expected for case in CASES} - {"accepted"} <= set(KINDS)


def test_every_static_gate_has_a_candidate_of_its_kind_and_a_name_of_its_own():
    shown = {(case.name.split("__")[0], case.expected) for case in CASES}
    assert {(gate.name, gate.kind) for gate in STATIC_GATES} <= shown
    assert len({gate.name for gate in STATIC_GATES}) == len(STATIC_GATES)


def test_the_worker_serves_on_after_all_of_them_and_leaves_no_process(strict, network):
    assert strict.validate(network, seed=0).refusal is None
    assert children_of_worker(strict.evaluate._sandbox) == []


def test_a_source_too_large_is_refused_before_anything_reads_it(strict, network):
    outcome = strict.validate(network.replace("DW", "x = 1\n" * 20_000), seed=0).refusal
    assert outcome is not None
    assert outcome.gate == "intake"
    assert "65536 bytes" in outcome.reason


def test_deep_nesting_is_refused_not_crashed_on(strict, network):
    outcome = strict.validate(network.replace("DW", "x = " + "[" * 20_000), seed=0).refusal
    assert outcome is not None
    assert outcome.gate == "parse"


def test_the_projects_own_ruff_settings_do_not_reach_candidates(strict, network, monkeypatch):
    """Style is nobody's business here: an unused variable and a long line pass."""
    monkeypatch.chdir(ROOT)
    body = network["DW"] + f"\n\n# {'x' * 200}\nUNUSED = 1\n"
    assert strict.validate(network.replace("DW", body), seed=0).refusal is None


def test_reasons_are_printable(strict, network):
    body = 'class DW(nn.Module):\n    raise ValueError("\\x1b[31m red \\n\\u202e" + "x" * 999)\n'
    outcome = strict.validate(network.replace("DW", body), seed=0).refusal
    assert outcome is not None
    assert outcome.reason.isprintable()
    assert len(outcome.reason) <= 300


def test_what_candidates_print_goes_nowhere(strict, network, capfd):
    body = 'print("hello")\ntorch.os.write(1, b"hello")\ntorch.os.write(2, b"hello")\n'
    assert strict.validate(network.replace("DW", body + network["DW"]), seed=0).refusal is None
    assert "hello" not in "".join(capfd.readouterr())
