"""On a real Slurm of two nodes: a sweep with a cancelled and a requeued job, and a job that runs Ray."""

import csv
import importlib.util
import os
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from harness.analysis.metrics import TIME_COLUMNS
from harness.config.compose import compose
from harness.record.journal import find_runs
from tests.conftest import ROOT, SMALL, told
from tests.support import slurm
from tests.support.backends import complete_folders
from tests.support.commands import run

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(3600)]
SWEPT = ("ablation=random_mutation,one_plus_one", "seed=0,1", "compare=[]")
ON_SLURM = (
    "hydra/launcher=submitit_slurm", "hydra.launcher.timeout_min=10",
    "hydra.launcher.max_num_timeout=1", "hydra.launcher.mem_gb=5",
)  # fmt: skip
PATIENCE_S = 900


@pytest.fixture(scope="module")
def environment():
    if absent := slurm.missing():
        pytest.skip(f"expected the programs of Slurm, {', '.join(absent)} are missing: apt-get "
                    f"install --no-install-recommends slurmctld slurmd slurm-client munge")  # fmt: skip
    if importlib.util.find_spec("submitit") is None:
        pytest.skip("expected the launcher submitit_slurm: pip install 'guided-evolution[sweeps]'")
    with slurm.cluster() as environment:
        yield environment


def table(folder):
    """The last table as written, without columns of time."""
    files = sorted(folder.glob("comparison-*/table.csv"), key=lambda path: path.stat().st_mtime)
    with files[-1].open() as file:
        rows = csv.DictReader(file)
        return [{k: v for k, v in row.items() if k not in TIME_COLUMNS} for row in rows]


def test_a_cancelled_and_a_requeued_job_leave_the_table_of_a_local_sweep(
    environment, tmp_path, quick
):
    digits = (*SMALL, quick[-1])  # its network, and images from which it learns something
    gates, there = tmp_path / "gates", tmp_path / "there"
    gates.mkdir()
    cancelled, requeued = gates / "random_mutation-0", gates / "random_mutation-1"
    for gate in (cancelled, requeued):
        gate.touch()
    command = [
        "-m", *digits, *SWEPT, *ON_SLURM, f"runs_dir={there}", f"+executor.gates={gates}",
        "executor._target_=tests.support.slurm.Waiting",
    ]  # fmt: skip
    with (tmp_path / "first").open("w+") as out:
        sweep = subprocess.Popen(
            [sys.executable, "-m", "harness", *command],
            cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            cancel_and_requeue(environment, sweep, cancelled, requeued)
            assert sweep.wait(timeout=PATIENCE_S) == 1
        finally:
            sweep.kill()
            sweep.wait()
            out.seek(0)
            told = out.read()
            print(told)
    assert "Traceback" not in told
    assert told.count("┃ arm") == 1, "a lost job costs no table"
    assert "3 of 4 runs complete" in told
    (failed,) = (line for line in told.splitlines() if line.startswith("failed: "))
    assert "ablation=random_mutation seed=0: its process ended without a report" in failed
    resumed = [
        f for f in there.rglob("*_log.out") if "events kept, going on at g0.c0" in f.read_text()
    ]
    assert [file.name for file in resumed] == [f"{number_of(environment, 1)}_0_log.out"]

    again = run(*command, env=environment, timeout_s=PATIENCE_S)
    print(again.stdout, again.stderr)
    assert again.returncode == 0
    assert "4 of 4 runs complete" in again.stdout
    local = run("-m", *digits, *SWEPT, f"runs_dir={tmp_path / 'here'}", timeout_s=PATIENCE_S)
    assert local.returncode == 0
    assert table(there) == table(tmp_path / "here")


def cancel_and_requeue(environment, sweep, cancelled, requeued):
    """Cancel the job of one gate, and let the job of the other reach its time limit, both under way."""

    def until(condition, what):
        def known():
            assert sweep.poll() is None, "the sweep has ended"
            return condition()

        return slurm.until(known, what, seconds=PATIENCE_S)

    for gate in (cancelled, requeued):
        told = gate.with_suffix(".waits")
        until(told.exists, f"{gate.name} to train")
        assert told.read_text() == "1", "a job has the cores of its allocation, not of the node"
    first, second = (number_of(environment, index) for index in (0, 1))
    slurm.ask(environment, "scancel", first)
    until(lambda: slurm.states(environment)[first] == "CANCELLED", "the end of a job")
    cancelled.unlink()
    # Slurm sends submitit's signal hydra.launcher.signal_delay_s=120 before the limit, or earlier.
    slurm.shorten(environment, second, rest_min=2)
    until(lambda: slurm.fields_of(environment, second).get("Restarts") == "1", "a requeue")
    requeued.unlink()


def number_of(environment, index):
    """Return the name of a job of the first sweep."""
    return min((name for name in slurm.states(environment) if name.endswith(f"_{index}")), key=len)


def job_of_the_page(**replaced):
    """Return the job that ``docs/ray.md`` shows, with parts of it replaced."""
    page = (ROOT / "docs" / "ray.md").read_text()
    shown = page[page.index("## In a job of Slurm") :].split("\n\n")[2]
    script = "#!/bin/bash\n" + textwrap.dedent(shown) + "\n"
    for part, other in replaced.items():
        assert part in script
        script = script.replace(part, other)
    return script


def test_the_job_that_the_page_shows_runs_on_ray_within_its_allocation(
    environment, tmp_path, quick, executor
):
    """On one node: two nodes of this Slurm have one address, where Ray expects one node."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")
    settings = [*quick, "ablation=random_mutation", "compare=[]"]
    (local,) = complete_folders([compose([*settings, f"runs_dir={tmp_path / 'here'}"])], executor)
    token, ray = tmp_path / "token", Path(tempfile.mkdtemp(prefix="ray"))
    token.write_text(secrets.token_hex(32))
    token.chmod(0o600)
    script = job_of_the_page(**{
        "--nodes=4": "--nodes=1",
        "--min-nodes 4": "--min-nodes 1 --num-cpus=1",
        "~/.ray/guided-evolution": str(token),
        "/tmp/$USER-ray": str(ray),
        '$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)': "127.0.0.1",
        "runs_dir=/SHARED/runs": " ".join([*map(shlex.quote, settings), f"runs_dir={tmp_path / 'there'}"]),
    })  # fmt: skip
    path = os.pathsep.join((str(Path(sys.executable).parent), environment["PATH"]))
    try:
        done = subprocess.run(
            ["sbatch", "--wait", "--time=15", f"--output={tmp_path / 'out'}"],
            input=script, env=environment | {"PATH": path}, cwd=ROOT, capture_output=True, text=True,
            check=False, timeout=PATIENCE_S,
        )  # fmt: skip
        told_by_job = (tmp_path / "out").read_text()
        print(done.stdout, done.stderr, told_by_job)
    finally:
        shutil.rmtree(ray, ignore_errors=True)
    assert done.returncode == 0
    (folder,) = find_runs(tmp_path / "there")
    assert folder.name == local.name
    assert told(folder) == told(local)
