"""The record: append-only, durable, one writer, refused where it does not fit."""

import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import InputError, RecordError
from harness.files import check_writable
from harness.record import database
from harness.record.database import MOST_CHARACTERS
from harness.record.events import GenerationEnded, RunCompleted
from harness.record.journal import (
    JOURNAL_NAME,
    Journal,
    find_runs,
    is_complete,
    read_entries,
    read_events,
)
from tests.support.damaged_runs import half_written
from tests.support.records import manifest

HOLDER = """
import sys, time
from pathlib import Path
from harness.record.events import GenerationEnded
from harness.record.journal import Journal
with Journal(Path(sys.argv[1]), wait_s=0) as journal:
    for i in range(int(sys.argv[2])):
        journal.record(GenerationEnded(number=i, population=()))
        print(i, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds a run, after writing some events."""
    started = []

    def start(n=1):
        command = [sys.executable, "-c", HOLDER, str(tmp_path / "run"), str(n)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "0\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize(
    ("limit", "most"), [("events", 20), ("characters", 3_000), ("values", 100)]
)
def test_a_journal_is_never_longer_than_what_is_read(tmp_path, monkeypatch, limit, most):
    """Else a run would end as one that no table shows."""
    monkeypatch.setitem(database._MOST, limit, most)
    for _ in range(2):  # what an earlier process recorded counts, too
        with Journal(tmp_path, wait_s=0) as journal:
            known = len(journal.entries)
            ends = (GenerationEnded(number=n, population=("g0.c0",) * 9) for n in range(known, 99))
            with pytest.raises(RecordError, match=rf"{most:,} {limit}\).*It is not recorded"):
                deque(map(journal.record, ends))
            assert known < len(journal.entries) < 99
        assert read_entries(tmp_path) == journal.entries
        most *= 2
        monkeypatch.setitem(database._MOST, limit, most)


