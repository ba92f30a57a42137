"""A sound run that tests of journals damage."""

import pytest

from tests.support.records import evaluated, record_run


@pytest.fixture(scope="session")
def sound(tmp_path_factory):
    """A folder with one sound run."""
    folder = tmp_path_factory.mktemp("sound")
    children = [("g0.c0", evaluated(0.97, 400)), ("g0.c1", evaluated(0.96, 300))]
    record_run(folder / "sound", arm="full", seed=0, children=children)
    return folder
