"""A changed, short or newer archive is refused with a reason that names the part."""

import json
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import RecordError
from harness.record.archive import read_archive, write_archive
from harness.runs.recorded_run import load_recorded
from harness.runs.replay import replay
from tests.conftest import ROOT

OLD = ROOT / "tests" / "golden" / "format_3_of_0.1.0.zip"


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A run replayed from an old archive, exported in today's format."""
    folder = tmp_path_factory.mktemp("damage")
    (one,) = load_recorded([OLD])
    write_archive(replay(one, folder).folder, folder / "full.zip")
    return folder / "full.zip"


def renamed(name):
    def change(parts):
        contents = json.loads(parts["archive.json"])
        return {"archive.json": json.dumps({**contents, "run": name}).encode()}

    return change


class TestDamage:
    def rewritten(self, archive, file, change):
        """Copy the archive with some parts changed; None leaves a part out."""
        with zipfile.ZipFile(archive) as old, zipfile.ZipFile(file, "w") as new:
            parts = {name: old.read(name) for name in old.namelist()}
            parts.update(change(parts))
            for name, part in parts.items():
                if part is not None:
                    new.writestr(name, part)
        return file

    @settings(max_examples=500)
    @given(st.data())
    def test_any_byte_that_is_not_as_written_is_noticed_or_without_effect(self, archive, data):
        bytes_ = bytearray(archive.read_bytes())
        place = data.draw(st.integers(0, len(bytes_) - 1))
        bytes_[place] ^= data.draw(st.integers(1, 255))
        file = archive.with_name("changed.zip")
        file.write_bytes(bytes_)
        try:
            assert read_archive(file) == read_archive(archive)  # a date, a comment
        except RecordError as error:
            assert "it is damaged or not an archive" in str(error)  # noqa: PT017

    @pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
    def test_a_file_that_ends_early_is_damaged(self, archive, share):
        file = archive.with_name("short.zip")
        whole = archive.read_bytes()
        file.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(RecordError, match="it is damaged or not an archive"):
            read_archive(file)

    def test_a_part_changed_added_or_left_out_is_named(self, archive):
        file = archive.with_name("other.zip")
        for change, named in (
            (lambda p: {"events.jsonl": p["events.jsonl"] + b"\n"}, "events.jsonl does not match"),
            (lambda _: {"sources/evil.py": b"x"}, "sources/evil.py"),
            (lambda _: {"config.json": None}, "config.json"),
            (renamed("../../escaped"), "is not the name of a run"),
            (renamed(None), "damaged or not an archive"),
        ):
            self.rewritten(archive, file, change)
            with pytest.raises(RecordError, match=named):
                read_archive(file)

    @pytest.mark.parametrize("name", ["format", "journal_format"])
    def test_a_newer_archive_says_which_version_reads_it(self, archive, name):
        def newer(parts):
            contents = json.loads(parts["archive.json"])
            contents[name], contents["version"] = 99, "7.1"
            return {"archive.json": json.dumps(contents).encode()}

        file = self.rewritten(archive, archive.with_name("newer.zip"), newer)
        with pytest.raises(RecordError, match=rf"{name} \d, found 99.*guided-evolution 7\.1"):
            read_archive(file)
