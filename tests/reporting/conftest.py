"""Runs whose every number is known."""

import random

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


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Eight seeds of three arms: one better than chance, one like it, one that ended early."""
    folder, draw = tmp_path_factory.mktemp("study"), random.Random(5)
    for seed in range(8):
        for arm, size in (("full", 300), ("random_mutation", 800), ("no_eot", 500)):
            if (arm, seed) == ("no_eot", 7):
                continue
            score = 0.975 + draw.randrange(10) / 1000
            n_params = size + draw.randrange(100)
            record_run(
                folder / f"{arm}-{seed}", arm=arm, seed=seed,
                tokens=0 if arm == "random_mutation" else 100,
                price={"prompt": 1.0, "completion": 2.0},
                complete=(arm, seed) != ("no_eot", 6),
                finals=[score - draw.randrange(20) / 1000 for _ in range(3)],
                children=[("g0.c0", LINT), ("g0.c1", evaluated(score, n_params)),
                          ("g0.c2", SLOW), ("g1.c0", evaluated(0.9, n_params - 100))],
            )  # fmt: skip
    return folder
