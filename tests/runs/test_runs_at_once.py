"""Runs of a command that go on at once record what they record one after the other."""

import re
import threading
import time
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from harness.config.compose import compose_jobs
from harness.errors import InputError
from harness.record.failure import failure_of
from harness.record.journal import find_runs, is_complete
from harness.runs.runner import complete_jobs, complete_runs
from harness.runs.sweeps.plan import complete_all, planned, progress_of
from tests.conftest import told
from tests.support.backends import ImaginedTrainings
from tests.support.commands import run

ARMS = ("random_mutation", "width", "one_plus_one")


class Waits(ImaginedTrainings):
    """Each training takes another time, so that runs meet in any order.

    Args:
        meets: Whether the first trainings wait until three are under way.
    """

    def __init__(self, *, meets=False):
        self.under_way, self.most, self.opened = 0, 0, 0
        self._mutex, self._met = threading.Lock(), threading.Event()
        if not meets:
            self._met.set()

    def open(self, config, dataset, network, **how):
        self.opened += 1
        backend = super().open(config, dataset, network, **how)
        return replace(backend, workers=3)

    def search(self, genome, **how):
        with self._mutex:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            if self.most == 3:
                self._met.set()
        self._met.wait(timeout=100)
        time.sleep(Random(genome.digest).uniform(0, 0.01))
        with self._mutex:
            self.under_way -= 1
        return super().search(genome, **how)


@pytest.fixture
def jobs(tiny, tmp_path):
    def composed(name, *overrides, seeds=(0, 1)):
        others = f"compare=[{','.join(ARMS[1:])}]"
        return compose_jobs([
            [*tiny, "budget.evaluations=5", "budget.proposals=20", f"runs_dir={tmp_path / name}",
             f"ablation={ARMS[0]}", others, f"seed={seed}", *overrides]
            for seed in seeds
        ])  # fmt: skip

    return composed


def test_they_record_the_same_on_one_backend_and_never_exceed_its_slots(jobs, tmp_path):
    one, many = Waits(), Waits(meets=True)
    alone = complete_all(jobs("alone"), one)
    together = complete_all(jobs("together", "runs_at_once=8"), many)
    assert len(alone) == len(together) == 2 * len(ARMS)
    for first, second in zip(alone, together, strict=True):
        assert first.folder.name == second.folder.name
        assert told(first.folder) == told(second.folder)
    assert one.most <= many.most == 3
    assert many.opened == 1, "both seeds share the backend"


def test_a_run_that_fails_ends_its_own_job_alone(jobs, tmp_path, capfd):
    configs = jobs("runs", "runs_at_once=2")
    plan = planned(configs)
    (broken,) = [spec for spec in plan[0] if spec.config.arm == "width"]
    (broken.folder / "config.json" / "in the way").mkdir(parents=True)
    failed, fine = complete_jobs(plan, Waits(), overall=progress_of(plan))
    assert isinstance(failed, InputError)
    assert fine is None
    assert all(is_complete(spec.folder) for spec in plan[1])
    assert not is_complete(plan[0][-1].folder), "it had not begun, and needs not begin"
    assert str(failed).startswith(failure_of(broken.folder)[:80])
    assert "width, seed 0: failed: " in capfd.readouterr().out
    with pytest.raises(InputError, match="a folder that can be written"):
        complete_runs(configs[0], Waits())


def test_an_executor_that_cannot_open_ends_the_command_with_its_sentence(jobs):
    class Closed(Waits):
        def open(self, config, dataset, network, **how):
            raise InputError("executor: expected a cluster which admits this process")

    with pytest.raises(InputError, match="expected a cluster which admits this process"):
        complete_runs(jobs("runs")[0], Closed())


def test_an_interrupt_ends_them_before_their_next_candidate(jobs):
    class Interrupted(Waits):
        def search(self, genome, **how):
            if self.most == 3:
                raise KeyboardInterrupt
            return super().search(genome, **how)

    configs = jobs("runs", "runs_at_once=6", seeds=[0])
    with pytest.raises(KeyboardInterrupt):
        complete_runs(configs[0], Interrupted(meets=True))
    folders = find_runs(Path(configs[0][0].runs_dir))
    assert not any(map(is_complete, folders))
    complete_runs(configs[0], Waits())
    assert len(find_runs(Path(configs[0][0].runs_dir))) == len(ARMS)
    assert all(map(is_complete, folders))


@pytest.mark.slow
def test_a_sweep_at_once_ends_with_the_table_of_one_after_the_other(quick, tmp_path):
    swept = ("-m", "ablation=random_mutation,one_plus_one", "seed=0,1", "compare=[]")
    done = {
        n: run(*swept, *quick, f"runs_at_once={n}", f"runs_dir={tmp_path / str(n)}") for n in (1, 4)
    }
    assert [one.returncode for one in done.values()] == [0, 0], done[4].stderr
    here, there = (sorted((tmp_path / str(n)).glob("*-s*")) for n in (1, 4))
    assert [folder.name for folder in here] == [folder.name for folder in there]
    assert len(here) == 4
    for first, second in zip(here, there, strict=True):
        assert told(first) == told(second)
    assert done[4].stdout.count("┃ arm") == 1
    assert re.search(r"4 of 4 runs complete", done[4].stdout)
