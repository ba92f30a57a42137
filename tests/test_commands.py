"""The commands as a user types them: real processes, exit status, what they print."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from random import Random

import pytest

from harness.analysis.loading import read_run
from harness.baselines.syntax_edits import mutated
from harness.record.journal import JOURNAL_NAME, Journal, read_events
from tests.conftest import ARMS, ROOT, SEED_NETWORK, SMALL, children_of
from tests.support.commands import run, run_main
from tests.support.processes import alive

FOUNDERS = ("sizes.founders=4", "budget.evaluations=1", "task.size=16")


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """The ablation's command, small: three arms, one table."""
    runs_dir = tmp_path_factory.mktemp("commands") / "runs"
    return runs_dir, run("+ablation=no_eot", f"runs_dir={runs_dir}", *SMALL, *FOUNDERS)


def test_an_ablation_is_compared_with_full_ge_chance_nas_and_width(first):
    runs_dir, done = first
    assert done.returncode == 0, done.stderr
    (header,) = re.findall(r"┃ arm .*", done.stdout)
    names = [cell.strip() for cell in header.strip("┃").split("┃")]
    assert names == ["arm", "seed network", "no_eot", "full", "random_mutation", "nas", "width"]
    folders = sorted(p.name.split("-s0-")[0] for p in runs_dir.iterdir() if "-s0-" in p.name)
    assert folders == ["full", "nas", "no_eot", "random_mutation", "width"]
    assert (
        "search recorded 2026-11-29 with Claude (Anthropic); networks trained in its own runs"
        in done.stdout
    )
    assert "One seed: a demonstration, supports no conclusion." in done.stdout
    (comparison,) = runs_dir.glob("comparison-*")
    assert {p.name for p in comparison.iterdir()} == {
        "pareto.png", "pareto.pdf", "pareto.tex",
        "table.md", "table.tex", "table.csv", "table.json",
    }  # fmt: skip
    for folder in runs_dir.glob("*-s0-*"):
        result = read_run(folder)
        assert {p.stem for p in (folder / "front").iterdir()} == {c.step for c in result.front}
    assert {p.name for p in runs_dir.parent.iterdir()} == {"runs"}
    assert not (ROOT / "outputs").exists()
    assert not (ROOT / "multirun").exists()


def test_the_same_command_again_reuses_and_prints_the_same(first):
    runs_dir, done = first
    again = run("+ablation=no_eot", f"runs_dir={runs_dir}", *SMALL, *FOUNDERS)
    assert again.returncode == 0
    assert "mutation of" not in again.stdout
    table = done.stdout[done.stdout.index("digits: up to 1 evaluations") :]
    assert again.stdout.strip().endswith(table.strip())


@pytest.mark.parametrize("style", ["markdown", "latex", "csv", "json"])
def test_the_table_is_printed_again_from_the_journals_alone(first, style):
    runs_dir, _ = first
    done = run_main(runs_dir, "--format", style, module="harness.table")
    (comparison,) = runs_dir.glob("comparison-*")
    suffix = {"markdown": "md", "latex": "tex"}.get(style, style)
    written = (comparison / f"table.{suffix}").read_text()
    if style == "json":  # a folder may have several comparisons
        assert json.loads(done.stdout) == [json.loads(written)]
    else:
        assert done.stdout == written


PRINTING = {
    "harness": [*SMALL, "+ablation=no_eot", *FOUNDERS],
    "harness.table": [],
    "reproductions": ["quickstart", "table"],
}


@pytest.mark.parametrize(
    "module",
    [m if m == "harness.table" else pytest.param(m, marks=pytest.mark.slow) for m in PRINTING],
)
def test_what_the_encoding_of_the_output_lacks_is_escaped(first, module, tmp_path):
    runs_dir, _ = first
    folder = {"harness": [f"runs_dir={runs_dir}"], "harness.table": [runs_dir]}.get(
        module, ["--out", tmp_path]
    )
    env = {"PYTHONIOENCODING": "iso8859-15"}
    done = run(*PRINTING[module], *folder, module=module, env=env)
    assert done.returncode == 0, done.stderr
    assert "\\u2013" in done.stdout


