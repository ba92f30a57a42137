"""Untrusted archives: each kind of damage is refused in one sentence and bounded memory."""

import hashlib
import io
import json
import os
import struct
import sys
import time
import tracemalloc
import zipfile

import pytest

from harness.errors import InputError, RecordError
from harness.evolution.genome import read_network
from harness.record.archive import read_archive, write_archive
from harness.record.bounded_json import MOST_DEPTH, MOST_VALUES, parse_json
from harness.record.sealed_zip import MOST_MEMBERS
from harness.runs.recorded_run import load_recorded
from harness.runs.replay import replay
from tests.conftest import ROOT

SOUND = ROOT / "tests" / "golden" / "format_3_of_0.1.0.zip"


def parts_of(file=SOUND):
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sealed(parts, file, compression=zipfile.ZIP_DEFLATED):
    """Write an archive of these parts, with the hashes that they have."""
    parts = dict(parts)
    contents = json.loads(parts.pop("archive.json"))
    contents["sha256"] = {name: hashlib.sha256(part).hexdigest() for name, part in parts.items()}
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("archive.json", json.dumps(contents))
        for name, part in parts.items():
            archive.writestr(name, part)
    return file


def refused(file, told):
    with pytest.raises(RecordError, match=told) as caught:
        read_archive(file)
    assert str(caught.value).startswith(f"{file}: expected an archive")
    assert "\n" not in str(caught.value)


def with_events(parts, change):
    """Copy the parts with each event changed; ``change`` gets and returns a list of dicts."""
    events = [json.loads(line) for line in parts["events.jsonl"].splitlines()]
    lines = "".join(json.dumps(event) + "\n" for event in change(events))
    return {**parts, "events.jsonl": lines.encode()}


def test_a_record_from_which_no_table_can_be_built_is_refused(tmp_path):
    def change(events):
        events[0]["content"]["machine"]["cpu"] = "one\nanother"
        return events

    file = sealed(with_events(parts_of(), change), tmp_path / "a.zip")
    refused(file, "machine has a text that is not one printable line")


@pytest.mark.parametrize("copies", [1, 60])
def test_a_bomb_is_refused_before_it_is_held(tmp_path, copies):
    """Zeros packed a thousandfold: one part of 64 MB, or parts of 4.8 GB in all."""
    deflated = io.BytesIO()
    with zipfile.ZipFile(deflated, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts_of().items():
            archive.writestr(name, part)
        for k in range(min(copies, 2)):
            archive.writestr(f"sources/g0.c{k + 900}.py", bytes(64 << 20))
    file = tmp_path / "bomb.zip"
    content = deflated.getvalue()
    if copies > 1:  # it says that it unpacks to much more than it does
        content = content.replace(struct.pack("<L", 64 << 20), struct.pack("<L", 2400 << 20))
    file.write_bytes(content)
    tracemalloc.start()
    started = time.process_time()
    refused(file, r"unpacks to [\d,]+ bytes, more than")
    assert time.process_time() - started < 2
    assert tracemalloc.get_traced_memory()[1] < 32 << 20
    tracemalloc.stop()


def test_a_member_that_declares_too_little_is_unpacked_no_further(tmp_path):
    file = sealed({**parts_of(), "sources/g0.c9.py": bytes(64 << 20)}, tmp_path / "lie.zip")
    file.write_bytes(file.read_bytes().replace(struct.pack("<L", 64 << 20), struct.pack("<L", 99)))
    tracemalloc.start()
    refused(file, "damaged or not an archive")
    assert tracemalloc.get_traced_memory()[1] < 32 << 20
    tracemalloc.stop()


def test_many_small_values_are_refused_before_they_are_held(tmp_path):
    """Empty lists take 32 times as many bytes in memory as in the file."""
    lines = b"".join(b'{"at": 0, "key": "manifest", "content": {"x": [%s]}}\n' % (b"[]," * n + b"[]")
                     for n in (20, 20 << 20))  # fmt: skip
    file = sealed({**parts_of(), "events.jsonl": lines}, tmp_path / "lists.zip")
    file.write_bytes(file.read_bytes() + b"")
    refused(file, "more than")
    parts = {name: part for name, part in parts_of().items() if not name.startswith("sources/")}
    line = json.dumps({"at": 0, "key": "call/x", "content": [[]] * (MOST_VALUES // 3)}).encode()
    many = sealed({**parts, "events.jsonl": b"\n".join([line] * 9)}, tmp_path / "many.zip",
                  zipfile.ZIP_STORED)  # fmt: skip
    started = time.process_time()
    refused(many, "damaged or not an archive")
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../../x", "sources/../../x.py", "sources/g0.c900.py", "evil.sh"]
)
def test_a_part_that_no_event_explains_is_named(tmp_path, name):
    refused(
        sealed({**parts_of(), name: b"x"}, tmp_path / "x.zip"), f"{name} is not a part of its run"
    )


def test_a_source_is_that_of_its_event(tmp_path):
    parts = parts_of()
    changed = {**parts, "sources/g0.c0.py": b"print('harmless')\n"}
    refused(sealed(changed, tmp_path / "x.zip"), "g0.c0.py differs from the network in its journal")

    def renamed(events):
        return [{**e, "key": e["key"].replace("proposal/g0.c0", "proposal/..")} for e in events]

    parts["sources/...py"] = parts.pop("sources/g0.c0.py")
    changed = with_events(parts, renamed)
    refused(sealed(changed, tmp_path / "x.zip"), "not named after a step")


def flagged(file, *, offset, value, size="<H"):
    """Change a field of the last member, in the list at the end of the file."""
    content = bytearray(file.read_bytes())
    struct.pack_into(size, content, content.rindex(b"PK\x01\x02") + offset, value)
    file.write_bytes(content)
    return file


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ({"offset": 8, "value": 1}, "is encrypted"),
        ({"offset": 10, "value": 14}, "another method than deflate"),
        ({"offset": 38, "value": 0o120777 << 16, "size": "<L"}, "is a link or a folder"),
        ({"offset": 20, "value": 1 << 28, "size": "<L"}, "overlap"),
        ({"offset": 24, "value": 0xFFFFFFFF, "size": "<L"}, "damaged or not an archive"),
        ({"offset": 42, "value": 7, "size": "<L"}, "damaged or not an archive"),
    ],
)
def test_a_member_of_another_kind_is_named(tmp_path, field, told):
    refused(flagged(sealed(parts_of(), tmp_path / "x.zip"), **field), told)


def test_members_twice_too_many_or_before_and_after_the_file(tmp_path):
    file = sealed(parts_of(), tmp_path / "x.zip")
    sound = file.read_bytes()
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(file, "a") as archive,
    ):
        archive.writestr("config.json", "{}")
    refused(file, "it has 'config.json' twice")
    for content, told in (
        (sound + b"x", "not a zip file"),
        (b"#!/bin/sh\n" + sound, "does not match the file"),
        (sound[:-12] + struct.pack("<H", MOST_MEMBERS + 1) * 2 + sound[-8:], "not a zip|members"),
        (sound[:-14] + struct.pack("<HH", 60000, 60000) + sound[-10:], "members, more than"),
        (b"", "not a zip file"),
    ):
        file.write_bytes(content)
        refused(file, told)


