"""Recorded runs run again: same events, same table, without network, key or training."""

import json
import shlex
import subprocess
import sys
import zipfile
from dataclasses import replace
from functools import reduce
from pathlib import Path

import pytest

from harness.errors import InputError, RecordError, ReplayMiss
from harness.evolution.candidate import Rejection
from harness.record.archive import _archive, write_archive
from harness.record.events import (
    CallAnswered,
)
from harness.record.journal import Journal, read_events
from harness.record.study import study_of
from harness.runs.recorded_run import distinct, load_recorded, require_packages
from harness.runs.replay import replay, retrain
from tests.conftest import ROOT
from tests.support.commands import run, run_main
from tests.support.forged_runs import (
    evaluated_last,
    everything,
    tables,
    with_code,
    with_manifest,
    with_refusal,
)
from tests.support.records import call, manifest

GOLDEN = ROOT / "tests" / "golden"


def test_a_replay_ends_in_the_same_events_and_the_same_table(recorded, tmp_path):
    runs = load_recorded([recorded])
    assert [r.name[:4] for r in runs] == ["full", "rand"]
    assert any("mating" in key for key in runs[0].by_key if key.startswith("call/"))
    for out in (tmp_path / "once", tmp_path / "twice"):
        folders = [replay(one, out).folder for one in runs]
        for one, folder in zip(runs, folders, strict=True):
            assert everything(folder) == everything(one.source)
            front = {p.name: p.read_text() for p in (one.source / "front").iterdir()}
            assert {p.name: p.read_text() for p in (folder / "front").iterdir()} == front
            config = "config.json"
            assert (folder / config).read_text() == (one.source / config).read_text()
        assert tables(folders) == tables([one.source for one in runs])


def with_short_digests(recorded):
    """Return a run as it was recorded before digests of networks had all of their digits."""

    def shortened(event):
        short = {name: getattr(event, name)[:digits] for name, digits in event.SHORTER.items()}
        return replace(event, **short)

    entries = tuple(replace(e, event=shortened(e.event)) for e in recorded.entries)
    return replace(recorded, entries=entries)


def test_a_run_that_was_recorded_with_short_digests_replays(recorded, tmp_path):
    for one in load_recorded([recorded]):
        short = with_short_digests(one)
        changed = {key.split("/")[0] for key in one.by_key.keys() - short.by_key.keys()}
        assert changed == {"gates", "training"}
        folder = replay(short, tmp_path).folder
        assert everything(folder).keys() == short.by_key.keys()
        (again,) = load_recorded([folder])
        assert everything(replay(again, tmp_path / "again").folder) == everything(folder)


def test_an_archive_replays_as_the_run_does_and_is_the_same_bytes_each_time(recorded, tmp_path):
    for one in load_recorded([recorded]):
        file = tmp_path / f"{one.name}.zip"
        write_archive(one.source, file)
        write_archive(one.source, tmp_path / "again")
        assert file.read_bytes() == (tmp_path / "again").read_bytes()
        (tmp_path / "again").unlink()
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            assert {"archive.json", "events.jsonl", "config.json", "packages.txt"} <= set(names)
            assert "sources/seed.py" in names
            assert (
                f"torch=={one.manifest.packages['torch']}" in archive.read("packages.txt").decode()
            )
    runs = load_recorded([tmp_path])
    folders = [replay(one, tmp_path / "out").folder for one in runs]
    assert tables(folders) == tables(recorded.glob("*-s0-*"))


@pytest.mark.parametrize("kind", ["call", "gates", "training/search", "training/final"])
def test_a_miss_is_an_error_that_names_the_step_or_network(recorded, tmp_path, kind):
    (one,) = (r for r in load_recorded([recorded]) if r.name.startswith("full"))
    dropped = next(e for e in reversed(one.entries) if e.event.key.startswith(kind))
    lacking = replace(one, entries=tuple(e for e in one.entries if e is not dropped))
    with pytest.raises(ReplayMiss) as miss:
        replay(lacking, tmp_path)
    if kind == "call":
        assert dropped.event.step in str(miss.value)
    elif kind == "training/final":
        assert f"network {dropped.event.network[:16]}. " in str(miss.value)
    else:
        assert str(miss.value).split(":")[0] in {
            k.split("/")[1] for k in one.by_key if "proposal" in k
        }


def test_a_prompt_that_changed_is_a_miss(recorded, tmp_path):
    (one,) = (r for r in load_recorded([recorded]) if r.name.startswith("full"))
    changed = tuple(
        replace(e, event=replace(e.event, prompt="Other."))
        if isinstance(e.event, CallAnswered) else e
        for e in one.entries
    )  # fmt: skip
    with pytest.raises(ReplayMiss, match=r"g0\.c0\.mutation, this run asks another"):
        replay(replace(one, entries=changed), tmp_path)