def test_an_event_that_cannot_be_read_is_not_recorded(tmp_path):
    with Journal(tmp_path, wait_s=0) as journal:
        for commit in ("x" * 1_001, "\x7f" * (MOST_CHARACTERS // 6), "a\nb"):
            with pytest.raises(RecordError, match=r"manifest \(ValueError: .*It is not recorded"):
                journal.record(replace(manifest(), commit=commit))
        assert journal.entries == read_entries(tmp_path) == []


def test_a_key_is_recorded_once(tmp_path):
    heard = []
    with Journal(tmp_path, wait_s=0, listener=heard.append) as journal:
        first = GenerationEnded(number=1, population=("g1.c0",))
        assert journal.record(first) == first
        assert journal.record(GenerationEnded(number=1, population=())) == first
        journal.record(RunCompleted())
        assert journal.find(GenerationEnded, 1) == first
        assert journal.find(GenerationEnded, 2) is None
        assert journal.all(GenerationEnded) == [first]
    assert heard == [first, RunCompleted()]
    events = read_events(tmp_path)
    assert [(e.key, e.content) for e in events] == [
        ("generation/1", {"population": ["g1.c0"]}),
        ("complete", {}),
    ]
    assert [e.event for e in read_entries(tmp_path, after=1)] == [RunCompleted()]


def test_a_reader_reads_while_a_writer_writes(tmp_path):
    with Journal(tmp_path, wait_s=0) as journal:
        journal.record(manifest())
        assert not is_complete(tmp_path)
        journal.record(RunCompleted())
        assert is_complete(tmp_path)
    assert find_runs(tmp_path) == [tmp_path]


def test_what_was_recorded_survives_a_killed_writer(tmp_path, holder):
    process = holder(10_000)
    last = 0
    while last < 50:
        last = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    acknowledged = [last, *map(int, process.stdout.read().split())]
    keys = [e.key for e in read_events(tmp_path / "run")]
    assert len(keys) >= acknowledged[-1] + 1
    assert keys == [f"generation/{i}" for i in range(len(keys))]
    with Journal(tmp_path / "run", wait_s=0) as journal:  # the dead process holds no lock
        journal.record(RunCompleted())


def test_what_a_killed_writer_left_half_written_is_rolled_back_by_reader_and_writer(tmp_path):
    with Journal(tmp_path, wait_s=0) as journal:
        for number in range(20):
            journal.record(GenerationEnded(number=number, population=("g0.c0",) * 50))
        known = journal.entries
    half_written(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert read_entries(tmp_path) == known
    assert not is_complete(tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before, "only read"
    with Journal(tmp_path, wait_s=0) as journal:
        assert journal.entries == known
        journal.record(RunCompleted())
    assert is_complete(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {JOURNAL_NAME, "lock"}


def test_an_event_that_is_recorded_is_on_the_disk(tmp_path):
    code = f"""
from pathlib import Path
from harness.record.journal import Journal
with Journal(Path({str(tmp_path)!r}), wait_s=0) as journal:
    print(*(journal._db.execute(f"PRAGMA {{name}}").fetchone()[0] for name in ("journal_mode", "synchronous")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (
        done.stdout == "delete 3\n"
    )  # EXTRA: the folder is synced after the rollback journal's end


FULL = """
import resource, sys
from pathlib import Path
from harness.errors import RecordError
from harness.record.events import GenerationEnded
from harness.record.journal import Journal
with Journal(Path(sys.argv[1]), wait_s=0) as journal:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
    for number in range(100):
        try:
            journal.record(GenerationEnded(number=number, population=("g0.c0",) * 500))
        except RecordError as error:
            print(number, len(journal.entries), error)
            break
"""


def test_a_full_disk_is_a_sentence_and_costs_no_event(tmp_path):
    command = [sys.executable, "-c", FULL, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    number, known, sentence = done.stdout.split(" ", 2)
    assert 3 < int(number) == int(known) < 99
    assert re.search(
        r"journal that can be written, it cannot \((disk I/O|database or disk)", sentence
    )
    assert [event.number for event in read_events(tmp_path)] == list(range(int(number)))
    with Journal(tmp_path, wait_s=0) as journal:
        journal.record(RunCompleted())
    assert is_complete(tmp_path)


def test_a_journal_has_no_file_that_only_one_machine_can_share(tmp_path):
    """The index of a write-ahead log is shared memory; another host would corrupt it."""
    db = sqlite3.connect(tmp_path / JOURNAL_NAME)  # as earlier versions made it
    db.execute("PRAGMA journal_mode=WAL")
    db.executescript(f"{database._SCHEMA} PRAGMA user_version=4;")
    db.close()
    with Journal(tmp_path, wait_s=0) as journal:
        journal.record(RunCompleted())
        assert {file.name for file in tmp_path.iterdir()} == {JOURNAL_NAME, "lock"}
        assert is_complete(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE event SET json = replace(json, 'c0', 'c9') WHERE key = 'generation/1'",
        "UPDATE event SET at = at + 1 WHERE key = 'generation/1'",
        "UPDATE event SET key = 'generation/9' WHERE key = 'generation/1'",
        "UPDATE event SET seq = 9 WHERE key = 'generation/1'",
        "DELETE FROM event WHERE key = 'generation/1'",
        "DELETE FROM event WHERE key = 'complete'",
    ],
)
@pytest.mark.parametrize("made_earlier", [False, True])
def test_an_event_that_was_changed_or_removed_is_noticed(tmp_path, change, made_earlier):
    with Journal(tmp_path, wait_s=0) as journal:
        journal.record(GenerationEnded(number=0, population=("g0.c0",)))
    file = tmp_path / JOURNAL_NAME
    if made_earlier:
        altered(file, "PRAGMA application_id=0")
    with Journal(tmp_path, wait_s=0) as journal:
        journal.record(GenerationEnded(number=1, population=("g1.c0",)))
        assert len(read_events(tmp_path)) == 2
        journal.record(RunCompleted())
    before = read_events(tmp_path)
    altered(file, change)
    for attempt in (lambda: read_events(tmp_path), lambda: Journal(tmp_path, wait_s=0)):
        with pytest.raises(RecordError, match="events were changed or removed after"):
            attempt()
    altered(file, "PRAGMA application_id=0")  # as a journal of an earlier version
    assert read_events(tmp_path) != before or "SET at" in change


def altered(file, change):
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        db.execute(change)


def test_a_journal_is_read_whole_while_it_is_written(tmp_path):
    with Journal(tmp_path, wait_s=0) as journal, ThreadPoolExecutor(1) as pool:
        writing = pool.submit(
            lambda: [journal.record(GenerationEnded(number=n, population=())) for n in range(300)]
        )
        while not writing.done():
            found = [event.number for event in read_events(tmp_path)]
            assert found == list(range(len(found)))
    writing.result()
    assert len(read_events(tmp_path)) == 300


def test_a_second_process_waits_then_is_told_who_holds_the_run(tmp_path, holder, capsys):
    process = holder()
    start = time.monotonic()
    with pytest.raises(RecordError, match=rf"process {process.pid} on .* holds it") as refused:
        Journal(tmp_path / "run", wait_s=1.0)
    assert refused.value.exit_status == 2
    assert time.monotonic() - start >= 1.0
    assert "waiting for it" in capsys.readouterr().out


def test_a_waiting_process_goes_on_when_the_holder_ends(tmp_path, holder):
    process = holder()
    process.terminate()
    with Journal(tmp_path / "run", wait_s=10) as journal:
        assert journal.find(GenerationEnded, 0) == GenerationEnded(number=0, population=())


def test_a_journal_of_another_format_is_refused_by_writer_and_reader(tmp_path):
    with Journal(tmp_path, wait_s=0):
        pass
    with sqlite3.connect(tmp_path / JOURNAL_NAME) as db:
        db.execute("PRAGMA user_version=7")
    db.close()
    for attempt in (lambda: Journal(tmp_path, wait_s=0), lambda: is_complete(tmp_path)):
        with pytest.raises(RecordError, match="expected a journal of format 4, found 7"):
            attempt()


def test_a_journal_whose_maker_died_making_it_is_begun_anew(tmp_path):
    sqlite3.connect(tmp_path / JOURNAL_NAME).close()
    (tmp_path / JOURNAL_NAME).touch()
    assert not is_complete(tmp_path)
    with Journal(tmp_path, wait_s=0) as journal:
        journal.record(RunCompleted())
    assert is_complete(tmp_path)


def test_what_is_no_journal_is_refused(tmp_path):
    (tmp_path / JOURNAL_NAME).write_text("not a database, but long enough to look like a file" * 20)
    with pytest.raises(RecordError, match="cannot be read"):
        read_events(tmp_path)
    with pytest.raises(RecordError, match="cannot be read"):
        Journal(tmp_path, wait_s=0)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="expected a folder that can be written"):
        check_writable(tmp_path / "file" / "runs")
    if os.geteuid():  # root may write anywhere
        (tmp_path / "read_only").mkdir(mode=0o500)
        with pytest.raises(InputError, match="expected a folder that can be written"):
            check_writable(Path(tmp_path / "read_only"))
