"""Whether few epochs foretell what all come to, said with its uncertainty."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import spearmanr

from harness.analysis.statistics.intervals import rank_correlation
from harness.config.compose import compose
from harness.config.identity import identity
from harness.errors import InputError
from harness.evaluation.cache import FOLDER
from harness.evolution.genome import read_network
from harness.runs.fidelity_study import correlate, kept, rows
from tests.conftest import ROOT, SEED_NETWORK, SMALL
from tests.support.backends import complete_folders
from tests.support.records import record_run


def test_the_interval_covers_what_is_true():
    """Of normal pairs with Spearman's correlation known: 95 % of intervals hold it."""
    rng = np.random.default_rng(0)
    r, n, held = 0.6, 20, 0
    true = 6 / math.pi * math.asin(r / 2)
    for _ in range(1000):
        x = rng.standard_normal(n)
        y = r * x + math.sqrt(1 - r**2) * rng.standard_normal(n)
        rho, low, high = rank_correlation(x.tolist(), y.tolist())
        assert rho == pytest.approx(spearmanr(x, y).statistic)
        held += low <= true <= high
    assert 0.93 < held / 1000 < 0.97


def test_too_few_or_all_equal_are_unknown():
    assert math.isnan(rank_correlation([1, 2, 3, 4], [1, 2, 3, 4])[0])
    assert math.isnan(rank_correlation([1] * 9, [*range(9)])[0])
    for n in (5, 9):  # of five, the sums of squares leave 0.9999999999999999
        rho, *ends = rank_correlation([*range(n)], [*range(n)])
        assert rho == pytest.approx(1)
        assert all(map(math.isnan, ends))


def test_the_share_of_the_best_quarter_that_few_epochs_keep():
    whole = [*range(8)]
    assert kept(whole, whole) == 1
    assert kept([-v for v in whole], whole) == 0
    assert kept([0, 0, 0, 0, 0, 9, 0, 9], whole) == 0.5


def test_networks_that_failed_at_either_are_left_out():
    few = {d: float(i) for i, d in enumerate("abcdefg")}
    whole = {d: float(i) for i, d in enumerate("bcdefgh")}
    table = rows({1: few, 2: {}}, whole)
    assert table[1] == ["1", "6", "1.00", "–", "100%"]
    assert table[2] == ["2", "0", "unknown", "–", "–"]


def record_seed_only(folder, **limits):
    """Record a run of the seed network alone, with other limits."""
    network = read_network(SEED_NETWORK)
    config = compose([*SMALL, "+ablation=seed_only"])
    settings = identity(config, data="d", network=network.digest, study=None)
    settings["limits"] |= limits
    record_run(
        folder,
        arm="seed_only",
        seed=0,
        children=[],
        settings=settings.items(),
        source=network.source,
    )


@pytest.mark.parametrize("name", ["memory_mib", "threads"])
def test_a_record_does_not_decide_how_much_of_this_machine_it_takes(tmp_path, name):
    record_seed_only(tmp_path, **{name: 10**9})
    with pytest.raises(InputError, match=rf"limits\.{name}: expected at most .* on this machine"):
        correlate(tmp_path, n_networks=1, epochs=[1], overrides=[])


@pytest.mark.parametrize("link", ["mine", f"mine/{FOLDER}"])
def test_no_link_leads_to_the_cache(tmp_path, link):
    record_seed_only(tmp_path / "run")
    (tmp_path / "victim").mkdir()
    (tmp_path / link).parent.mkdir(exist_ok=True)
    (tmp_path / link).symlink_to(tmp_path / "victim")
    with pytest.raises(InputError, match=r"expected a folder of your own .*, found a link"):
        correlate(tmp_path / "run", n_networks=1, epochs=[1], overrides=[], out=tmp_path / "mine")


@pytest.mark.slow
def test_the_command_trains_what_is_missing_and_tells(quick, tmp_path, executor):
    settings = [*quick, "+ablation=random_mutation", "compare=[]", "budget.evaluations=6",
                "sizes.founders=6", "recipe.epochs=3", f"runs_dir={tmp_path}/runs"]  # fmt: skip
    (folder,) = complete_folders([compose(settings)], executor)
    runs_dir = (tmp_path / "runs").rename(tmp_path / "${oc.env:HOME}")  # a name and nothing more
    folder = runs_dir / folder.name
    made = set((runs_dir / FOLDER).glob("*.json"))
    path = next(o for o in quick if o.startswith("task.path="))

    def asked(*arguments, out=("--out", str(runs_dir)), cwd=None):
        command = [sys.executable, "-m", "harness.fidelity", str(folder), *out, "--set", path]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [*command, *arguments], capture_output=True, text=True, check=False, cwd=cwd,
            env=environment,
        )  # fmt: skip

    done = asked("--networks", "6", "--epochs", "1", "2")
    assert done.returncode == 0, done.stderr
    assert "validation accuracy after few epochs against 3" in " ".join(done.stdout.split())
    now = set((runs_dir / FOLDER).glob("*.json"))
    assert made < now
    assert len(now - made) == 2 * 6  # all epochs were trained by the run
    assert asked("--networks", "6", "--epochs", "1", "2").stdout == done.stdout
    assert set((runs_dir / FOLDER).glob("*.json")) == now
    wrong = asked("--epochs", "3")
    assert wrong.returncode == 2
    assert (
        wrong.stderr
        == "error: --epochs: expected numbers from 1 to 2, below the recipe's 3, got 3.\n"
    )
    # Beside the run there may be a stranger's cache, or a link to somebody else's.
    (tmp_path / "victim").mkdir()
    (runs_dir / FOLDER).rename(tmp_path / "was")
    (runs_dir / FOLDER).symlink_to(tmp_path / "victim")
    (tmp_path / "mine").mkdir()
    done = asked("--networks", "1", "--epochs", "1", out=(), cwd=tmp_path / "mine")
    assert done.returncode == 0, done.stderr
    assert not list((tmp_path / "victim").iterdir())
    assert len(list((tmp_path / "mine" / "runs" / FOLDER).glob("*.json"))) == 2