def test_an_event_twice_and_one_at_no_time_are_named(tmp_path):
    parts = parts_of()
    refused(sealed(with_events(parts, lambda e: [*e, e[-1]]), tmp_path / "x.zip"), "twice")
    for at in (1e300, "noon", None):
        changed = with_events(parts, lambda e, at=at: [{**e[0], "at": at}, *e[1:]])
        refused(sealed(changed, tmp_path / "x.zip"), "has an event with the invalid time")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[" * 200_000, "values|nested"),
        ("[" * (MOST_DEPTH + 1) + "]" * (MOST_DEPTH + 1), "nested deeper"),
        ("1" * 400, "more than 40 characters"),
        ("1e999", "finite"),
        ("[NaN]", "finite"),
        ("[" + "0," * MOST_VALUES + "0]", "more than"),
        ('"' + '\\"' * 1_000_000, "Unterminated"),
    ],
)
def test_json_beyond_its_bounds_is_refused(text, told):
    started = time.process_time()
    with pytest.raises(ValueError, match=told):
        parse_json(text)
    assert time.process_time() - started < 5


def test_json_within_its_bounds_is_parsed():
    value = {"a": [1, -2.5, None, True, {"b": '"[{,\\'}], "c": "\ud800"}
    assert parse_json(json.dumps(value)) == value
    assert parse_json(b"3") == 3
    assert sys.getsizeof(parse_json('"' + "," * MOST_VALUES + '"')) > MOST_VALUES


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return replay(load_recorded([SOUND])[0], tmp_path_factory.mktemp("out")).folder


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_not_waited_for(tmp_path, make):
    make(tmp_path / "x.zip")
    refused(tmp_path / "x.zip", "not a regular file")
    with pytest.raises(InputError, match="expected a network's Python file"):
        read_network(tmp_path / "x.zip")


class TestExport:
    def test_an_archive_is_replaced_and_nothing_else_is(self, folder, tmp_path):
        file = tmp_path / "run.zip"
        write_archive(folder, file)
        written = file.read_bytes()
        write_archive(folder, file)
        assert file.read_bytes() == written
        assert [path.name for path in tmp_path.iterdir()] == ["run.zip"]
        file.write_text("my notes")
        with pytest.raises(InputError, match="a new file, or an archive to replace"):
            write_archive(folder, file)
        assert file.read_text() == "my notes"

    def test_no_link_is_followed(self, folder, tmp_path):
        precious = tmp_path / "precious"
        precious.write_text("mine")
        (tmp_path / "run.zip").symlink_to(precious)
        with pytest.raises(InputError, match="a new file"):
            write_archive(folder, tmp_path / "run.zip")
        (tmp_path / ".new.zip.part").symlink_to(precious)
        write_archive(folder, tmp_path / "new.zip")
        assert precious.read_text() == "mine"
        assert read_archive(tmp_path / "new.zip")[0] == folder.name

    def test_a_folder_of_another_name_than_a_run_s_is_refused(self, folder, tmp_path):
        other = tmp_path / "a b"
        (tmp_path / "link").symlink_to(folder)
        write_archive(tmp_path / "link", tmp_path / "x.zip")
        folder.rename(other)
        try:
            with pytest.raises(RecordError, match="Rename it"):
                write_archive(other, tmp_path / "y.zip")
        finally:
            other.rename(folder)
        assert not (tmp_path / "y.zip").exists()
