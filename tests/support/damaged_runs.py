"""A sound run of which a copy is damaged, and the sentence that refuses it."""

import json
import shutil
import sqlite3

import pytest

from harness.analysis.loading import read_run
from harness.errors import RecordError
from harness.record.journal import JOURNAL_NAME


def damaged(sound, tmp_path, damage):
    """Copy the sound run twice into a folder, and damage one of them."""
    for name in ("sound", "damaged"):
        shutil.copytree(sound / "sound", tmp_path / name)
    db = sqlite3.connect(tmp_path / "damaged" / JOURNAL_NAME)
    damage(db)
    db.commit()
    drop_checksum(db)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    return tmp_path / "damaged"


def drop_checksum(db):
    """Make a journal one of an earlier version, whose changed events are judged by what they say."""
    db.execute("PRAGMA application_id=0")


def half_written(folder):
    """Leave a journal as a writer does that is killed while it writes: partly written, to roll back."""
    db = sqlite3.connect(folder / JOURNAL_NAME)
    db.execute("PRAGMA cache_size=1")
    db.execute("PRAGMA cache_spill=1")
    for number in range(100, 200):
        db.execute(
            "INSERT INTO event(key, kind, json, at) VALUES (?, 'generation', ?, 0.0)",
            (f"generation/{number}", json.dumps({"population": ["g0.c0"] * 500})),
        )
    files = [folder / JOURNAL_NAME, folder / f"{JOURNAL_NAME}-journal"]
    half = [file.read_bytes() for file in files]
    db.rollback()
    db.close()
    for file, content in zip(files, half, strict=True):
        file.write_bytes(content)


def refused(folder):
    """Return the sentence that every reader of a damaged run refuses it with."""
    with pytest.raises(RecordError) as told:
        read_run(folder)
    sentence = str(told.value)
    assert str(folder) in sentence
    assert len(sentence) < 800
    assert sentence.isprintable()
    return sentence