def test_what_comes_out_otherwise_is_refused_by_name(recorded, tmp_path):
    (one,) = (r for r in load_recorded([recorded]) if r.name.startswith("rand"))
    forged = tuple(
        replace(e, event=replace(e.event, parents=("g9.c9",)))
        if e.event.key == "proposal/g0.c0" else e
        for e in one.entries
    )  # fmt: skip
    with pytest.raises(RecordError, match=r"1 came out differently, first proposal/g0\.c0"):
        replay(replace(one, entries=forged), tmp_path)


@pytest.mark.parametrize(
    ("gate", "kind"),
    [("imports", "lint"), ("duplicates", "duplicate"), ("lint", "outpaced"), ("build", "policy")],
)
def test_a_verdict_that_no_gate_gives_is_refused(recorded, tmp_path, gate, kind):
    (one,) = (r for r in load_recorded([recorded]) if r.name.startswith("rand"))
    forged, _ = with_refusal(one, Rejection(gate=gate, kind=kind, reason="refused"))
    (tmp_path / "forged.zip").write_bytes(_archive(one.name, forged.entries))
    with pytest.raises(RecordError, match=f"is refused by {gate} as {kind}"):
        load_recorded([tmp_path / "forged.zip"])


def test_a_record_that_decides_otherwise_than_it_measured_is_refused(recorded, tmp_path):
    """Otherwise the author of the record would choose what its re-training selects."""
    (one,) = (r for r in load_recorded([recorded]) if r.name.startswith("rand"))
    lint = Rejection(gate="lint", kind="lint", reason="F821: undefined name x")
    was = evaluated_last(one)
    entries = [
        replace(e, event=replace(was, outcome=lint)) if e.event.key == was.key else e
        for e in one.entries
    ]
    (tmp_path / "forged.zip").write_bytes(_archive(one.name, entries))
    with pytest.raises(RecordError, match=f"{was.key} was not decided as measured"):
        load_recorded([tmp_path / "forged.zip"])


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("# \u202e\n", r"was trained, but line \d+ holds the invisible character U\+202E"),
        ("# \x1b[2J\n", r"holds the invisible character U\+001B"),
        (f"'{'x' * 70_000}'\n", "was trained, but expected at most 65536 bytes of source"),
    ],
)  # fmt: skip
def test_a_record_of_a_trained_network_that_no_gate_accepts_is_refused(
    recorded, tmp_path, code, why
):
    """Its source would be a file of the front, which no terminal is safe from."""
    (one,) = (r for r in load_recorded([recorded]) if r.name.startswith("full"))
    forged, _ = with_code(one, code)
    (tmp_path / "forged.zip").write_bytes(_archive(one.name, forged.entries))
    with pytest.raises(RecordError, match=why) as told:
        load_recorded([tmp_path / "forged.zip"])
    assert str(told.value).isprintable()


def test_the_commands_export_and_replay_in_another_folder(recorded, tmp_path):
    folder = next(recorded.glob("full-*"))
    done = run(folder, tmp_path / "full.zip", module="harness.export")
    assert done.returncode == 0, done.stderr
    *_, printed = done.stdout.strip().partition("To replay it: ")
    command = shlex.split(printed)
    assert command[:4] == ["python", "-m", "harness.replay", str(tmp_path / "full.zip")]
    done = run_main(*command[3:], module="harness.replay", cwd=tmp_path)
    assert (done.returncode, (tmp_path / "full-replayed").is_dir()) == (0, True)
    done = run_main(tmp_path / "full.zip", "--out", tmp_path / "out", module="harness.replay")
    assert done.returncode == 0, done.stderr
    n = len(read_events(folder))
    assert f"{folder.name}: {n} events, all as recorded" in done.stdout
    for command in ("table", "credit"):
        mine, theirs = (
            run_main(where, module=f"harness.{command}").stdout
            for where in (tmp_path / "out", folder)
        )
        assert mine == theirs
    done = run_main(tmp_path, "--out", tmp_path / "out", module="harness.lineage")
    assert run_main(tmp_path / "none", "--out", tmp_path, module="harness.replay").returncode == 2
    assert run_main(tmp_path / "out", module="harness.export").returncode == 2


def test_an_unfinished_run_is_neither_exported_nor_replayed(tmp_path):
    with Journal(tmp_path / "run", wait_s=0) as journal:
        journal.record(manifest())
    with pytest.raises(RecordError, match="expected a complete run"):
        write_archive(tmp_path / "run", tmp_path / "x.zip")
    with pytest.raises(RecordError, match="expected a complete run"):
        load_recorded([tmp_path / "run"])
    with pytest.raises(InputError, match="found none"):
        load_recorded([tmp_path / "nothing"])


