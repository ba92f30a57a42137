"""The shipped recordings: real, complete, not stale, and replayed to the letter anywhere."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.analysis.loading import read_run
from harness.config.compose import compose
from harness.config.identity import digest_of
from harness.evolution.candidate import Evaluation
from harness.evolution.genome import Genome
from harness.record.archive import read_archive
from harness.record.study import load_study
from tests.conftest import ROOT, SMALL
from tests.support.backends import complete_folders

QUICKSTART = ROOT / "reproductions" / "quickstart"
ARCHIVES = sorted(QUICKSTART.glob("*.zip"))
STUDIES = [path for path in ARCHIVES if not path.stem.startswith("random")]
KEPT = {
    "step", "segment", "prompt", "requested", "answer", "model", "date", "asked", "finish_reason",
    "prompt_tokens", "completion_tokens", "latency_s", "headers", "applied", "price",
}  # fmt: skip


def test_full_two_ablations_and_random_mutation_are_shipped_at_seed_0():
    assert [p.stem for p in ARCHIVES] == ["full-s0", "no_crp-s0", "no_eot-s0", "random_mutation-s0"]


@pytest.mark.parametrize("path", STUDIES, ids=lambda p: p.stem)
class TestShipped:
    def test_it_was_recorded_with_the_prompts_that_are_shipped(self, path):
        """Stale: record it anew (CONTRIBUTING, "Record a study"); answers fit their prompts only."""
        assert load_study(path).prompts_digest == digest_of(compose([]).prompts)

    def test_every_call_keeps_what_was_asked_who_answered_and_when(self, path):
        study = load_study(path)
        for call in study.calls:
            assert set(call.content) == KEPT
            assert call.answer.strip()
            assert call.model == study.model
            assert call.date <= study.date
            assert set(call.requested) == {"temperature", "top_p", "max_tokens"}

    def test_it_is_as_long_as_it_claims(self, path):
        outcomes = load_study(path).decisions.outcomes
        steps = [s for s in outcomes if s != "seed"]
        generations = [step.split(".")[0] for step in steps]
        assert {generations.count(f"g{k}") for k in range(6)} == {4}
        assert sum(isinstance(o, Evaluation) for o in outcomes.values()) >= 24

    def test_nothing_in_it_names_the_machine_or_its_user(self, path):
        _, entries = read_archive(path)
        text = repr(entries)
        for name in (str(ROOT), str(Path.home()), "/tmp/", "localhost"):
            assert name not in text


def test_arms_that_ask_the_same_at_the_same_step_have_the_same_answer():
    """So that arms differ by what they ask, not by luck."""
    answers = {}
    for path in STUDIES:
        for call in load_study(path).calls:
            key = call.step, call.prompt
            assert answers.setdefault(key, call.answer) == call.answer
    assert len(answers) < sum(len(load_study(path).calls) for path in STUDIES)


def test_a_study_keeps_the_digest_under_which_runs_have_followed_it():
    digests = [load_study(path).digest for path in STUDIES]
    assert digests == ["db91844d09cb", "67f33196e967", "db91844d09cb"]  # full and no_eot are alike


def unplugged():
    """Prefix of a command without any network, where this host can do that."""
    prefix = ["unshare", "-rn"]
    done = subprocess.run([*prefix, "true"], capture_output=True, check=False)
    return prefix if done.returncode == 0 else []


@pytest.mark.slow
def test_they_replay_to_the_same_table_unplugged_twice_in_another_folder_and_checkout(tmp_path):
    checkout = tmp_path / "elsewhere"
    kept = shutil.ignore_patterns(".git", ".venv", ".trainings", "build", "__pycache__", ".*cache")
    shutil.copytree(ROOT, checkout, ignore=kept)
    expected = (QUICKSTART / "recorded.md").read_text()
    for k, where in enumerate((ROOT, checkout)):
        out, began = tmp_path / f"out{k}", time.monotonic()
        done = subprocess.run(
            [*unplugged(), sys.executable, "-m", "harness.replay",
             where / "reproductions" / "quickstart", "--out", out],
            capture_output=True, text=True, check=False, cwd=checkout,
            env={**os.environ, "PYTHONPATH": str(where), "OPENAI_API_KEY": ""},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert time.monotonic() - began < 60  # four runs; under ten seconds each, in README
        assert done.stdout.count("all as recorded") == 4
        (table,) = out.glob("comparison-*/table.md")
        assert table.read_text() == expected


@pytest.mark.slow
def test_the_default_command_takes_the_course_of_the_first_half(tmp_path, executor):
    """Recorded scores decide; the table shows what is measured here, which one epoch is nothing like."""
    two_generations = ["sizes.founders=4", "sizes.offspring=4", "budget.evaluations=5"]
    config = compose([*SMALL, *two_generations, f"runs_dir={tmp_path}"])
    (folder,) = complete_folders([config], executor)
    run, recorded = read_run(folder), load_study(STUDIES[0]).decisions.outcomes
    assert run.manifest.study["model"] == "Claude (Anthropic)"
    assert run.seed_objectives.score < 0.6 < recorded["seed"].score
    for candidate in run.evaluated:
        assert candidate.objectives is not None
        assert candidate.objectives.score < 0.6 < recorded[candidate.step].score
        assert candidate.objectives.n_params == recorded[candidate.step].n_params
        Genome.parse(candidate.source)
