"""What the host confines: attacks for real, levels, and what the worker says when it cannot."""

import re
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from harness import doctor
from harness.config.schema import LEVELS
from harness.errors import InputError
from harness.evaluation.device_slots import retried
from harness.evolution.candidate import Evaluation
from harness.sandbox.attack_target import Target
from harness.sandbox.attacks import ATTACKS
from harness.sandbox.confinement import landlock, seccomp
from harness.sandbox.messages import Attack
from harness.sandbox.sandbox import attacks
from harness.sandbox.worker_process import WorkerLostError
from tests.conftest import ROOT, server_of
from tests.support.backends import open_backend
from tests.support.jobs import finish_training, train_job

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux confines")
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
WITHOUT_NAMESPACES = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
Path("/proc/sys/user/max_user_namespaces").write_text("0")
from harness.errors import InputError
from harness.sandbox.sandbox import Sandbox
from tests.conftest import SMALL
from harness.config.compose import compose
with Sandbox(compose(SMALL).limits, level="isolated", device="cpu") as sandbox:
    print(sandbox.level)
    try:
        sandbox.require_level()
    except InputError as error:
        print(error)
"""
TRUNCATE = """
import sys
sys.path.insert(0, sys.argv[1])
import os
from harness.config.paths import PACKAGE
from harness.sandbox.confinement import child, landlock
landlock.version = lambda: int(sys.argv[3])
confinement = child.Confinement(exclude=PACKAGE, enforce=True)
confinement.prepare()
confinement.enter(cuda=False, memory_mib=512, cpu_s=10)
for mode in (os.O_RDONLY, os.O_RDWR, 3):
    try:
        os.open(sys.argv[2], mode | os.O_TRUNC)
    except OSError:
        continue
    print("truncated in mode", mode)
"""
READABLE = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import harness.worker.server
from harness.config.paths import PACKAGE
from harness.sandbox.confinement import files
print(*files.readable(cuda=True, exclude=PACKAGE), sep="\\n")
"""


@pytest.fixture(scope="module")
def backends(config, digits, network):
    """The same backend at each level."""
    any_level = replace(config, device="cpu", sandbox=replace(config.sandbox, level="limits"))
    with ExitStack() as stack:
        yield {
            level: stack.enter_context(open_backend(any_level, digits, network, confinement=level))
            for level in LEVELS
        }


@pytest.fixture(scope="module")
def sandboxes(backends):
    """A sandbox of each level."""
    return {level: backend.evaluate._sandbox for level, backend in backends.items()}


@pytest.mark.parametrize("level", LEVELS)
def test_each_level_stops_all_that_it_promises(level, sandboxes):
    sandbox = sandboxes[level]
    if level == "isolated" and sandbox.machine.missing:
        pytest.skip(f"this host: {sandbox.machine.missing}")
    assert sandbox.level == level
    promised = LEVELS[: 1 + LEVELS.index(level)]
    assert [
        n for n, how in sandbox.stopped.items() if not how and ATTACKS[n].level in promised
    ] == []


def test_the_attacks_are_real_for_without_confinement_they_succeed(sandboxes):
    for name in (
        "read a file", "list a folder", "write a file", "truncate a file", "delete a file",
        "change a mode", "change times", "signal", "TCP", "UDP", "listen",
        "abstract socket", "socket file", "fork", "execute", "shared memory", "processes",
        "limits of others", "signal by owner", "links", "page cache", "page out", "cached pages",
        "page faults", "state of the host", "inode numbers", "existence", "process numbers",
        "shared mapping", "access mode 3", "out of band", "process counter", "clocks of others",
    ):  # fmt: skip
        assert sandboxes["limits"].stopped[name] == "", name


def test_a_level_that_the_host_does_not_reach_is_refused_in_one_sentence(sandboxes, monkeypatch):
    monkeypatch.setattr(sandboxes["contained"], "required", "isolated")
    with pytest.raises(InputError, match=r"expected a host .* this one reaches contained"):
        sandboxes["contained"].require_level()


def test_without_user_namespaces_the_rest_holds_and_says_what_is_missing():
    command = ["unshare", "--user", "--map-root-user", sys.executable, "-c", WITHOUT_NAMESPACES]
    done = subprocess.run([*command, str(ROOT)], capture_output=True, text=True, check=False)
    if done.returncode and "unshare" in done.stderr:
        pytest.skip(f"this host forbids namespaces: {done.stderr}")
    level, _, refusal = done.stdout.partition("\n")
    assert level == "contained", done.stderr
    assert "the host forbids user namespaces" in refusal


def test_a_process_that_may_use_a_gpu_has_no_descriptor_but_its_channel(sandboxes):
    """The attack needs no GPU; whatever else a driver needs is opened after it."""
    nobody = Target(folder="/", pid=1, tcp=1, udp=1, abstract="nobody")
    job = Attack(target=nobody, attacks=("inherited files",))
    with sandboxes["isolated"]._run_now(job, device="cuda") as session:
        assert session.receive().stopped == {"inherited files": "without effect"}


def test_processes_are_in_namespaces_of_their_own(sandboxes):
    sandbox = sandboxes["isolated"]
    if sandbox.machine.missing:
        pytest.skip(f"this host: {sandbox.machine.missing}")
    for kind in ("user", "pid", "net", "ipc", "uts"):
        theirs = Path(f"/proc/{server_of(sandbox)}/ns/{kind}").readlink()
        assert theirs != Path(f"/proc/self/ns/{kind}").readlink(), kind