@pytest.mark.slow
def test_a_multirun_ends_with_one_table_tells_what_failed_and_goes_on(tmp_path, quick):
    done = run(
        "-m", "+ablation=no_mutation,random_mutation", "seed=0,1", "compare=[]", f"runs_dir={tmp_path}",
        *quick, "budget.evaluations=1",
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count("failed: ablation=no_mutation seed=0: ") == 1
    assert "no_mutation-s0.zip" in done.stderr
    names = sorted(p.name[:18] for p in tmp_path.glob("*-s?-*"))
    assert names == ["random_mutation-s0", "random_mutation-s1"]
    table = done.stdout[done.stdout.rindex(": up to 1 evaluations per run, seeds 0 to 1") :]
    assert "random_mutation" in table
    assert "supports no conclusion" not in table
    written = [path.read_text() for path in tmp_path.glob("comparison-*/table.md")]
    assert run_main(tmp_path, "--format", "markdown", module="harness.table").stdout in written
    assert (tmp_path / ".hydra").is_dir()


def test_jobs_of_another_process_are_missed_and_no_success(tmp_path):
    plugins = tmp_path / "hydra_plugins"
    plugins.mkdir()
    (plugins / "elsewhere.py").write_text(
        "from hydra._internal.core_plugins.basic_launcher import BasicLauncher\n"
        "from hydra.core.config_store import ConfigStore\n"
        "class Elsewhere(BasicLauncher):\n"
        "    def launch(self, job_overrides, initial_job_idx):\n"
        "        return []  # as a launcher does whose jobs end in other processes\n"
        "node = {'_target_': 'hydra_plugins.elsewhere.Elsewhere'}\n"
        "ConfigStore.instance().store(group='hydra/launcher', name='elsewhere', node=node)\n"
    )
    done = run(
        "-m", "hydra/launcher=elsewhere", "seed=0,1", f"runs_dir={tmp_path / 'runs'}",
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}"},
    )  # fmt: skip
    assert done.returncode == 1
    told = re.findall(r"failed: (seed=\d): its process ended without a report", done.stderr)
    assert told == ["seed=0", "seed=1"]


def test_cfg_job_prints_the_configuration_and_runs_nothing(tmp_path):
    done = run("--cfg", "job", f"runs_dir={tmp_path / 'runs'}")
    assert done.returncode == 0
    assert "ablation: full" in done.stdout
    assert not list(tmp_path.rglob(JOURNAL_NAME))


def test_a_profile_may_stand_anywhere_among_flags_and_overrides(tmp_path):
    said = ("+ablation=no_crossover", "model=exchange", f"runs_dir={tmp_path}", "+profile=ge2024")
    for command in (("--cfg", "job", *said), (*said, "--cfg", "job")):
        done = run(*command)
        assert done.returncode == 0, done.stderr
        assert "p_mate: 0.0" in done.stdout
        assert "founders: 32" in done.stdout
    nowhere = ("task=image_folder", f"task.path={tmp_path}/no")
    done = run("-m", *said, "seed=0,1", "budget.evaluations=1", *nowhere)
    assert "train/<class>/ and test/<class>/" in done.stderr  # both jobs came as far as that


def test_help_lists_the_arms_with_a_line_each_and_fits_two_screens():
    done = run("--help", env={"COLUMNS": "80"})
    assert done.returncode == 0
    for arm in ARMS:
        assert re.search(rf"^  {arm} +\w.*$", done.stdout, re.MULTILINE)
    lines = done.stdout.splitlines()
    assert len(lines) < 90
    assert max(map(len, lines)) <= 80
    for told in ("python -m harness --cfg job", "schedule=", "runs_at_once=1", "prices=FILE"):
        assert told in done.stdout


def newer_journal(folder):
    for name in run_names(folder):
        with Journal(folder / name, wait_s=0):
            pass
        with sqlite3.connect(folder / name / JOURNAL_NAME) as db:
            db.execute("PRAGMA user_version=7")
        db.close()


def run_names(folder):
    from harness.config.compose import compose
    from harness.config.strategies import build
    from harness.evolution.genome import read_network
    from harness.runs.spec import specify

    config = compose(["+ablation=random_mutation", f"runs_dir={folder}"])
    spec = specify(config, build(config.task).load(), read_network(SEED_NETWORK))
    return [spec.folder.name]


