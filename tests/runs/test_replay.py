"""Recorded runs run again: same events, same table, without network, key or training."""

import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from functools import reduce
from pathlib import Path
from random import Random

import pytest

from baselines.syntax_edits import mutated
from harness.analysis.comparison import comparisons
from harness.analysis.loading import read_runs
from harness.config.compose import compose
from harness.config.identity import digest_of
from harness.errors import InputError, RecordError, ReplayMiss
from harness.evolution.candidate import Evaluation
from harness.evolution.genome import Genome
from harness.record.archive import _archive, write_archive
from harness.record.events import (
    CallAnswered,
    ChildDecided,
    NetworkGated,
    NetworkTrained,
    ScoreConfirmed,
)
from harness.record.journal import Journal, read_entries, read_events
from harness.record.study import study_of
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.tables import render
from harness.runs.recorded_gates import RecordedGates
from harness.runs.recorded_run import distinct, load_recorded, require_packages
from harness.runs.replay import differences, replay, retrain
from tests.conftest import ROOT, SEED_NETWORK, told
from tests.support.backends import complete_folders
from tests.support.commands import run, run_main
from tests.support.records import call, manifest

GOLDEN = ROOT / "tests" / "golden"
NETWORK = Genome.parse(SEED_NETWORK.read_text())


def answer(seed):
    edited = (mutated({name: NETWORK[name]}, rng=Random(seed)) for name in NETWORK.names)
    return "\n".join(f"```python\n{source}\n```" for _, source, _ in edited)


def composed(tiny, folder, arm, *overrides):
    config = compose(
        [
            f"+ablation={arm}",
            *tiny,
            "budget.evaluations=6",
            "rates.p_mate=1",
            "sizes.founders=3",
            f"runs_dir={folder}",
            *overrides,
        ]
    )
    if "model" in config.proposer:
        config.model = {
            "_target_": "harness.llm.offline.Scripted", "answers": [*map(answer, range(6)), "no code"],
        }  # fmt: skip
        config.proposer["model"], config.study = config.model, None
    return config


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, tiny, executor):
    """An arm that asks and one that does not, run for real; their folder."""
    folder = tmp_path_factory.mktemp("recorded")
    arms = [composed(tiny, folder, arm) for arm in ("full", "random_mutation")]
    complete_folders(arms, executor)
    return folder


def tables(folders):
    return [
        render(describe_comparison(c), "markdown") for c in comparisons(read_runs(sorted(folders)))
    ]


def everything(folder):
    return {e.event.key: (e.event.content, e.at) for e in read_entries(folder)}


def with_manifest(recorded, **changes):
    first, *rest = recorded.entries
    changed = replace(first, event=replace(first.event, **changes))
    return replace(recorded, entries=(changed, *rest))


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
        assert dropped.event.network in str(miss.value)
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


@pytest.mark.slow
def test_retraining_takes_answers_and_decisions_from_the_record_and_measures_anew(
    recorded, tmp_path, tiny, executor
):
    path = next(o for o in tiny if o.startswith("task.path="))
    for one in load_recorded([recorded]):
        folder = retrain(one, tmp_path, executor, [path]).folder
        assert told(folder) == told(one.source)  # the same machine measures the same
        assert differences(one, folder) == [["network", "recorded", "measured here"]]
        content = everything(folder)["manifest"][0]
        asks = one.name.startswith("full")
        assert (content["study"] is not None) == asks
    worse = Evaluation(score=0.111, n_params=7, train_s=1.0)
    changed = tuple(
        replace(e, event=replace(e.event, measured=worse))
        if isinstance(e.event, ChildDecided) and isinstance(e.event.measured, Evaluation) else e
        for e in one.entries
    )  # fmt: skip
    rows = differences(replace(one, entries=changed), folder)
    assert len(rows) == 1 + 6
    assert rows[1][1] == "accuracy 11.10%, 7 parameters"
    other = with_manifest(one, data=replace(one.manifest.data, digest="x"))
    with pytest.raises(InputError, match=r"expected the data that it was recorded on"):
        retrain(other, tmp_path / "other", executor, [path])


