"""Sweeps: one table, launchers, processes that share runs and that end with their parent."""

import csv
import importlib.util
import os
import re
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace

import pytest

from harness.analysis.comparison import comparisons
from harness.analysis.loading import read_runs
from harness.analysis.metrics import TIME_COLUMNS
from harness.config.compose import Launching, compose, compose_jobs, launching
from harness.config.schema import Budget
from harness.errors import InputError
from harness.record.events import read_event
from harness.record.failure import failure_kept, failure_of
from harness.record.journal import Journal, find_runs, holder_of, read_events
from harness.reporting.comparison_tables import describe_comparison
from harness.runs.spec import Expected
from harness.runs.sweeps.ownership import Owner
from harness.runs.sweeps.progress import Progress, duration
from harness.runs.sweeps.resumption import told_of_resumption
from tests.conftest import ROOT
from tests.support.commands import run
from tests.support.processes import alive, descendants
from tests.support.records import child, evaluated, record_run, reference

SWEPT = ("-m", "+ablation=random_mutation,one_plus_one", "seed=0,1", "compare=[]")
LAUNCHERS = {
    "joblib": ("hydra_plugins.hydra_joblib_launcher", "hydra.launcher.n_jobs=2"),
    "submitit_local": ("hydra_plugins.hydra_submitit_launcher", "hydra.launcher.timeout_min=60"),
}


def rows(folder):
    """The table as written, by arm, without columns of time."""
    (table,) = folder.glob("comparison-*/table.csv")
    with table.open() as file:
        return {
            row["arm"]: {k: v for k, v in row.items() if k not in TIME_COLUMNS}
            for row in csv.DictReader(file)
        }


@pytest.fixture(scope="module")
def swept(tmp_path_factory, quick):
    folder = tmp_path_factory.mktemp("swept")
    return folder, run(*SWEPT, *quick, "budget.evaluations=1", f"runs_dir={folder}")


@pytest.mark.slow
def test_a_sweep_prints_one_table_and_its_progress(swept):
    folder, done = swept
    assert done.returncode == 0, done.stderr
    assert len(list(folder.glob("comparison-*"))) == 1
    assert done.stdout.count("┃ arm") == 1
    assert re.findall(r"job \d of 4: .*", done.stdout) == [
        "job 1 of 4: ablation=random_mutation seed=0", "job 2 of 4: ablation=random_mutation seed=1",
        "job 3 of 4: ablation=one_plus_one seed=0", "job 4 of 4: ablation=one_plus_one seed=1",
    ]  # fmt: skip
    told = re.findall(
        r"(\d) of 4 runs complete, (\d) of 4 evaluations(, about .* left)?", done.stdout
    )
    assert [(int(runs), int(n)) for runs, n, _ in told] == [(n, n) for n in (1, 2, 3, 4)]
    assert [bool(left) for _, _, left in told] == [True, True, True, False]


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_the_table_of_another_launcher_is_that_of_the_basic_one(launcher, swept, tmp_path, quick):
    module, setting = LAUNCHERS[launcher]
    if (
        importlib.util.find_spec("hydra_plugins") is None
        or importlib.util.find_spec(module) is None
    ):
        pytest.skip(f"expected the launcher {launcher}: pip install 'guided-evolution[sweeps]'")
    done = run(
        *SWEPT, *quick, "budget.evaluations=1", f"runs_dir={tmp_path}",
        f"hydra/launcher={launcher}", setting,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("┃ arm") == 1
    assert "4 of 4 runs complete, 4 of 4 evaluations\n" in done.stdout
    assert rows(tmp_path) == rows(swept[0])


@pytest.mark.slow
def test_a_killed_sweep_leaves_no_process_and_goes_on(swept, tmp_path, quick):
    if importlib.util.find_spec("hydra_plugins") is None:
        pytest.skip("expected the launcher joblib: pip install 'guided-evolution[sweeps]'")
    command = [
        *SWEPT, *quick, "budget.evaluations=1", f"runs_dir={tmp_path}", "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
    ]  # fmt: skip
    with (tmp_path / "out").open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "harness", *command], cwd=ROOT, stdout=out, stderr=out
        )
    while "seed network" not in (tmp_path / "out").read_text():
        assert process.poll() is None
        time.sleep(0.1)
    started = list(descendants(process.pid))
    assert len(started) > 4
    process.kill()
    process.wait()
    deadline = time.monotonic() + 60
    while any(map(alive, started)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(alive, started))
    done = run(*command)
    assert done.returncode == 0, done.stderr
    assert re.search(r"\d+ events kept, going on at ", done.stdout)
    assert rows(tmp_path) == rows(swept[0])


