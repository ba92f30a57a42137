"""A run is not mixed silently with code that was edited since it was recorded."""

import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from harness.analysis.loading import read_run
from harness.config.compose import compose
from harness.config.plugins import PROPOSERS
from harness.errors import InputError, ReplayMiss
from harness.record.circumstances import CodeChanged
from harness.record.code import digests
from harness.record.events import Manifest
from harness.record.journal import Journal, read_entries, read_events, read_kind
from harness.runs.recorded_run import load_recorded
from harness.runs.replay import replay
from harness.runs.runner import complete_runs
from tests.conftest import ROOT, told
from tests.support.backends import ImaginedTrainings, complete_folders

ARM = '''
from harness.baselines.random_mutation import MatchedMutation
from {package} import steps


class Own(MatchedMutation):
    """An arm of another package."""
'''


@pytest.fixture
def arm(tmp_path, monkeypatch):
    """The folder of a package with an arm, and the settings that run it."""
    package = tmp_path / f"own_{tmp_path.name.replace('-', '_')}"
    package.mkdir()
    for name, text in {
        "__init__": "",
        "arm": ARM.format(package=package.name),
        "steps": "",
    }.items():
        (package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield package
    for name in [name for name in sys.modules if name.startswith(package.name)]:
        del sys.modules[name]


@pytest.fixture
def config(arm, quick, tmp_path):
    def compose_with(*overrides):
        settings = ("+ablation=random_mutation", "compare=[]", "budget.evaluations=4")
        target = f"proposer._target_={arm.name}.arm.Own"
        return compose([*quick, *settings, target, f"runs_dir={tmp_path / 'runs'}", *overrides])

    return compose_with


def edit(arm):
    """Edit the arm as between two commands: the next one is a new process."""
    (arm / "steps.py").write_text("SIZE = 2\n")
    digests._digest.cache_clear()


class Stops(ImaginedTrainings):
    """The same, but nothing is re-trained."""

    def final(self, genome, *, seed):
        raise InputError("no more today")


def test_a_complete_run_of_an_edited_arm_is_not_shown_as_if_it_were_new(arm, config, capsys):
    (folder,) = complete_folders([config()], ImaginedTrainings())
    before = told(folder)
    (arm / "steps.py").write_text("# a comment\n")
    digests._digest.cache_clear()
    assert complete_folders([config()], ImaginedTrainings()) == [folder]
    edit(arm)
    with pytest.raises(InputError) as refused:
        complete_runs([config()], ImaginedTrainings())
    assert f"1 file has changed since then: {arm.name}/steps.py" in str(refused.value)
    assert "remove the folder" in str(refused.value)
    assert complete_folders([config("accept_other_code=true")], ImaginedTrainings()) == [folder]
    assert f"shown as it was recorded; 1 file has changed since then: {arm.name}/steps.py" in (
        " ".join(capsys.readouterr().out.split())
    )
    assert told(folder) == before


def test_an_interrupted_run_goes_on_with_other_code_only_where_that_is_accepted(arm, config):
    with pytest.raises(InputError, match="no more today"):
        complete_runs([config()], Stops())
    edit(arm)
    with pytest.raises(InputError, match=f"1 file has changed since then: {arm.name}/steps.py"):
        complete_runs([config()], ImaginedTrainings())
    (folder,) = complete_folders([config("accept_other_code=true")], ImaginedTrainings())
    (changed,) = read_kind(folder, CodeChanged)
    (manifest,) = read_kind(folder, Manifest)
    assert digests.differing_files(manifest.code, changed.code) == [f"{arm.name}/steps.py"]
    assert read_run(folder).complete
    assert complete_folders([config()], ImaginedTrainings()) == [folder]


def test_a_record_without_code_is_complete_or_refused(config, tmp_path):
    """As an earlier version recorded it: what is complete stands as it is."""
    (folder,) = complete_folders([config()], ImaginedTrainings())
    entries = read_entries(folder)
    for name, kept in {"complete": len(entries), "begun": len(entries) // 2}.items():
        older = config(f"runs_dir={tmp_path / name}")
        with Journal(tmp_path / name / folder.name, wait_s=0) as journal:
            for entry in entries[:kept]:
                journal.record(without_code(entry.event), at=entry.at)
        if name == "complete":
            assert complete_folders([older], ImaginedTrainings())[0].parent == tmp_path / name
        else:
            with pytest.raises(
                InputError, match="an earlier version recorded it, without its code"
            ):
                complete_runs([older], ImaginedTrainings())


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (("own",), "restore the code of own-study 1.2, with which it was recorded"),
        (("harness",), "check out commit 0123456789ab of the harness, with which it was recorded"),
        (
            ("own", "harness"),
            "check out commit 0123456789ab of the harness and restore the code of own-study 1.2, "
            "with which it was recorded",
        ),
    ],
)
def test_what_is_to_be_restored_is_what_changed(arm, config, tmp_path, changed, told):
    """A commit of the harness does not help against a change in another package."""
    packaged(arm, "own-study", "1.2")
    (folder,) = complete_folders([config()], ImaginedTrainings())
    was = {"own": f"{arm.name}/steps.py", "harness": "harness/seeding.py"}
    with Journal(tmp_path / "other" / folder.name, wait_s=0) as journal:
        for entry in read_entries(folder):
            event = entry.event
            if isinstance(event, Manifest):
                code = event.code | {was[one]: "0" for one in changed}
                event = replace(event, code=code, commit="0123456789ab")
            journal.record(event, at=entry.at)
    with pytest.raises(InputError) as refused:
        complete_runs([config(f"runs_dir={tmp_path / 'other'}")], ImaginedTrainings())
    assert f"; {told}; accept_other_code=true shows" in str(refused.value)
    assert ("0123456789ab" in str(refused.value)) == ("harness" in changed)