def test_pool_and_scripted_runs_make_no_study():
    events = [manifest(arm="guided~pool:full"), call("g0.c0.mutation")]
    with pytest.raises(RecordError, match="whose answers are its own"):
        study_of(events, path=Path("x"))


def test_a_folder_is_replayed_into_once_and_never_onto_the_run_itself(recorded, tmp_path):
    one = load_recorded([recorded])[0]
    replay(one, tmp_path)
    for out in (tmp_path, recorded):
        with pytest.raises(InputError, match=r"--out: expected a folder that holds no full"):
            replay(one, out)


def test_a_run_and_its_archive_in_one_folder_are_one_run(recorded, tmp_path):
    one = load_recorded([recorded])[0]
    write_archive(one.source, tmp_path / "full.zip")
    both = load_recorded([one.source, tmp_path / "full.zip"])
    assert len(both) == 2
    assert len(distinct(both)) == 1
    other = replace(both[1], entries=both[1].entries[:-1])
    with pytest.raises(InputError, match="these differ"):
        distinct([one, other])


def test_what_an_archive_would_build_must_be_a_strategy(recorded, tmp_path):
    (one,) = (r for r in load_recorded([recorded]) if r.name.startswith("rand"))
    config = {**one.manifest.settings, "selection": {"_target_": "shutil.rmtree", "path": "/x"}}
    evil = with_manifest(one, settings=config)
    with pytest.raises(InputError, match=r"found shutil\.rmtree"):
        replay(evil, tmp_path)


@pytest.mark.parametrize(
    ("arm", "change", "told"),
    [
        ("rand", {"proposer.edits": [None, 1]}, "expected a value of type .*int"),
        ("rand", {"proposer.edits": [1]}, "its constructor raised ValueError"),
        ("rand", {"proposer.edits": [1, 10**9]}, "edits: expected"),
        (
            "full",
            {"proposer.temperature": {}},
            r"proposer.temperature.founder: expected the least and the greatest number, got \(\)",
        ),
        (
            "full",
            {"proposer.model.folder": "/x"},
            "proposer: expected a value as this package records it",
        ),
        ("full", {"third_party": None}, "expected third_party"),
        ("full", {"third_party": {"x": "1 --index-url http://x.org"}}, "expected third_party"),
        ("full", {"sizes.founders": 10**9}, "sizes.founders: expected at most"),
    ],
)
def test_settings_that_no_run_records_are_one_sentence(recorded, tmp_path, arm, change, told):
    """What a fuzzer found, or an attacker could write."""
    (one,) = (r for r in load_recorded([recorded]) if r.name.startswith(arm))
    settings = json.loads(json.dumps(one.manifest.settings))
    for name, value in change.items():
        *parents, last = name.split(".")
        reduce(lambda place, key: place[key], parents, settings)[last] = value
    odd = with_manifest(one, settings=settings)

    def attempt():
        require_packages(odd)
        replay(odd, tmp_path)

    with pytest.raises(InputError, match=told) as caught:
        attempt()
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["memory_mib", "threads"])
def test_a_record_does_not_decide_how_much_of_this_machine_it_takes(
    recorded, tmp_path, executor, name
):
    one = load_recorded([recorded])[0]
    limits = {**one.manifest.settings["limits"], name: 10**9}
    greedy = with_manifest(one, settings={**one.manifest.settings, "limits": limits})
    with pytest.raises(InputError, match=rf"limits\.{name}: expected at most .* on this machine"):
        retrain(greedy, tmp_path, executor, [])
    with pytest.raises(InputError, match=r"--set task\.path=FOLDER"):
        retrain(greedy, tmp_path, executor, [f"limits.{name}=1"])


def test_an_arm_of_an_absent_package_names_it_and_no_command_that_installs_it(recorded, tmp_path):
    (one,) = (r for r in load_recorded([recorded]) if r.name.startswith("rand"))
    other = with_manifest(one, settings={**one.manifest.settings, "third_party": {"nowhere": "3"}})
    with pytest.raises(InputError, match="expected nowhere 3, which brings") as told:
        require_packages(other)
    assert "pip" not in str(told.value)


def test_a_replay_imports_neither_torch_nor_openai(recorded, tmp_path):
    code = (
        "import sys; from pathlib import Path; from harness.runs.recorded_run import load_recorded; from harness.runs.replay import replay;"
        f"[replay(r, Path({str(tmp_path)!r})) for r in load_recorded([Path({str(recorded)!r})])];"
        "print({'torch', 'openai', 'wandb'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.splitlines()[-1] == "set()"
