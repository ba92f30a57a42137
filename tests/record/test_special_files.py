"""Pipes, devices, links and other files in place of a journal or beside it."""

import os
import shutil
import sqlite3

import pytest

from harness.analysis.loading import all_below, read_run
from harness.errors import InputError, RecordError
from harness.record.journal import JOURNAL_NAME, Journal, read_events
from harness.runs.single_run import write_config, write_front
from tests.support.damaged_runs import damaged, half_written, refused


def replaced(kind):
    """Return a function that puts something else in the place of a journal."""

    def replace(file):
        file.unlink()
        match kind:
            case "a pipe":
                os.mkfifo(file)
            case "an endless device":
                file.symlink_to("/dev/zero")
            case "a folder":
                file.mkdir()
            case "another database":
                db = sqlite3.connect(file)
                db.execute("CREATE TABLE secrets(a, b)")
                db.close()
            case _:
                file.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 16)

    return replace


KINDS = ("a pipe", "an endless device", "a folder", "another database", "other bytes")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_journal_is_named_and_not_waited_for(sound, tmp_path, kind):
    folder = damaged(sound, tmp_path, lambda _: None)
    replaced(kind)(folder / JOURNAL_NAME)
    sentence = refused(folder)
    assert all_below(tmp_path).damaged == (sentence,)
    assert len(all_below(tmp_path).runs) == 1
    with pytest.raises(RecordError, match="expected a run's journal"):
        Journal(folder, wait_s=0)


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_no_pipe_beside_a_journal_is_waited_for(sound, tmp_path, suffix):
    folder = damaged(sound, tmp_path, lambda _: None)
    os.mkfifo(folder / f"{JOURNAL_NAME}{suffix}")
    assert f"{suffix} is not a regular file" in refused(folder)
    with pytest.raises(RecordError, match="is not a regular file"):
        Journal(folder, wait_s=0)


def test_no_rollback_journal_is_played_back_that_names_a_file(sound, tmp_path):
    """SQLite deletes that file, after a rollback, as the journal of several databases."""
    folder, precious = damaged(sound, tmp_path, lambda _: None), tmp_path / "precious"
    precious.write_text("mine")
    half_written(folder)
    name = str(precious).encode()
    with (folder / f"{JOURNAL_NAME}-journal").open("ab") as file:
        file.write((1 << 20).to_bytes(4, "big") + name + len(name).to_bytes(4, "big"))
        file.write(sum(name).to_bytes(4, "big") + b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7")
    assert "its rollback journal names another file" in refused(folder)
    with pytest.raises(RecordError, match="its rollback journal names another file"):
        Journal(folder, wait_s=0)
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_no_file_beside_a_journal_is_a_link(sound, tmp_path, suffix):
    folder = damaged(sound, tmp_path, lambda _: None)
    precious = tmp_path / "precious"
    precious.write_text("mine")
    beside = folder / f"{JOURNAL_NAME}{suffix}"
    beside.unlink(missing_ok=True)
    beside.symlink_to(precious)
    with pytest.raises(RecordError, match="is not a regular file"):
        read_events(folder)
    with pytest.raises(RecordError, match="is not a regular file"):
        Journal(folder, wait_s=0)
    assert precious.read_text() == "mine"


def test_a_lock_that_is_a_link_is_not_followed(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "lock").symlink_to(precious)
    with pytest.raises(InputError, match="expected a folder that can be written"):
        Journal(tmp_path / "run", wait_s=0)
    assert precious.read_text() == "mine"


def test_networks_for_people_are_written_through_no_link(sound, tmp_path):
    shutil.copytree(sound / "sound", tmp_path / "run")
    (tmp_path / "mine").mkdir()
    (tmp_path / "run" / "front").symlink_to(tmp_path / "mine")
    (tmp_path / "run" / "config.json").symlink_to(tmp_path / "precious")
    write_front(read_run(tmp_path / "run"))
    write_config(tmp_path / "run", {})
    assert not list((tmp_path / "mine").iterdir())
    assert not (tmp_path / "precious").exists()
    assert list((tmp_path / "run" / "front").iterdir())


def test_no_run_is_resumed_through_a_link(sound, tmp_path):
    folder = damaged(sound, tmp_path, lambda _: None)
    (folder / JOURNAL_NAME).unlink()
    (folder / JOURNAL_NAME).symlink_to(tmp_path / "sound" / JOURNAL_NAME)
    assert read_run(folder).complete  # harmless
    with pytest.raises(RecordError, match="it is a link"):
        Journal(folder, wait_s=0)
