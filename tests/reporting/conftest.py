"""Runs whose every number is known."""

import pytest

from harness.analysis.loading import read_runs
from tests.support.records import LINT, SLOW, evaluated, record_run


@pytest.fixture
def runs(tmp_path):
    study = {"model": "some_LLM 50%", "date": "2026-01-02"}
    record_run(
        tmp_path / "a", arm="full", seed=0, study=study,
        children=[
            ("g0.c0", evaluated(0.975, 600)), ("g0.c1", LINT),
            ("g0.c2", evaluated(0.99, 2000)), ("g1.c0", SLOW),
        ],
    )  # fmt: skip
    record_run(
        tmp_path / "b", arm="random_mutation", seed=0, tokens=0,
        children=[("g0.c0", evaluated(0.9, 500)), ("g0.c1", evaluated(0.981, 990))],
    )  # fmt: skip
    record_run(
        tmp_path / "c", arm="guided~pool:full", seed=0, tokens=None,
        children=[("g0.c0", evaluated(0.5, 100))],
    )  # fmt: skip
    return read_runs([tmp_path / "a", tmp_path / "b", tmp_path / "c"])