@pytest.mark.parametrize("version", [1, 2])
def test_no_file_is_truncated_where_landlock_does_not_restrict_it(version, tmp_path):
    """Versions 1 and 2 are those of Linux 5.13 to 6.1."""
    if landlock.version() < version:
        pytest.skip("this kernel has no such version")
    (tmp_path / "secret").write_text("secret")
    command = [sys.executable, "-c", TRUNCATE, str(ROOT), str(tmp_path / "secret"), str(version)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert (tmp_path / "secret").read_text() == "secret"


def test_only_python_and_what_torch_is_made_of_can_be_read():
    done = subprocess.run(
        [sys.executable, "-c", READABLE, str(ROOT)], capture_output=True, text=True, check=True
    )
    found = [Path(line) for line in done.stdout.splitlines()]
    names = {path.name for path in found}
    assert {"torch", "numpy"} <= names
    assert not names & {"sklearn", "torchvision", "site-packages", "dist-packages", "harness"}
    assert not [path for path in found if ROOT.is_relative_to(path)]


@pytest.mark.parametrize(("machine", "table"), [
    ("x86_64", seccomp._X86_64), ("aarch64", seccomp._AARCH64),
])  # fmt: skip
def test_system_calls_have_the_numbers_of_the_kernels_headers(machine, table):
    if not HEADERS[machine].exists():
        pytest.skip("needs the kernel's headers (linux-libc-dev)")
    pattern = re.compile(r"#define __NR(?:3264)?_(\w+)\s+(\d+)")
    known = {m[1]: int(m[2]) for m in pattern.finditer(HEADERS[machine].read_text())}
    known.setdefault("newfstatat", known.get("fstatat"))
    assert table == {name: known[name] for name in table}


def test_what_could_reach_others_is_on_no_list():
    for table in (seccomp._X86_64, seccomp._AARCH64):
        assert not set(table) & {
            "socket", "connect", "bind", "execve", "execveat", "fork", "vfork", "kill", "tgkill",
            "ptrace", "process_vm_readv", "unshare", "setns", "mount", "chmod", "fchmodat",
            "unlinkat", "renameat2", "io_uring_setup", "bpf", "keyctl", "shmget", "sendmsg",
            "pidfd_getfd", "setpriority", "utimensat", "userfaultfd", "perf_event_open",
            "fadvise64", "readahead", "mincore", "cachestat", "preadv2", "process_madvise", "splice",
            "sync_file_range", "flock", "inotify_init1", "add_key", "msgget", "semget", "mq_open",
            "clock_adjtime", "timerfd_create", "signalfd4", "fanotify_init", "statfs", "sysfs",
        }  # fmt: skip


def test_landlock_is_used_where_the_kernel_has_it(sandboxes):
    assert (landlock.version() == 0) == any(
        "Landlock" in m for m in sandboxes["isolated"].machine.missing
    )


def test_an_honest_network_gives_the_same_bits_confined_or_not(backends, network, config):
    def trained(backend):
        job = train_job(network, backend.evaluate._signature, config.recipe, seed=3)
        with backend.evaluate._sandbox.run(job, time_limit_s=60) as session:
            finish_training(session)
            return [session.receive().tobytes() for _ in range(3)]

    confined, unconfined = backends["isolated"], backends["limits"]
    assert trained(confined) == trained(unconfined)  # graph, weights, logits
    outcomes = [backend.evaluate.search(network, seed=3) for backend in (confined, unconfined)]
    assert isinstance(outcomes[0], Evaluation)
    assert replace(outcomes[0], train_s=0) == replace(outcomes[1], train_s=0)


def test_a_worker_that_died_is_started_again_and_the_job_with_it(backends, network):
    backend = backends["isolated"]
    sandbox = backend.evaluate._sandbox
    sandbox._worker._process.kill()
    sandbox._worker._process.wait()
    assert backend.validate(network, seed=0).refusal is None
    assert isinstance(backend.evaluate.search(network, seed=0), Evaluation)


def test_a_worker_that_dies_every_time_ends_the_command():
    tries = []

    def work():
        tries.append(1)
        raise WorkerLostError("gone")

    with pytest.raises(WorkerLostError):
        retried(work)
    assert len(tries) == 3


def test_doctor_says_what_was_stopped_and_its_status_tells():
    command = [sys.executable, "-m", "harness.doctor", "device=cpu", "sandbox.level=contained"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCEEDED" not in done.stdout
    assert re.search(
        r"level: (contained|isolated) \(sandbox.level asks for contained\)", done.stdout
    )
    assert "torch 2." in done.stdout


def test_a_gpu_works_from_inside_the_sandbox(sandboxes, config, digits, network):
    if not sandboxes["isolated"].machine.cuda:
        pytest.skip("needs a CUDA GPU: jobs run on the CPU here")
    with open_backend(replace(config, device="auto"), digits, network) as backend:
        assert backend.machine["device"] == "cuda"
        assert backend.validate(network, seed=0).refusal is None
        outcome = backend.evaluate.search(network, seed=0)
    assert isinstance(outcome, Evaluation)
    assert outcome.n_params == 518_230


def test_an_attack_without_an_occasion_is_told_as_not_tried_and_never_as_stopped():
    def without_occasion(_):
        raise attacks.NotTriedError("every file was read today")

    told = attacks.Attack("isolated", "leave a mark", without_occasion).run(None)
    assert told == "not tried here: every file was read today"
    assert doctor._described(told) == told
    assert doctor._described("denied") == "stopped: denied"
    assert doctor._described("") == "SUCCEEDED"
