"""A third-party paper."""

import pytest

from tests.support.paper import write_paper


@pytest.fixture
def paper(tmp_path):
    return write_paper(tmp_path / "paper")
