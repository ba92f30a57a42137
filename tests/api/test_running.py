"""A run from Python: in a fresh interpreter, in any thread, in a program with its own Hydra."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT, SMALL

OWN_HYDRA = """
import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

@hydra.main(version_base="1.3", config_path=".", config_name="config")
def main(config):
    from harness.config.compose import compose, compose_comparison
    mine = compose(["seed=3"])
    compose_comparison(mine, ["seed=3"])
    print(mine.seed, mine.arm, config.own, HydraConfig.get().job.name, hydra.compose("config").own)

main()
"""


def python(path, *arguments, **environment):
    done = subprocess.run(
        [sys.executable, str(path), *arguments], check=False, capture_output=True, text=True,
        cwd=path.parent, env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_program_may_have_a_hydra_of_its_own(tmp_path):
    (tmp_path / "config.yaml").write_text("own: 1\n")
    (tmp_path / "program.py").write_text(OWN_HYDRA)
    assert python(tmp_path / "program.py", "hydra.run.dir=out") == "3 full 1 program 1\n"


RUN = """
import json, sys, threading
import harness
assert "harness.runs" not in sys.modules

def work():
    global runs
    runs = harness.run(*json.loads(sys.argv[1]), ablation="random_mutation", seed=[0, 1], compare=[])

thread = threading.Thread(target=work)  # as the cells of some notebooks
thread.start()
thread.join()
again = harness.run(*json.loads(sys.argv[1]), ablation="random_mutation", seed=0, compare=[])
loaded = harness.load("runs")
print(json.dumps([repr(runs), repr(again), repr(loaded), runs.table(), loaded.table()]))
"""


@pytest.mark.slow
def test_a_run_from_a_fresh_interpreter(tmp_path):
    (tmp_path / "program.py").write_text(RUN)
    (tmp_path / "runs").mkdir()
    settings = [*SMALL, f"runs_dir={tmp_path}/runs"]
    *progress, result = python(tmp_path / "program.py", json.dumps(settings)).splitlines()
    assert sum(line.endswith(": complete") for line in progress) == 2  # no run is run again
    runs, again, loaded, *tables = json.loads(result)
    assert (runs, again) == (
        "<2 runs, 2 complete: random_mutation>", "<1 run, 1 complete: random_mutation>",
    )  # fmt: skip
    assert loaded == runs
    assert tables[0] == tables[1]
