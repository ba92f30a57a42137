"""What a candidate costs does not grow with the number of candidates before it.

Costs are processor time, compared within one test with a wide margin, so that a slow machine, and one
on which other programs run, judge alike.
"""

import time
from random import Random

import pytest

from harness.baselines.selection import FromTheSeed
from harness.config.compose import compose
from harness.config.schema import Budget, Rates, Sizes
from harness.evolution import pareto
from harness.evolution.budget import Ledger
from harness.evolution.candidate import Decided, Evaluation, Gated, Individual
from harness.evolution.genome import Genome
from harness.evolution.pareto import Objectives
from harness.evolution.schedule import Generational, SteadyState
from harness.evolution.search import Method
from harness.record.events import read_event
from harness.record.journal import Journal, read_entries
from harness.runs.display.live_display import LiveDisplay
from harness.runs.runner import complete_runs
from harness.tasks.image_classification.wording import WORDING
from tests.conftest import OWN_FUNCTIONS
from tests.support.backends import ImaginedTrainings
from tests.support.growth import Numbered, Watched, numbered, table_of
from tests.support.records import call, child, evaluated

MOST = 4
"""How many times as much the last may take as the first: twice is noise, linear growth is tenfold."""


def taken(work, items):
    """Return the processor time of the work on each twelfth of the items."""
    n, times = len(items) // 12, []
    for k in range(0, 12 * n, n):
        began = time.process_time()
        for item in items[k : k + n]:
            work(item)
        times.append(time.process_time() - began)
    return times


def require_flat(times):
    """Compare the last two parts with the two after the first, which warms up; the faster counts."""
    assert min(times[-2:]) < MOST * max(min(times[1:3]), 0.002), times


class Trained:
    """Assesses proposals, and records when each was decided; every network is worth the same."""

    OUTCOME = Evaluation(score=0.9, n_params=100, train_s=0.0)

    def __init__(self):
        self.at = []

    def __call__(self, proposals):
        return [Decided(proposal=one, outcome=self.OUTCOME) for one in proposals]

    def gate(self, proposal):
        return Gated()

    def stages(self, proposal, gated):
        yield from ()
        return Decided(proposal=proposal, outcome=self.OUTCOME)

    def proposal(self, generation, proposal, outcome):
        self.at.append(time.process_time())

    def generation(self, number, population):
        pass


@pytest.mark.parametrize(
    "schedule", [Generational(), SteadyState(under_way=8, workers=8, answer=0.1)]
)
def test_a_search_decides_its_last_candidates_as_fast_as_its_first(schedule):
    n, trained = 2400, Trained()
    schedule(
        Individual(step="seed", genome=Genome.parse(OWN_FUNCTIONS), evaluation=Trained.OUTCOME),
        Method(
            proposer=Numbered(),
            selection=FromTheSeed(),
            sizes=Sizes(founders=8, offspring=8, elites=4),
            rates=Rates(p_mate=0.0, p_mutate=1.0),
            ledger=Ledger(budget=Budget(evaluations=n, proposals=n)),
            seed=0,
            llm_workers=2,
        ),
        gates=lambda _: None,
        confirm=lambda one: one,
        assess=trained,
        record=trained,
    )
    assert len(trained.at) == n
    marks = trained.at[:: n // 12]
    require_flat([b - a for a, b in zip(marks, [*marks[1:], trained.at[-1]], strict=True)])


def test_progress_is_told_of_the_last_candidates_as_fast_as_of_the_first(capsys):
    budget = Budget(evaluations=10**6, proposals=10**6)
    shown = LiveDisplay("full", budget=budget, mode="plain", words=WORDING)
    groups = []
    for k in range(1200):
        calls = [f"g{k}.c{c}.mutation" for c in range(8)]
        change = {"operator": "mutation", "segment": "DW", "detail": {}, "calls": calls}
        decided = child(f"g{k}.c0", evaluated(0.9, 9), variations=[change], generation=k)
        ended = read_event(f"generation/{k}", {"population": []})
        groups.append([*map(call, calls), decided, ended])

    def show(events):
        for event in events:
            shown.show(event)

    require_flat(taken(show, groups))
    assert "9,600 calls" in capsys.readouterr().out


def test_a_journal_takes_the_last_events_as_fast_as_the_first_and_is_read_as_fast(tmp_path):
    outcome = {"score": 0.5, "n_params": 3, "train_s": 1.0}
    events = [read_event(f"training/search/{k:064x}/1", outcome) for k in range(2400)]
    with Journal(tmp_path / "run", wait_s=0) as journal:
        require_flat(taken(journal.record, events))
    entries, read = len(events), []
    for after in (entries - 200, entries - 400, entries - 400, entries - 2400, entries - 2400):
        began = time.process_time()
        assert len(read_entries(tmp_path / "run", after=after)) == entries - after
        read.append((time.process_time() - began) / (entries - after))
    assert min(read[3:]) < MOST * min(read[1:3])


def test_elites_of_ten_thousand_are_chosen_within_seconds():
    draw = Random(0)
    many = [Objectives(draw.random(), draw.randrange(1, 10**6)) for _ in range(10_000)]
    began = time.process_time()
    assert len(pareto.spea2_choice(many, 50, [str(k) for k in range(10_000)])) == 50
    assert time.process_time() - began < 8  # half a second where nothing else runs


@pytest.mark.parametrize("schedule", ["generational", "steady_state"])
def test_a_run_holds_no_more_after_many_candidates_than_after_few(schedule, tmp_path):
    watched = Watched(ImaginedTrainings(), every=20, temporary=tmp_path)
    complete_runs([compose(numbered(tmp_path, 120, f"schedule={schedule}"))], watched)
    early, late = watched.looks[2], watched.looks[-1]
    assert late.candidates - early.candidates >= 80
    assert late.descriptors <= early.descriptors + 2  # a journal in the midst of a write
    assert late.threads <= early.threads + 8  # each child under way may have one
    assert late.processes == early.processes
    assert late.temporary == early.temporary
    assert late.mib - early.mib < 16


@pytest.mark.slow
def test_a_table_takes_at_most_as_much_longer_as_it_has_more_runs(tmp_path):
    """``bench/test_growth.py`` measures ten times as many."""
    few, many = (table_of(tmp_path, seeds) for seeds in (2, 20))
    print(f"table of 12 runs {few:.1f} s, of 120 runs {many:.1f} s of processor time")
    assert many < 10 * few
