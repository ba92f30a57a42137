"""Recorded runs that tests of replays share."""

import pytest

from tests.support.backends import complete_folders
from tests.support.forged_runs import composed


@pytest.fixture(scope="session")
def recorded(tmp_path_factory, tiny, executor):
    """An arm that asks and one that does not, run for real; their folder."""
    folder = tmp_path_factory.mktemp("recorded")
    arms = [composed(tiny, folder, arm) for arm in ("full", "random_mutation")]
    complete_folders(arms, executor)
    return folder
