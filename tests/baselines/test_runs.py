"""Arms that learn from a run's record, or take code from another, run for real and replay."""

import pytest

from harness.analysis.loading import read_run
from harness.config.compose import compose
from harness.record.journal import read_entries
from harness.runs.recorded_run import load_recorded
from harness.runs.replay import replay
from tests.support.backends import complete_folders

pytestmark = pytest.mark.slow
SEARCHES = ("width", "optuna_nsga2", "optuna_tpe", "recombination")


def composed(tiny, folder, arm):
    settings = (*tiny, "budget.evaluations=6", f"runs_dir={folder}")
    if arm != "drift":
        return compose([f"+ablation={arm}", *settings])
    config = compose(["+ablation=drift", "model=pool", *settings])
    config.study = None
    return config


def test_they_spend_their_budget_and_replay_event_by_event(tiny, executor, tmp_path):
    arms = [composed(tiny, tmp_path / "runs", arm) for arm in (*SEARCHES, "drift")]
    complete_folders(arms, executor)
    runs = load_recorded([tmp_path / "runs"])
    assert len(runs) == len(arms)
    for one in runs:
        run = read_run(one.source)
        assert run.evaluations == 6
        folder = replay(one, tmp_path / "out").folder
        events = [
            {e.event.key: e.event.content for e in read_entries(f)} for f in (folder, one.source)
        ]
        assert events[0] == events[1]
    optuna = [r.manifest.settings["third_party"] for r in runs if r.name.startswith("optuna")]
    assert [set(packages) for packages in optuna] == [{"optuna"}] * 2
