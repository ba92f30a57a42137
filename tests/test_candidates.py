"""Every bad module is refused by the gate in its file's name, for the reason in its first line."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.arms import laboratory
from harness.population import Rejection

FILES = sorted((Path(__file__).parent / "candidates").glob("*.py"))
LIMITS = ("machine_dependent", "took longer", "memory")


@pytest.fixture(scope="module")
def strict(config, digits, network):
    """A laboratory that waits for no hanging candidate."""
    limits = replace(config.limits, build_s=6, train_s=8, memory_mib=512)
    with laboratory(replace(config, limits=limits), digits, network) as lab:
        yield lab


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_refused_by_its_gate(path, strict, network):
    expects, marker, body = path.read_text().split("\n", 2)
    genome = network.replace(marker.removeprefix("# segment: "), body)
    fate = strict.validate(genome) or strict.evaluate.search(genome, seed=0)
    assert isinstance(fate, Rejection), "accepted"
    assert fate.gate == path.stem.split("__")[0], fate.reason
    assert expects.removeprefix("# expects: ") in fate.reason
    assert "\n" not in fate.reason
    by_limit = any(word in fate.reason for word in ("took longer", "memory"))
    assert fate.machine_dependent == by_limit


def test_the_worker_serves_on_after_all_of_them_and_leaves_no_process(strict, network):
    assert strict.validate(network) is None
    parent = strict.evaluate._sandbox._process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    assert children == []


def test_a_source_too_large_is_refused_before_anything_reads_it(strict, network):
    fate = strict.validate(network.replace("DW", "x = 1\n" * 20_000))
    assert fate is not None
    assert fate.gate == "intake"
    assert "65536 bytes" in fate.reason


def test_deep_nesting_is_refused_not_crashed_on(strict, network):
    fate = strict.validate(network.replace("DW", "x = " + "[" * 20_000))
    assert fate is not None
    assert fate.gate == "parse"


def test_the_projects_own_ruff_settings_do_not_reach_candidates(strict, network, monkeypatch):
    """Style is nobody's business here: an unused variable and a long line pass."""
    monkeypatch.chdir(Path(__file__).parents[1])
    body = network["DW"] + f"\n\n# {'x' * 200}\nUNUSED = 1\n"
    assert strict.validate(network.replace("DW", body)) is None


def test_reasons_are_printable(strict, network):
    body = 'class DW(nn.Module):\n    raise ValueError("\\x1b[31m red \\n\\u202e" + "x" * 999)\n'
    fate = strict.validate(network.replace("DW", body))
    assert fate is not None
    assert fate.reason.isprintable()
    assert len(fate.reason) <= 300


def test_what_candidates_print_goes_nowhere(strict, network, capfd):
    body = 'print("hello")\ntorch.os.write(1, b"hello")\ntorch.os.write(2, b"hello")\n'
    assert strict.validate(network.replace("DW", body + network["DW"])) is None
    assert "hello" not in "".join(capfd.readouterr())
