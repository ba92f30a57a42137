"""A re-training takes the recorded course, or ends where it cannot: its decisions hold for no other.

Gates and trainings are drawn here, with FLOPs that decide the order of a steady-state search.
"""

from dataclasses import replace
from random import Random

import pytest

from harness.config.compose import compose
from harness.config.identity import hash_of
from harness.errors import RecordError
from harness.evolution.candidate import Gated, Rejection
from harness.evolution.genome import Genome
from harness.record.events import ChildDecided, NetworkGated
from harness.record.journal import read_events
from harness.record.study import Decisions
from harness.runs.recorded_run import load_recorded
from harness.runs.replay import replay, retrain
from tests.conftest import SMALL
from tests.support.backends import ImaginedTrainings, complete_folders

TOO_SLOW = Gated(refusal=Rejection(gate="build", kind="timeout", reason="too slow here"))


class OtherMachine(ImaginedTrainings):
    """FLOPs are drawn by network and machine; a machine may refuse a network."""

    def __init__(self, name, *, refuses=None):
        self._name, self._refused = name, refuses

    def _gates(self, genome, *, seed):
        found = super()._gates(genome, seed=seed)
        if genome.source == self._refused:
            return TOO_SLOW
        flops = Random(f"{self._name} {genome.digest}").randrange(1, 100) * 10**6
        return found if found.refusal else replace(found, flops=flops)


def children(events):
    return {e.step: e for e in events if isinstance(e, ChildDecided)}


@pytest.fixture(scope="module")
def steady(tmp_path_factory):
    """A steady-state run that was recorded on another machine."""
    settings = ["ablation=random_mutation", "schedule=steady_state", "budget.evaluations=12"]
    folder = tmp_path_factory.mktemp("steady")
    config = compose([*SMALL, *settings, f"runs_dir={folder}"])
    (run,) = complete_folders([config], OtherMachine("one"))
    (recorded,) = load_recorded([run])
    return recorded


def test_a_retraining_takes_the_recorded_order_whatever_flops_are_counted_here(steady, tmp_path):
    folder = retrain(steady, tmp_path / "again", OtherMachine("two"), []).result.folder
    was, now = children(steady.events), children(read_events(folder))
    assert [*was] == [*now], "decided in the recorded order"
    assert [one.source for one in was.values()] == [one.source for one in now.values()]
    assert [one.outcome for one in was.values()] == [one.outcome for one in now.values()]
    (again,) = load_recorded([folder])
    replay(again, tmp_path / "replayed")


def test_a_retraining_ends_where_a_step_has_another_network_than_was_recorded(steady, tmp_path):
    """A network that is refused here is decided at once: others become parents than on record."""
    was, ended = children(steady.events), 0
    accepted = [one.source for one in was.values() if not _refused(steady, one.source)]
    for n, source in enumerate(accepted[:3]):
        machine = OtherMachine("one", refuses=source)
        try:
            folder = retrain(steady, tmp_path / str(n), machine, []).result.folder
        except RecordError as error:
            ended += 1
            step, _, told = str(error).partition(": ")
            assert step in was
            assert told.startswith("expected the network that was recorded there")
            assert "because gates, FLOPs or code differ from those of the record" in told
            (run,) = (tmp_path / str(n)).iterdir()
            now = children(read_events(run))
        else:
            now = children(read_events(folder))
        assert now
        assert all(one.source == was[step].source for step, one in now.items())
    assert ended


def _refused(recorded, source):
    gates = [e for e in recorded.events if isinstance(e, NetworkGated)]
    (found,) = {e.found for e in gates if e.text == hash_of(source)}
    return found.refusal


def test_recorded_decisions_hold_for_the_network_that_they_were_made_on(steady):
    one = next(c for c in children(steady.events).values() if c.source)
    genome = Genome.parse(one.source)
    decisions = Decisions(outcomes={one.step: one.outcome}, sources={one.step: one.source})
    assert decisions.outcome(one.step, genome) == one.outcome
    commented = Genome.parse(one.source + "# a comment\n")
    assert decisions.outcome(one.step, commented) == one.outcome
    assert decisions.outcome("g99.c0", genome) is None, "nothing is recorded there"
    other = Genome.parse(one.source + "other = 1\n")
    for child in (other, TOO_SLOW.refusal):
        with pytest.raises(RecordError, match=f"{one.step}: expected the network that was"):
            decisions.outcome(one.step, child)
    nothing = Decisions(outcomes={"g0.c0": TOO_SLOW.refusal}, sources={"g0.c0": None})
    assert nothing.outcome("g0.c0", TOO_SLOW.refusal) == TOO_SLOW.refusal
    with pytest.raises(RecordError, match=r"g0\.c0: expected the network"):
        nothing.outcome("g0.c0", genome)
