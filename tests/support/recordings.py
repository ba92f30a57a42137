"""The runs that come with the repository, read from their archives."""

from functools import cache

from harness.analysis.loading import result_of
from harness.record.archive import read_archive
from tests.conftest import ROOT

QUICKSTART = sorted((ROOT / "reproductions" / "quickstart").glob("*.zip"))


@cache
def quickstart():
    """Searches with a real LLM and by random mutation."""
    return tuple(_read(path) for path in QUICKSTART)


def _read(path):
    name, entries = read_archive(path)
    run = result_of(path.with_name(name), entries)
    assert run is not None
    return run
