"""Files and frames hold the same cells."""

import csv
import json
import subprocess
import sys
from datetime import datetime

import pytest

from harness.config.plugins import require_extra
from harness.errors import InputError
from harness.reporting.formatting import spreadsheet
from harness.tidy.files import write_files
from harness.tidy.frames import DTYPES, frame
from harness.tidy.tables import TABLES
from tests.conftest import ROOT
from tests.support.recordings import quickstart
from tests.tidy.test_columns import own_runs

FRICTIONLESS = {
    "string": str, "integer": int, "number": float, "boolean": bool, "datetime": datetime,
}  # fmt: skip
READ = {
    str: str,
    int: int,
    float: float,
    bool: lambda text: {"true": True, "false": False}[text],
    datetime: datetime.fromisoformat,
}
"""From the text of a CSV cell to its value."""


@pytest.fixture
def runs(tmp_path):
    return [*quickstart(), *own_runs(tmp_path)]


def described(folder):
    """The fields of each resource of a data package."""
    package = json.loads((folder / "datapackage.json").read_text())
    return {one["path"]: one["schema"]["fields"] for one in package["resources"]}


def test_csv_reads_back(runs, tmp_path):
    write_files(runs, tmp_path / "out", "csv")
    for table in TABLES:
        header, *lines = csv.reader(
            (tmp_path / "out" / f"{table.name}.csv").read_text().splitlines()
        )
        fields = described(tmp_path / "out")[f"{table.name}.csv"]
        assert header == [field["name"] for field in fields]
        assert [FRICTIONLESS[field["type"]] for field in fields] == [c.type for c in table.columns]
        cells = table.cells(runs)
        assert len(lines) == len(cells)
        for line, mine in zip(lines, cells, strict=True):
            for column, text, cell in zip(table.columns, line, mine, strict=True):
                if cell is None or cell == "":
                    assert text == ""
                else:
                    assert READ[column.type](text) == spreadsheet(cell), column.name


def test_json_reads_back(runs, tmp_path):
    write_files(runs, tmp_path / "out", "json")
    for table in TABLES:
        found = json.loads((tmp_path / "out" / f"{table.name}.json").read_text())
        names = [field["name"] for field in described(tmp_path / "out")[f"{table.name}.json"]]
        assert all(list(one) == names for one in found)
        for one, mine in zip(found, table.cells(runs), strict=True):
            for column, cell in zip(table.columns, mine, strict=True):
                shown = one[column.name]
                if isinstance(cell, datetime):
                    shown = datetime.fromisoformat(shown)
                assert (shown, type(shown)) == (cell, type(cell))


def test_parquet_reads_back(runs, tmp_path):
    reason = "harness.data --format parquet needs pip install -e '.[data]'"
    parquet = pytest.importorskip("pyarrow.parquet", reason=reason)
    for found in (runs, []):
        write_files(found, tmp_path / "out", "parquet")
        for table in TABLES:
            read = parquet.read_table(tmp_path / "out" / f"{table.name}.parquet")
            assert read.column_names == [column.name for column in table.columns]
            assert [list(one.values()) for one in read.to_pylist()] == table.cells(found)
            assert all(field.metadata[b"description"] for field in read.schema)


def test_frames_have_the_same_cells(runs):
    pandas = pytest.importorskip("pandas", reason="frames need pip install -e '.[data]'")
    for found in (runs, []):
        for table in TABLES:
            made = frame(table, found)
            assert list(made.columns) == [column.name for column in table.columns]
            assert [str(one) for one in made.dtypes] == [DTYPES[c.type] for c in table.columns]
            for i, cells in enumerate(table.cells(found)):
                for column, cell in zip(table.columns, cells, strict=True):
                    shown = made.at[i, column.name]
                    assert pandas.isna(shown) if cell is None else shown == cell, column.name


def test_a_library_that_is_missing_is_named_with_its_command():
    expected = (
        r"^runs_frame: expected no_such_library, .* Run pip install 'guided-evolution\[data\]'"
    )
    with pytest.raises(InputError, match=expected):
        require_extra("no_such_library", "runs_frame", extra="data")


def test_the_command_writes_the_files_and_refuses_no_runs(tmp_path):
    def command(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "harness.data", *arguments],
            check=False, capture_output=True, text=True, cwd=ROOT,
        )  # fmt: skip

    own_runs(tmp_path / "runs")
    done = command(str(tmp_path / "runs"), "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert [line.rpartition("/")[2] for line in done.stdout.split()] == [
        "runs.csv", "evaluations.csv", "calls.csv", "datapackage.json",
    ]  # fmt: skip
    assert len((tmp_path / "out" / "runs.csv").read_text().splitlines()) == 4
    done = command(str(tmp_path / "nothing"))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
