"""What a run needs fails at random moments: it goes on, or says why not, and ends as any other."""

import contextlib
import json
import math
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from random import Random

import pytest

from harness.record.journal import find_runs, read_entries, read_events
from tests.conftest import ROOT, told
from tests.support.drivers import KILLS, SEED, Driver, in_folder, killed_at_random, uninterrupted
from tests.support.killed_runs import KEY, answers, assert_counted, assert_same, composed
from tests.support.llm_server import serving
from tests.support.processes import all_end, command_of, descendants
from tests.support.wandb_files import offline_runs

pytestmark = pytest.mark.timeout(3600)
WITHOUT_RIGHTS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
DAY_S = 86_400
JUMPS = (0, -40 * DAY_S, 90 * DAY_S, DAY_S - int(time.time()), 3 * 3600, 20 * 365 * DAY_S, -1)
"""Seconds by which the clock is wrong in turn: once it is 1970, once it is past 2038."""


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv(*KEY)


def works(*command):
    try:
        return subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def disk_fails(how, times, tiny, tmp_path):
    prefix = ("unshare", "-rm") if how == "full" else WITHOUT_RIGHTS if os.geteuid() == 0 else ()
    if prefix and not works(*prefix):
        pytest.skip(f"needs {' '.join(prefix)}")
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "tests.support.failing_disk", how, tmp_path, str(times),
         str(SEED), *tiny],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if line]
    sentence = r".*: expected a (journal|folder) that can be written, it cannot \(.*"
    assert len(said) == 2 * times
    assert all(re.fullmatch(sentence, line) for line in said), said
    return len(said)


def test_a_run_whose_disk_is_full_says_so_and_goes_on(tiny, tmp_path):
    disk_fails("full", 1, tiny, tmp_path)


@pytest.mark.kills
@pytest.mark.parametrize("how", ["full", "read_only"])
def test_a_run_whose_disk_fails_again_and_again_ends_as_any_other(how, tiny, tmp_path):
    print(f"\n{how}: {disk_fails(how, KILLS, tiny, tmp_path)} sentences")


class KilledServer:
    """A server that is killed and started again, at random, until it is closed.

    Args:
        folder: Where it keeps what it has read.
        rng: Draws the moments.
    """

    def __init__(self, folder, rng):
        self._file, self._rng, self.kills = folder / "prompts", rng, 0
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}/v1"
        self._process, self._over = self._start(), threading.Event()
        self._thread = threading.Thread(target=self._kill_again_and_again)

    def _start(self):
        command = [
            sys.executable,
            "-m",
            "tests.support.counting_server",
            str(self._port),
            self._file,
        ]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "listens\n"
        return process

    def _kill_again_and_again(self):
        while not self._over.wait(math.exp(self._rng.uniform(math.log(0.01), math.log(1)))):
            self._end()
            self.kills += 1
            self._process = self._start()

    def _end(self):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        self._end()

    def forget(self):
        self._file.unlink(missing_ok=True)

    @property
    def prompts(self):
        """What it has read, also of requests that it died of."""
        return [json.loads(line) for line in self._file.read_text().splitlines()]


@pytest.mark.kills
@pytest.mark.parametrize("driver_too", [False, True], ids=["alone", "with the driver"])
def test_a_server_is_killed_while_it_answers(driver_too, tiny, tmp_path):
    rng, log, kills, lost = Random(f"{SEED} server"), tmp_path / "log", 0, 0
    with serving() as server:
        server.always = answers("full")
        whole = in_folder(composed("full", tiny, server.url), tmp_path / "whole")
        times = uninterrupted(whole, log)
    number = 0
    while kills < KILLS:
        again = tmp_path / str(number)
        with KilledServer(tmp_path, Random(f"{SEED} {number}")) as server:
            server.forget()
            configs = in_folder(composed("full", tiny, server.url, "preflight=false"), again)
            if driver_too:
                killed_at_random(configs, log, rng, times, most=8)
            else:
                assert Driver(configs, log).ends_within(None)
        assert_same(find_runs(tmp_path / "whole"), find_runs(again))
        assert_counted(find_runs(again), server.prompts)
        lost += sum(e.KIND == "failed" for f in find_runs(again) for e in read_events(f))
        kills, number = kills + server.kills, number + 1
    assert lost
    print(f"\nserver killed {kills} times during {number} runs, {lost} requests failed")


@pytest.fixture(scope="module")
def shifted_clock(tmp_path_factory):
    """A library that shifts the clock of a process that preloads it."""
    library = tmp_path_factory.mktemp("clock") / "shifted.so"
    if not (compiler := shutil.which("cc")):
        pytest.skip("expected a C compiler")
    source = ROOT / "tests" / "support" / "shifted_clock.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


