"""Simulated wall time: what follows from arithmetic, and what real runs that only wait take."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.utilisation import HOW, measured, simulated
from harness.runs.estimates.simulation import Simulation, Steady, Work
from harness.runs.estimates.total_cost import estimate, show_estimates


def work(
    *generations, finals=(), train_s=lambda: 1.0, answer_s=lambda: 0.0, answers=8, steady=None
):
    return Work(
        generations=generations, finals=finals, train_s=train_s, answer_s=answer_s,
        answers=answers, steady=steady,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("works", "workers", "at_once", "seconds"),
    [
        ([work()], 4, 1, 1),  # the seed network
        ([work(4, 4)], 4, 1, 3),
        ([work(5)], 4, 1, 3),
        ([work(4, finals=(3, 2))], 4, 1, 4),
        ([work(4, answer_s=lambda: 2.0)], 4, 1, 4),
        ([work(4, answer_s=lambda: 2.0, answers=2)], 4, 1, 6),
        ([work(1)] * 3, 1, 1, 6),
        ([work(1)] * 3, 3, 3, 2),
        ([work(1)] * 3, 3, 2, 4),
        ([work(1, 1, answer_s=lambda: 1.0)] * 2, 1, 2, 6),
    ],
)
def test_known_wall_times(works, workers, at_once, seconds):
    found = Simulation(workers=workers, at_once=at_once).run(works)
    assert found.seconds == seconds
    total = sum(1 + sum(one.generations) + sum(one.finals) for one in works)
    assert found.busy == pytest.approx(total / (workers * seconds))


def steady(seed, *, answer=0.0, sigma=0.0, workers=3, under_way=6):
    draw = Random(seed)
    return Steady(
        under_way=under_way, workers=workers, answer=answer,
        error=lambda: draw.lognormvariate(0, sigma),
    )  # fmt: skip


@given(
    seed=st.integers(0, 99), workers=st.integers(1, 9), at_once=st.integers(1, 4),
    runs=st.integers(1, 4), children=st.integers(0, 20), is_steady=st.booleans(),
)  # fmt: skip
def test_no_schedule_is_faster_than_its_workers(seed, workers, at_once, runs, children, is_steady):
    draw, asked = Random(seed), []

    def train_s():
        asked.append(draw.uniform(0.1, 3))
        return asked[-1]

    one = work(
        *[1] * children, finals=(2,), train_s=train_s, answer_s=draw.random,
        steady=steady(seed, answer=0.5, sigma=0.3) if is_steady else None,
    )  # fmt: skip
    found = Simulation(workers=workers, at_once=at_once).run([one] * runs)
    assert len(asked) == runs * (children + 3)
    assert found.seconds >= max(sum(asked) / workers, *asked) * (1 - 1e-9)
    assert found.busy == pytest.approx(sum(asked) / (workers * found.seconds))


def lognormal(seed):
    draw = Random(seed)
    return lambda: draw.lognormvariate(5.7, 0.7)


@pytest.mark.parametrize("workers", [8, 32])
def test_a_steady_state_keeps_workers_busy_though_predictions_err(workers):
    """Twice as many under way as workers, errors of sigma 0.3, answers of 30 s (sigma 0.5)."""
    shares = []
    for seed in range(5):
        draw = Random(seed)
        one = work(
            *[8] * 25 * workers, train_s=lognormal(seed), answers=10**4,
            answer_s=lambda draw=draw: draw.lognormvariate(3.4, 0.5),
            steady=steady(seed, answer=100, sigma=0.3, workers=workers, under_way=2 * workers),
        )  # fmt: skip
        shares.append(Simulation(workers=workers, at_once=1).run([one]).busy)
    assert sum(shares) / len(shares) >= 0.9
    generations = work(*[8] * 25 * workers, train_s=lognormal(0))
    assert Simulation(workers=workers, at_once=1).run([generations]).busy < 0.5


def test_an_estimate_has_the_wall_time_by_runs_at_once(capsys, tmp_path):
    jobs = [
        estimate(["ablation=nas", "compare=[width]", f"seed={seed}", "budget.evaluations=9",
                  "limits.train_s=60", f"runs_dir={tmp_path}"])
        for seed in (0, 1)
    ]  # fmt: skip
    show_estimates(jobs, sweep=True, workers=8)
    out = capsys.readouterr().out
    assert "How long it would take, workers=8" in out
    (line,) = [line for line in out.splitlines() if "wall time" in line]
    minutes = [int(cell.split()[2]) for cell in line.split("│")[2:-1]]
    assert len(minutes) == 3, "for 1, 2 and 4 runs at once"
    assert minutes[0] > minutes[1] > minutes[2]


@pytest.mark.slow
def test_runs_that_only_wait_take_about_as_long_as_simulated(tmp_path):
    """The machine's own work comes on top, so they are less busy, and never busier."""
    found = {
        how: (measured(how, tmp_path / str(n), evaluations=32)[1], simulated(how, evaluations=32))
        for n, how in enumerate(HOW)
    }
    alone, together, steadily = found.values()
    for real, expected in found.values():
        assert real < expected + 0.1
    assert together[0] > alone[0]
    assert steadily[0] > alone[0]