def with_code(recorded, code):
    """Forge a run: code before that of the last answer whose network was trained, as accepted."""
    gates = {e.text: e for e in recorded.events if isinstance(e, NetworkGated)}
    calls = {e.step: e for e in recorded.events if isinstance(e, CallAnswered)}
    was = next(
        e for e in reversed(recorded.events)
        if isinstance(e, ChildDecided) and isinstance(e.measured, Evaluation)
        and [*e.variations[-1].calls] == [f"{e.step}.mutation"]
    )  # fmt: skip
    call, gated = calls[was.variations[-1].calls[0]], gates[digest_of(was.source)]
    before, name = Genome.parse(was.source), was.variations[-1].segment
    answer = f"```python\n{code}{before[name]}\n```"
    genome = before.replace(name, f"{code}{before[name]}")
    child = replace(was, source=genome.source, digest=genome.digest)
    forged = {
        was.key: child,
        call.key: replace(call, answer=answer),
        gated.key: replace(gated, text=digest_of(genome.source)),
    }
    entries = [replace(e, event=forged.get(e.event.key, e.event)) for e in recorded.entries]
    return replace(recorded, entries=tuple(entries)), child


@pytest.mark.slow
def test_retraining_gates_here_what_a_record_has_as_accepted(recorded, tmp_path, tiny, executor):
    path = next(o for o in tiny if o.startswith("task.path="))
    (one,) = (r for r in load_recorded([recorded]) if r.name.startswith("full"))
    forged, child = with_code(one, "import os\n\n\n")
    folder = retrain(forged, tmp_path, executor, [path]).folder
    events = read_events(folder)
    (now,) = (e for e in events if isinstance(e, ChildDecided) and e.step == child.step)
    assert now.source == child.source
    assert now.outcome == child.outcome, "the decision is the record's"
    assert now.measured.gate == "imports"
    assert child.digest not in {e.network for e in events if isinstance(e, NetworkTrained)}
    told = RecordedGates.of(forged.events).refused_here(events)
    assert told.startswith("not trained, because the gates of this machine refuse what the record")
    assert f"1 of its networks, {child.step} (imports: import of os is not allowed" in told
    assert not RecordedGates.of(one.events).refused_here(read_events(one.source))


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
    assert f"python -m harness.replay {tmp_path / 'full.zip'}" in done.stdout
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


def test_retraining_asks_where_the_data_lie(recorded, tmp_path, executor):
    with pytest.raises(InputError, match=r"--set task\.path=FOLDER"):
        retrain(load_recorded([recorded])[0], tmp_path, executor, [])


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


def cells(text):
    """The cells of a text's Markdown tables, by the first cell of their row and their heading."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    found, header = {}, []
    for row, following in zip(rows, [*rows[1:], []], strict=True):
        if following and set(following[0]) == {"-"}:
            header = row
        elif row and set(row[0]) != {"-"}:
            found |= {(row[0], heading): cell for heading, cell in zip(header, row, strict=True)}
    return found


def test_an_archive_of_version_0_1_0_replays_to_the_numbers_that_version_printed(tmp_path):
    """A run with successive halving and confirmation, in format 3; words and order have changed."""
    (recorded,) = load_recorded([GOLDEN / "format_3_of_0.1.0.zip"])
    assert any(isinstance(event, ScoreConfirmed) for event in recorded.events)
    replay(recorded, tmp_path)
    done = run(tmp_path, module="harness.table")
    printed = (GOLDEN / "format_3_of_0.1.0.md").read_text().replace("pick:", "selected:")
    assert len(cells(printed)) == 30
    # One run has no quartiles, so its heading announces none; a column of dashes is left out.
    was = {(row, heading.removesuffix(" [quartiles]")): cell
           for (row, heading), cell in cells(printed).items() if heading != "LLM"}  # fmt: skip
    assert len(was) == 29
    assert was.items() <= cells(done.stdout).items()


def test_guided_evolution_of_version_0_1_0_replays_with_its_own_prompts_and_examples(tmp_path):
    """It showed ties, with measurements, in the first offspring generation."""
    (recorded,) = load_recorded([GOLDEN / "full_of_0.1.0.zip"])
    assert recorded.manifest.settings["proposer"]["eot_shows"] == "undominated"
    replay(recorded, tmp_path)  # raises where an event differs