def clock_jumps(shifted_clock, tiny, tmp_path, jumps):
    """Complete a run while the clock jumps; return the times that it saw."""
    (shift := tmp_path / "shift").write_text("0")
    environment = {**os.environ, "LD_PRELOAD": str(shifted_clock), "CLOCK_SHIFT": str(shift)}
    with serving() as server:
        server.always = answers("full")
        whole = in_folder(composed("full", tiny, server.url), tmp_path / "whole")
        uninterrupted(whole, tmp_path / "log")
        server.seen.clear()
        command = [
            sys.executable,
            "-m",
            "tests.support.other_clock",
            server.url,
            tmp_path / "jumps",
        ]
        with subprocess.Popen(
            [*command, *tiny], cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE
        ) as process:
            seen, left = [], list(jumps)
            for line in process.stdout:
                if line.startswith("now "):
                    seen.append(float(line.split()[1]))
                    shift.write_text(str(left.pop(0) if left else 0))
        assert process.returncode == 0
        assert_same(find_runs(tmp_path / "whole"), find_runs(tmp_path / "jumps"))
        assert_counted(find_runs(tmp_path / "jumps"), [one.prompt for one in server.seen])
    return seen


@pytest.mark.kills
def test_a_run_is_the_same_while_the_clock_jumps(shifted_clock, tiny, tmp_path):
    seen = clock_jumps(shifted_clock, tiny, tmp_path, JUMPS)
    assert min(seen) < 3 * DAY_S
    assert max(seen) > time.time() + 19 * 365 * DAY_S
    (folder,) = find_runs(tmp_path / "jumps")
    at = [entry.at for entry in read_entries(folder)]
    assert at != sorted(at), "the record has the times that the clock told"


def mirror_of(driver):
    """The process that mirrors a driver's run to W&B, once there is one; None if none comes."""
    while not driver.ends_within(0.01):
        for pid in descendants(driver.pid):
            if any("wandb_process" in word for word in command_of(pid)):
                return pid
    return None


def rows(folder):
    """What W&B has of a run, by row."""
    (run,) = offline_runs(folder)
    return [(row["_step"], row.get("proposal/network")) for row in run.history]


@pytest.mark.kills
def test_a_mirror_is_killed_while_it_mirrors(tiny, tmp_path):
    """No run notices, and the same command mirrors what is missing."""
    pytest.importorskip("wandb")
    tracked = ("tracking=wandb", "tracking.finish_s=300")
    configs = composed("random_mutation", tiny, "http://127.0.0.1:9", *tracked)
    log, rng, kills, number = tmp_path / "log", Random(f"{SEED} mirror"), 0, 0
    _, seconds = uninterrupted(in_folder(configs, tmp_path / "whole"), log)
    (whole,) = find_runs(tmp_path / "whole")
    while kills < max(2, KILLS // 3):
        again = in_folder(configs, tmp_path / str(number))
        mirror = mirror_of(driver := Driver(again, log))
        while mirror is not None:
            time.sleep(math.exp(rng.uniform(math.log(0.05), math.log(seconds))))
            mirroring = [mirror, *descendants(mirror)]
            with contextlib.suppress(ProcessLookupError):  # it was faster
                os.kill(mirror, signal.SIGKILL)
                kills += 1
            assert driver.ends_within(None)
            assert all_end(mirroring)
            mirror = mirror_of(driver := Driver(again, log))
        (folder,) = find_runs(tmp_path / str(number))
        assert told(folder) == told(whole)
        assert rows(folder) == rows(whole)
        number += 1
    print(f"\nmirror killed {kills} times during {number} runs")


@pytest.mark.kills
def test_a_command_is_killed_while_its_sandbox_works(quick, tmp_path):
    """Whole commands that train in a sandbox: nothing of them survives, and nothing is lost."""
    settings = (
        *quick, "ablation=random_mutation", "compare=[]", "budget.evaluations=4", "recipe.epochs=3",
        "save_every_s=0",
    )  # fmt: skip
    command, log = [sys.executable, "-m", "harness", *settings], (tmp_path / "log").open("wb")
    start = time.monotonic()
    subprocess.run([*command, f"runs_dir={tmp_path / 'whole'}"], cwd=ROOT, check=True, stdout=log)
    seconds = time.monotonic() - start
    (whole,) = find_runs(tmp_path / "whole")
    rng, kills, number = Random(f"{SEED} command"), 0, 0
    while kills < max(3, KILLS // 2):
        again = tmp_path / str(number)
        while True:
            here = [*command, f"runs_dir={again}"]
            with subprocess.Popen(here, cwd=ROOT, stdout=log) as process:
                try:
                    assert process.wait(rng.uniform(0, seconds)) == 0
                    break
                except subprocess.TimeoutExpired:
                    started = list(descendants(process.pid))
                    process.kill()
                    kills += 1
            assert all_end(started)
        (folder,) = find_runs(again)
        assert told(folder) == told(whole)
        number += 1
    log.close()
    print(f"\ncommand killed {kills} times during {number} runs")
