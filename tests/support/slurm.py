"""A Slurm of two nodes on this machine, without systemd, and an executor that waits there."""

import contextlib
import getpass
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from harness.evaluation.executor import LocalThreads

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scancel", "scontrol", "squeue")
STARTS_S = 120

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=30
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerNode=6000
KillWait=5
ReturnToService=2
SchedulerParameters=sched_interval=2,batch_sched_delay=0
MinJobAge=3600
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
JobAcctGatherType=jobacct_gather/none
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=1 RealMemory=8000
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=1 RealMemory=8000
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""

SACCT = f"""\
#!{sys.executable}
import re, subprocess
# What submitit asks for the states of jobs; the true sacct needs a database of accounting.
print("JobID|State|NodeList")
for line in subprocess.check_output(["scontrol", "show", "job", "-o"], text=True).splitlines():
    job = dict(re.findall(r"(\\S+?)=(\\S*)", line))
    tasks = job.get("ArrayTaskId", "")
    name = job["ArrayJobId"] + "_" + (tasks if tasks.isdigit() else f"[{{tasks}}]") if tasks else job["JobId"]
    print(f"{{name}}|{{job['JobState']}}|")
"""


class Waiting(LocalThreads):
    """Trains as ``executor=local`` does, and keeps chosen jobs waiting until their files are removed.

    An executor is no part of a run's identity, so these runs are those of any other executor.

    Args:
        gates: Folder of files named ``ARM-SEED``, one for each job that waits.
    """

    def __init__(self, *, gates, cache=True):
        super().__init__(cache=cache)
        self._gates = Path(gates)

    def open(self, config, dataset, network, *, on_epoch=None):
        backend = super().open(config, dataset, network, on_epoch=on_epoch)
        gate = self._gates / f"{config.ablation}-{config.seed}"
        return replace(backend, evaluate=_Gated(backend, gate))


class _Gated:
    """Trains the seed network at once, and the first proposal when the gate is gone.

    It tells that it waits by a file ``ARM-SEED.waits``, with the number of candidates at once.
    """

    def __init__(self, backend, gate):
        self._inner, self._gate, self._workers, self._calls = (
            backend.evaluate,
            gate,
            backend.workers,
            0,
        )

    def search(self, genome, **how):
        self._calls += 1
        if self._calls > 1 and self._gate.exists():
            self._gate.with_suffix(".waits").write_text(f"{self._workers}")
            while self._gate.exists():
                time.sleep(0.2)
        return self._inner.search(genome, **how)

    def final(self, genome, **how):
        return self._inner.final(genome, **how)


def missing():
    """Return the programs of Slurm that this machine lacks."""
    path = os.pathsep.join((os.environ["PATH"], "/usr/sbin", "/sbin"))
    return [name for name in PROGRAMS if shutil.which(name, path=path) is None]


@contextlib.contextmanager
def cluster():
    """Start munged, slurmctld and two slurmd on loopback; yield the environment of their users.

    All are children of this process in the foreground, and are ended by their numbers.
    """
    with contextlib.ExitStack() as stack:
        # The path of a socket is at most 107 characters long.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurm-")))
        folder.chmod(0o755)
        environment = _configured(folder)
        socket_, key = folder / "munge.socket", folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        start = lambda *command: stack.enter_context(_daemon(folder, environment, *command))  # noqa: E731
        start(
            "munged", "--foreground", f"--socket={socket_}", f"--key-file={key}",
            f"--pid-file={folder / 'munged.pid'}", f"--log-file={folder / 'munged.log'}",
            f"--seed-file={folder / 'munge.seed'}",
        )  # fmt: skip
        until(socket_.exists, "munged to listen")
        start("slurmctld", "-D")
        for node in ("n1", "n2"):
            start("slurmd", "-D", "-N", node)
        stack.callback(_end_all_jobs, environment)
        until(
            lambda: ask(environment, "sinfo", "-h", "-o", "%T").split() == ["idle"],
            "two idle nodes",
            folder,
        )
        yield environment


def ask(environment, *command):
    """Return what a command prints; "" where it fails."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def until(condition, what, folder=None, *, seconds=STARTS_S):
    """Wait until a condition holds; fail with the logs in a folder where it does not."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            logs = [
                file.read_text(errors="replace")[-2000:]
                for file in (folder or Path("/nowhere")).glob("*.log")
            ]
            raise AssertionError("\n".join([f"waited {seconds} s for {what}", *logs]))
        time.sleep(0.2)
    return value


def states(environment):
    """Return the state of each job by its name in an array, such as ``7_0``."""
    shown = ask(environment, "squeue", "-h", "-r", "-t", "all", "-o", "%i %T").split("\n")
    return dict(line.split() for line in shown if line)


def fields_of(environment, job):
    """Return what Slurm knows of a job, by name."""
    return dict(re.findall(r"(\S+?)=(\S*)", ask(environment, "scontrol", "show", "job", "-o", job)))


def shorten(environment, job, *, rest_min):
    """Give a running job so many minutes from now, rounded up."""
    began = ask(environment, "squeue", "-h", "-r", "-j", job, "-o", "%M").strip()
    limit = (
        sum(int(part) * 60**n for n, part in enumerate(reversed(began.split(":")))) // 60
        + 1
        + rest_min
    )
    done = subprocess.run(
        ["scontrol", "update", f"JobId={job}", f"TimeLimit={limit}"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def _configured(folder):
    for name in ("state", "spool-n1", "spool-n2", "bin"):
        (folder / name).mkdir()
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    (folder / "slurm.conf").write_text(
        CONFIGURATION.format(
            folder=folder,
            ports=ports,
            user=getpass.getuser(),
            host=socket.gethostname().split(".")[0],
        )
    )
    sacct = folder / "bin" / "sacct"
    sacct.write_text(SACCT)
    sacct.chmod(0o755)
    inherited = {k: v for k, v in os.environ.items() if not re.match("SLURM|SBATCH", k)}
    path = os.pathsep.join((str(folder / "bin"), os.environ["PATH"], "/usr/sbin", "/sbin"))
    return {**inherited, "PATH": path, "SLURM_CONF": str(folder / "slurm.conf")}


@contextlib.contextmanager
def _daemon(folder, environment, *command):
    name = "-".join(word for word in command if word.isalnum())
    with (folder / f"{name}.out.log").open("w") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out, cwd=folder)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _end_all_jobs(environment):
    ask(environment, "scancel", f"--user={getpass.getuser()}")
    until(lambda: not ask(environment, "squeue", "-h"), "all jobs to end")
