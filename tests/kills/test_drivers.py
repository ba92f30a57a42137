"""Runs whose process is killed at random moments, again and again, end as ones that were not."""

import time
from random import Random

import pytest

from harness.analysis.loading import read_run
from harness.record.journal import find_runs
from tests.support.drivers import KILLS, SEED, in_folder, killed_at_random, uninterrupted
from tests.support.killed_runs import (
    KEY,
    KINDS,
    answers,
    assert_counted,
    assert_same,
    charged,
    composed,
)
from tests.support.llm_server import serving

FEW = ("full", "random_mutation", "at once")
SHORT = ("budget.evaluations=6", "budget.proposals=12")


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv(*KEY)


def survives(kind, kills, tiny, tmp_path, *overrides):
    """Kill runs of a kind so often; return how often each was."""
    rng, done, log = Random(f"{SEED} {kind}"), [], tmp_path / "log"
    with serving() as server:
        server.always = answers(kind)
        configs = composed(kind, tiny, server.url, *overrides)
        times = uninterrupted(in_folder(configs, tmp_path / "whole"), log)
        whole = find_runs(tmp_path / "whole")
        assert len(whole) == len(configs)
        while sum(done) < kills:
            again = tmp_path / f"killed {len(done)}"
            server.seen.clear()
            left = kills - sum(done)
            done.append(killed_at_random(in_folder(configs, again), log, rng, times, most=left))
            assert_same(whole, find_runs(again))
            assert_counted(find_runs(again), [seen.prompt for seen in server.seen])
    return done


@pytest.mark.kills
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_is_killed_ends_as_one_that_was_not(kind, tiny, tmp_path):
    if "optuna" in kind:
        pytest.importorskip("optuna")
    start = time.monotonic()
    done = survives(kind, KILLS, tiny, tmp_path)
    seconds = time.monotonic() - start
    print(f"\n{kind}: {sum(done)} kills survived, {max(done)} of one run; {seconds:.0f} s")


@pytest.mark.parametrize("kind", FEW)
def test_a_few_kills_are_survived(kind, quick, tmp_path):
    survives(kind, 3, quick, tmp_path, *SHORT)


@pytest.mark.kills
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("limit", "most"), [("llm_calls", 12), ("tokens", 8_000)])
def test_no_limit_is_passed_over_many_kills(limit, most, tiny, tmp_path):
    """What was lost counts: a run that is killed gets fewer answers for the same budget."""
    rng, log, lost = Random(f"{SEED} {limit}"), tmp_path / "log", []
    with serving() as server:
        server.always = answers("full", latency_s=0.1)

        def asks(driver):
            while not server.under_way and not driver.ends_within(0.001):
                pass

        configs = composed("full", tiny, server.url, f"budget.{limit}={most}")
        times = uninterrupted(in_folder(configs, tmp_path / "whole"), log)
        for number in range(max(1, KILLS // 8)):
            again = in_folder(configs, tmp_path / f"killed {number}")
            server.seen.clear()
            killed_at_random(again, log, rng, times, most=8, ready=asks)
            (folder,) = find_runs(tmp_path / f"killed {number}")
            run = read_run(folder)
            assert run.complete
            assert run.unfinished
            assert_counted([folder], [seen.prompt for seen in server.seen])
            assert (
                charged(folder).calls if limit == "llm_calls" else charged(folder).tokens
            ) <= most
            lost.append(run.lost.calls)
    assert any(lost)
    print(f"\n{limit}: {lost} lost requests of {len(lost)} runs, all within {most}")