class TestBadInput:
    """One clear sentence and exit status 2."""

    def refused(self, *command, told, env=None, module="harness"):
        done = run(*command, env=env, module=module)
        assert done.returncode == 2, done.stdout + done.stderr
        (sentence,) = done.stderr.strip().splitlines()
        assert sentence.startswith("error: ")
        assert re.search(told, sentence), sentence

    def test_unknown_ablation(self, tmp_path):
        self.refused(
            f"runs_dir={tmp_path}/runs", "+ablation=no_such", told="crossover_as_published, drift"
        )
        assert not (tmp_path / "runs").exists()

    def test_unknown_key(self, tmp_path):
        self.refused(f"runs_dir={tmp_path}/runs", "budget.evalutions=3", told="evalutions")
        assert not (tmp_path / "runs").exists()

    def test_a_mistake_in_any_job_of_a_multirun(self, tmp_path):
        command = ("-m", f"runs_dir={tmp_path}/runs", "+ablation=full,no_such")
        self.refused(*command, told="no_such")
        assert not (tmp_path / "runs").exists()

    def test_a_value_of_another_type(self, tmp_path):
        self.refused(
            f"runs_dir={tmp_path}", "task.size=abc", told="task.size: expected a value of type int"
        )
        done = run(SEED_NETWORK, "task.size=abc", module="harness.validate")
        assert done.returncode == 2

    def test_a_sweep_that_cannot_be_listed(self, tmp_path):
        self.refused(
            "-m", f"runs_dir={tmp_path}", "seed=interval(0,1)", told="interval|sweep|Interval"
        )

    def test_an_arm_under_another_name(self, tmp_path):
        self.refused(f"runs_dir={tmp_path}", "arm=mine", told="an arm is named by its")
        self.refused(
            f"runs_dir={tmp_path}", "proposer=random_mutation", told="expected ablation=NAME"
        )

    def test_missing_key(self, tmp_path):
        self.refused(
            f"runs_dir={tmp_path}",
            "model=openai",
            "model.name=x",
            told="OPENAI_API_KEY, which is not set",
        )

    def test_missing_image_folder(self, tmp_path):
        command = (f"runs_dir={tmp_path}", "task=image_folder", f"task.path={tmp_path}/no")
        self.refused(*command, told=r"train/<class>/ and test/<class>/")

    def test_seed_file_without_segments(self, tmp_path):
        (tmp_path / "net.py").write_text("x = 1\n")
        command = (f"runs_dir={tmp_path}", f"network.path={tmp_path}/net.py")
        self.refused(*command, told="expected at least one evolvable segment, found none")

    def test_an_arm_that_does_not_fit_the_seed_network_before_anything_runs(self, tmp_path):
        command = (f"runs_dir={tmp_path}", "network=own")
        self.refused(*command, told=r"Or leave the arm nas out \(ablation=NAME compare=\[NAMES\]\)")
        assert not list(tmp_path.glob("full-*"))

    def test_missing_seed_file(self, tmp_path):
        self.refused(f"runs_dir={tmp_path}", "network.path=no.py", told=r"no\.py: expected")

    def test_journal_of_another_format(self, tmp_path):
        newer_journal(tmp_path)
        command = (f"runs_dir={tmp_path}", "+ablation=random_mutation", "compare=[]")
        self.refused(*command, told="expected a journal of format 4, found 7")
        self.refused(tmp_path, module="harness.table", told="format 4, found 7")

    def test_runs_dir_that_cannot_be_written(self, tmp_path):
        (tmp_path / "file").write_text("")
        self.refused(f"runs_dir={tmp_path}/file/runs", told="expected a folder that can be written")

    def test_a_second_process_on_the_same_run(self, tmp_path):
        (name,) = run_names(tmp_path)
        with Journal(tmp_path / name, wait_s=0):
            done = run(
                f"runs_dir={tmp_path}", "+ablation=random_mutation", "compare=[]", "wait_s=0.5"
            )
        assert done.returncode == 2
        assert f"process {os.getpid()} on" in done.stderr

    def test_an_answer_that_is_not_recorded(self, tmp_path):
        command = (f"runs_dir={tmp_path}", "compare=[]", "seed=0", "sizes.founders=7", *SMALL[:2],
                   "budget.evaluations=7", "task.size=16")  # fmt: skip
        done = run(*command)
        assert done.returncode == 2
        told = done.stderr.strip().splitlines()[-1]
        assert re.search(r"g0\.c4\.mutation: .* holds this step not at all\..*model=openai", told)

    def test_a_folder_without_runs(self, tmp_path):
        self.refused(tmp_path, module="harness.table", told="found no journal")


@pytest.mark.slow
def test_a_person_answers_through_the_exchange_folder(tmp_path, tiny):
    settings = [*tiny, "budget.evaluations=1", "sizes.founders=1", f"runs_dir={tmp_path}"]

    def person():
        while not done.wait(0.1):
            for prompt in tmp_path.glob("exchange/*/me-*/*.prompt.md"):
                answer = prompt.with_name(prompt.name.replace("prompt", "answer"))
                if not answer.exists():
                    source = prompt.read_text().split("```python\n")[1].split("```")[0]
                    _, edited, _ = mutated({"segment": source}, rng=Random(prompt.name))
                    usage = {"prompt_tokens": 800, "completion_tokens": 300, "model": "me, 2026"}
                    prompt.with_name(prompt.name.replace("prompt.md", "usage.json")).write_text(
                        json.dumps(usage)
                    )
                    answer.write_text(f"Here.\n```python\n{edited}\n```\n")

    done = threading.Event()
    thread = threading.Thread(target=person)
    thread.start()
    command = run("compare=[]", "model=exchange", "model.name=me", *settings)
    done.set()
    thread.join()
    assert command.returncode == 0, command.stderr
    assert "model=exchange: answer " in command.stdout
    assert "full: answers by me, 2026" in command.stdout
    assert re.search(r"tokens in +│ +│ +[\d,]+00 │", command.stdout)


def test_an_interrupted_command_ends_at_once_leaves_no_process_and_goes_on(tmp_path, tiny):
    """Interrupted while it waits for a person's answer, as Ctrl-C does."""
    settings = [*tiny, "budget.evaluations=1", "sizes.founders=1", f"runs_dir={tmp_path}"]
    command = [sys.executable, "-m", "harness", "compare=[]", "model=exchange", *settings]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    while not list(tmp_path.glob("exchange/*/*/*.prompt.md")):
        assert process.poll() is None
        time.sleep(0.1)
    started = children_of(process.pid)
    assert len(started) == 2  # the worker's, and the one that parses sources
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (
        130, b"interrupted; the same command continues from here\n",
    )  # fmt: skip
    deadline = time.monotonic() + 10
    while any(map(alive, started)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(alive, started))
    (folder,) = tmp_path.glob("full-s0-*")
    assert any(event.KIND == "reference" for event in read_events(folder))