def packaged(arm, name, version):
    """Register the arm's folder as an installed package."""
    info = arm.parent / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[{PROPOSERS}]\nown = {arm.name}\n")


def without_code(event):
    return replace(event, code={}) if isinstance(event, Manifest) else event


def test_a_replay_takes_over_how_a_run_came_about(config, tmp_path):
    ours = config("proposer._target_=harness.baselines.random_mutation.MatchedMutation")
    with pytest.raises(InputError, match="no more today"):
        complete_runs([ours], Stops())
    (folder,) = (tmp_path / "runs").glob("random_mutation-*")
    with Journal(folder, wait_s=0) as journal:
        journal.record(CodeChanged(number=0, code={"harness/seeding.py": "0"}, commit=None))
    ours.accept_other_code = True
    complete_runs([ours], ImaginedTrainings())
    (recorded,) = load_recorded([folder])
    assert {"code/0", "code/1"} <= set(recorded.by_key)
    again = {event.key: event for event in read_events(replay(recorded, tmp_path / "out").folder)}
    assert again == {event.key: event for event in recorded.events}


def test_a_replay_that_differs_names_the_files_that_changed(config, tmp_path):
    ours = config("proposer._target_=harness.baselines.random_mutation.MatchedMutation")
    (folder,) = complete_folders([ours], ImaginedTrainings())
    with Journal(tmp_path / folder.name, wait_s=0) as journal:
        for entry in read_entries(folder):
            event = entry.event
            if isinstance(event, Manifest):
                event = replace(
                    event, code={**event.code, "harness/baselines/syntax_edits.py": "0"}
                )
            if event.KIND != "gates":
                journal.record(event, at=entry.at)
    (recorded,) = load_recorded([tmp_path / folder.name])
    with pytest.raises(
        ReplayMiss, match=r"1 file has changed since then: harness/baselines/syntax_edits\.py"
    ):
        replay(recorded, tmp_path / "out")


@pytest.mark.slow
def test_a_commit_is_dirty_where_a_file_that_decides_differs(tmp_path):
    checkout = tmp_path / "checkout"
    subprocess.run(["git", "clone", "--quiet", "--shared", ROOT, checkout], check=True)
    script = (
        "from harness.record.code.digests import files_of_run\n"
        "from harness.runs.manifest import _commit\n"
        "print(_commit(files_of_run(['harness.baselines.width.WidthMultiplier']).values()))"
    )

    def commit():
        command = [sys.executable, "-c", script]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
            cwd=checkout,
            env=os.environ | {"PYTHONPATH": str(checkout)},
        )
        return done.stdout.strip()

    clean = commit()
    assert re.fullmatch(r"[0-9a-f]{12}", clean)
    for file in ("conf/prices/mine.yaml", "README.md", "baselines/seed_only.py"):
        with (checkout / file).open("a") as opened:
            opened.write("\n# mine\n")
    assert commit() == clean
    with (checkout / "baselines" / "width.py").open("a") as opened:
        opened.write("\nx = 1\n")
    assert commit() == f"{clean}-dirty"