@pytest.mark.slow
def test_two_shells_share_the_runs_and_both_end_with_the_table(swept, tmp_path, quick):
    command = [sys.executable, "-m", "harness", *SWEPT, *quick, "budget.evaluations=1"]
    shells = [
        subprocess.Popen(
            [*command, f"runs_dir={tmp_path}"], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    told = [shell.communicate(timeout=280)[0] for shell in shells]
    assert [shell.returncode for shell in shells] == [0, 0]
    for one in told:
        assert one.count("┃ arm") == 1
    begun = [set(re.findall(r"^(\w+, seed \d): seed network", one, re.MULTILINE)) for one in told]
    assert all(begun), "each shell has done something"
    assert sum(map(len, begun)) == len(begun[0] | begun[1]) == 4, "nothing was done twice"
    assert rows(tmp_path) == rows(swept[0])
    for folder in find_runs(tmp_path):
        counted = Counter(event.KIND for event in read_events(folder))
        assert counted["manifest"] == counted["complete"] == 1


def test_jobs_share_a_machine_by_what_their_launcher_runs_at_once():
    assert Launching(here=True).at_once(jobs=8, cores=4) == 1
    assert Launching(here=False, n_jobs=3).at_once(jobs=8, cores=4) == 3
    assert Launching(here=False, n_jobs=-1).at_once(jobs=8, cores=4) == 4
    assert Launching(here=False, n_jobs=-1).at_once(jobs=2, cores=4) == 2
    assert Launching(here=False, n_jobs=-1, batch=3).at_once(jobs=8, cores=4) == 3
    assert Launching(here=False).at_once(jobs=8, cores=4) == 8
    assert launching(["seed=0"]) == Launching(here=True)


def test_what_jobs_share_is_composed_once():
    first, second = compose_jobs([["+ablation=no_eot", "seed=0"], ["+ablation=no_crp", "seed=0"]])
    assert [config.arm for config in first] == ["no_eot", "full", "random_mutation", "nas", "width"]
    assert second[0].arm == "no_crp"
    assert all(one is other for one, other in zip(first[1:], second[1:], strict=True))


WAITS = """
import os, sys
from harness.runs.sweeps.ownership import Owner
owner = Owner(host=sys.argv[1], pid=int(sys.argv[2]), started=sys.argv[3], allocation=sys.argv[4])
owner.end_with_it()
print("watches", flush=True)
sys.stdin.read()
"""


def watching(owner):
    return subprocess.Popen(
        [sys.executable, "-c", WAITS, owner.host, str(owner.pid), owner.started, owner.allocation],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_a_process_ends_with_its_owner_and_with_nobody_else():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as owner:
        seen = Owner.of(owner.pid)
        with watching(seen) as watcher:
            assert watcher.stdout.readline() == "watches\n"
            assert watcher.poll() is None
            owner.kill()  # it stays a zombie until ``wait`` below
            assert watcher.wait(timeout=60) == 1
        owner.wait()
    with watching(seen) as too_late:
        assert too_late.wait(timeout=60) == 1
    for far in ({"host": "another machine"}, {"allocation": "7"}):
        with watching(replace(seen, **far)) as elsewhere:
            assert elsewhere.stdout.readline() == "watches\n"
            elsewhere.stdin.close()
            assert elsewhere.wait(timeout=60) == 0


def trained(purpose, network):
    return read_event(f"training/{purpose}/{network}/1", evaluated(0.9, 10))


def test_progress_counts_what_any_process_has_recorded(tmp_path):
    work = Expected(evaluations=4, trainings=8)
    progress = Progress({tmp_path / "a": work, tmp_path / "b": work})
    assert progress.text == "0 of 2 runs complete, 0 of 8 evaluations"
    with Journal(tmp_path / "a", wait_s=0) as journal:
        for one in ("seed", "x", "y"):
            journal.record(trained("search", one))
        journal.record(trained("search-3", "z"))
        journal.record(trained("final", "x"))
        told = progress.text_now()
        assert re.fullmatch(r"0 of 2 runs complete, 3 of 8 evaluations, about \d+ s left", told)
        journal.record(read_event("complete", {}))
    assert progress.text_now().startswith("1 of 2 runs complete, 3 of 8 evaluations")
    assert Progress({tmp_path / "a": work}).text == ""
    assert Progress({tmp_path / "a": work, tmp_path / "b": work}).at_start == {tmp_path / "a"}


def test_durations():
    assert [duration(s) for s in (4, 59, 61, 3600, 12_060)] == [
        "4 s", "59 s", "1 min", "1 h 0 min", "3 h 21 min",
    ]  # fmt: skip


def test_what_a_resumed_run_keeps_is_one_line():
    budget = Budget(evaluations=2, proposals=9)
    good = evaluated(0.9, 10)
    known = [reference(good)]
    assert told_of_resumption([], budget) == "0 events kept, going on at the seed network"
    assert told_of_resumption(known, budget) == "1 events kept, going on at g0.c0"
    known.append(child("g0.c0", good))
    assert told_of_resumption(known, budget) == "2 events kept, going on at g0.c1"
    known.append(read_event("generation/0", {"population": ["g0.c0"]}))
    assert told_of_resumption(known, budget) == "3 events kept, going on at g1.c0"
    known.append(child("g1.c0", good))
    assert told_of_resumption(known, budget) == "4 events kept, going on at the re-trainings"


def test_the_reason_of_a_failure_is_kept_until_an_attempt_succeeds(tmp_path):
    with pytest.raises(ValueError, match="no"), failure_kept(tmp_path):
        raise ValueError("no\nsuch thing")
    assert failure_of(tmp_path) == "ValueError('no\\nsuch thing')"
    with failure_kept(tmp_path):
        pass
    assert failure_of(tmp_path) is None


def test_who_works_on_a_run_is_known_and_asking_takes_nothing(tmp_path):
    assert holder_of(tmp_path) is None
    assert not list(tmp_path.iterdir())
    with Journal(tmp_path, wait_s=0):
        assert holder_of(tmp_path) == f"process {os.getpid()} on {os.uname().nodename}"
    assert holder_of(tmp_path) is None


def compared(tmp_path, *arms, default=None):
    """The reference of a table of these arms, in the order of their start."""
    for number, (arm, ablation) in enumerate(arms):
        folder = tmp_path / f"{number}-{arm}"
        if not folder.exists():
            record_run(
                folder, arm=arm, seed=0, children=[("g0.c0", evaluated(0.9, 5))], at=number,
                variant=arm, settings={"ablation": ablation},
            )  # fmt: skip
    runs = read_runs([tmp_path / f"{number}-{arm}" for number, (arm, _) in enumerate(arms)])
    (comparison,) = comparisons(runs, default=default)
    assert comparison.reference_is_default
    name = comparison.reference.name
    declared = "full" in dict(arms).values() or default is not None
    assert comparison.reference_is_declared is declared
    (table,) = [t for t in describe_comparison(comparison).tables if t.name == "compared"]
    assert table.title.startswith(
        f"Against {name}, {'primary' if declared else 'exploratory'}: decades"
    )
    return name


def test_the_reference_is_full_under_any_name_or_else_the_first_arm_of_the_command(tmp_path):
    no_eot, full = ("guided~pool:no_eot", "no_eot"), ("guided~pool:full", "full")
    assert compared(tmp_path / "a", no_eot, full) == "guided~pool:full"
    others = (("width", "width"), ("nas", "nas"))
    assert compared(tmp_path / "b", *others) == "width"
    assert compared(tmp_path / "b", *others, default="nas") == "nas"
    assert compared(tmp_path / "c", no_eot, full, ("full", "full"), default="x") == "full"


def test_arms_have_the_order_of_the_command_whichever_job_was_faster(tmp_path):
    for at, arm in enumerate(("width", "nas")):
        record_run(
            tmp_path / arm, arm=arm, seed=0, children=[("g0.c0", evaluated(0.9, 5))], at=at,
            variant=arm, settings={"ablation": arm},
        )  # fmt: skip
    runs = read_runs([tmp_path / "nas", tmp_path / "width"])
    for ordered, names in ((True, ["nas", "width"]), (False, ["width", "nas"])):
        (comparison,) = comparisons(runs, ordered=ordered)
        assert [arm.name for arm in comparison.arms] == names


def test_a_launcher_that_is_not_installed_is_named_with_its_extra():
    if importlib.util.find_spec("hydra_plugins") is not None:
        pytest.skip("the launchers are installed")
    with pytest.raises(InputError, match=r"pip install 'guided-evolution\[sweeps\]'"):
        compose(["hydra/launcher=joblib"])
    with pytest.raises(InputError, match="hydra/launcher=jobli: there is no such option"):
        compose(["hydra/launcher=jobli"])
