"""Cores and memory are those of the process: of its control groups, or of its Slurm job."""

import os

import pytest

from harness.evaluation.machine import resources

GIB = 2**30
ALONE = {"cpu.max": "max 100000", "memory.max": "max"}


@pytest.fixture(autouse=True)
def _no_job(monkeypatch):
    for name in [name for name in os.environ if name.startswith("SLURM_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine of 64 cores and 1 TiB; returns a function that puts this process into groups."""
    monkeypatch.setattr(resources.os, "sched_getaffinity", lambda _: set(range(64)))
    sizes = {"SC_PHYS_PAGES": 2**28, "SC_PAGESIZE": 4096}
    monkeypatch.setattr(resources.os, "sysconf", sizes.__getitem__)
    monkeypatch.setattr(resources, "_MEMBERSHIP", tmp_path / "membership")
    monkeypatch.setattr(resources, "_HIERARCHIES", tmp_path / "cgroup")

    def put(membership, groups):
        (tmp_path / "membership").write_text(membership)
        for group, files in groups.items():
            folder = tmp_path / "cgroup" / group
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                (folder / name).write_text(text + "\n")

    return put


def test_without_limits_it_is_the_machine(machine):
    assert (resources.cores(), resources.memory_mib()) == (64, 2**20)
    machine("0::/a\n", {"": ALONE, "a": ALONE})
    assert (resources.cores(), resources.memory_mib()) == (64, 2**20)


@pytest.mark.parametrize(
    ("membership", "groups"),
    [
        ("0::/\n", {"": {"cpu.max": "250000 100000", "memory.max": str(GIB)}}),
        ("0::/slurm/job_7/step_0\n", {
            "": ALONE, "slurm/job_7": {"cpu.max": "250000 100000", "memory.max": str(GIB)},
            "slurm/job_7/step_0": ALONE,
        }),
        ("0::/of/the/host\n", {"": {"cpu.max": "250000 100000", "memory.max": str(GIB)}}),
        ("4:memory:/slurm/job_7\n2:cpu,cpuacct:/slurm/job_7\n0::/\n", {
            "memory": {"memory.limit_in_bytes": "9223372036854771712"},
            "memory/slurm/job_7": {"memory.limit_in_bytes": str(GIB)},
            "cpu": {"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"},
            "cpu/slurm/job_7": {"cpu.cfs_quota_us": "250000", "cpu.cfs_period_us": "100000"},
        }),
        ("4:memory:/\n0::/job\n", {
            "unified/job": {"cpu.max": "250000 100000", "memory.max": str(GIB)},
        }),
    ],
    ids=["a container", "a job within", "a path of the host", "version 1", "both versions"],
)  # fmt: skip
def test_limits_of_control_groups_are_what_counts(machine, membership, groups):
    machine(membership, groups)
    assert (resources.cores(), resources.memory_mib()) == (2, 1024)


def test_a_part_of_a_core_is_a_core(machine):
    machine("0::/\n", {"": {"cpu.max": "50000 100000"}})
    assert resources.cores() == 1


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"SLURM_CPUS_ON_NODE": "4", "SLURM_MEM_PER_NODE": "6000"}, (4, 6000)),
        ({"SLURM_CPUS_ON_NODE": "8", "SLURM_CPUS_PER_TASK": "2"}, (2, 2**20)),
        ({"SLURM_CPUS_ON_NODE": "4", "SLURM_MEM_PER_CPU": "1000"}, (4, 4000)),
        ({"SLURM_CPUS_ON_NODE": "400", "SLURM_MEM_PER_NODE": "0"}, (64, 2**20)),
        ({"SLURM_CPUS_ON_NODE": "", "SLURM_MEM_PER_CPU": "1000"}, (64, 2**20)),
    ],
)
def test_a_job_of_slurm_without_control_groups_knows_its_share(
    machine, monkeypatch, told, expected
):
    machine("0::/\n", {"": ALONE})
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert (resources.cores(), resources.memory_mib()) == expected
