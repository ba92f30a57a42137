"""A re-training takes answers and decisions from a record, and measures anew."""

import time
from dataclasses import replace

import pytest

from harness.analysis.comparison import comparisons
from harness.analysis.loading import read_runs
from harness.errors import InputError
from harness.evolution.candidate import SAME_FUNCTION, Evaluation, Gated, Rejection, is_charged
from harness.evolution.genome import Genome
from harness.record.events import (
    ChildDecided,
    NetworkGated,
    NetworkTrained,
)
from harness.record.journal import read_entries, read_events
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.notes.note import texts_of
from harness.runs.recorded_gates import RecordedGates
from harness.runs.recorded_run import load_recorded
from harness.runs.replay import differences, replay, retrain
from tests.conftest import told
from tests.support.backends import ImaginedTrainings
from tests.support.forged_runs import everything, with_code, with_manifest, with_refusal
from tests.support.records import call


def measured(folder):
    """Events by key without behaviours, which a re-training has by what both machines found."""
    return {
        key: {name: value for name, value in content.items() if name != "behaviour"}
        for key, content in told(folder).items()
    }


@pytest.mark.slow
def test_retraining_takes_answers_and_decisions_from_the_record_and_measures_anew(
    recorded, tmp_path, tiny, executor
):
    path = next(o for o in tiny if o.startswith("task.path="))
    for one in load_recorded([recorded]):
        began = time.time()
        folder = retrain(one, tmp_path, executor, [path]).result.folder
        assert all(entry.at >= began for entry in read_entries(folder)), "events of today"
        assert measured(folder) == measured(one.source)  # the same machine measures the same
        assert differences(one, folder) == [["network", "recorded", "measured here"]]
        content = everything(folder)["manifest"][0]
        assert content["study"]["model"] == ("scripted" if one.name.startswith("full") else "")
    worse = Evaluation(score=0.111, n_params=7, train_s=1.0)
    changed = tuple(
        replace(e, event=replace(e.event, measured=worse))
        if isinstance(e.event, ChildDecided) and isinstance(e.event.measured, Evaluation) else e
        for e in one.entries
    )  # fmt: skip
    rows = differences(replace(one, entries=changed), folder)
    assert len(rows) == 1 + 6
    assert rows[1][1] == "accuracy 11.10%, 7 parameters"
    other = with_manifest(one, data=replace(one.manifest.data, digest="x"))
    with pytest.raises(InputError, match=r"expected the data that it was recorded on"):
        retrain(other, tmp_path / "other", executor, [path])


@pytest.fixture
def imagined(tmp_path, tiny):
    """Re-train a run where gates and trainings are drawn, other ones than were recorded."""
    path = next(o for o in tiny if o.startswith("task.path="))
    return lambda one: retrain(one, tmp_path / "again", ImaginedTrainings(), [path])


def test_a_retraining_says_that_it_follows_a_record_and_is_an_arm_of_its_own(
    recorded, imagined, tmp_path
):
    """Its decisions are not its measurements, so it is not a run that searched here."""
    for one in load_recorded([recorded]):
        result = imagined(one).result
        study = read_entries(result.folder)[0].event.study
        assert study["date"] == time.strftime("%Y-%m-%d", time.gmtime(one.entries[0].at))
        (alone,) = comparisons([result])
        (heading,) = texts_of(describe_comparison(alone).headings)
        assert "search recorded 20" in heading
        assert "trained in its own runs" in heading
        assert "searched" not in heading
        (both,) = comparisons(read_runs([one.source, result.folder]))
        name = one.manifest.arm
        assert [arm.name for arm in both.arms] == [name, f"{name} (search recorded)"]
        assert len({arm.identity for arm in both.arms}) == 2
        (again,) = load_recorded([result.folder])
        assert everything(replay(again, tmp_path / "replayed").folder) == everything(again.source)


def test_networks_that_a_record_refuses_and_the_gates_here_accept_are_named(recorded, imagined):
    """They decide how a baseline fares, so a record cannot refuse them in silence."""
    (one,) = (r for r in load_recorded([recorded]) if r.name.startswith("rand"))
    lint = Rejection(gate="lint", kind="lint", reason="F821: undefined name x")
    forged, step = with_refusal(one, lint)
    (remark,) = (r for r in imagined(forged).remarks if "as refused" in r)
    assert remark.startswith("not trained, because the record has as refused what the gates of")
    assert f"{step} (lint: F821: undefined name x)" in remark


def refused_as_same(child):
    """Whether this machine did not train a child because of its function."""
    return isinstance(child.measured, Rejection) and child.measured.gate == SAME_FUNCTION


def with_behaviours(recorded, behaviour):
    """Forge a run: all of its networks have this digest of behaviour."""
    gated = {
        event.key: replace(event, found=Gated(behaviour=behaviour))
        for event in recorded.events
        if isinstance(event, NetworkGated) and not event.found.refusal
    }
    entries = [replace(e, event=gated.get(e.event.key, e.event)) for e in recorded.entries]
    return replace(recorded, entries=tuple(entries))


def test_networks_that_a_record_alone_has_as_the_same_function_are_trained(recorded, imagined):
    """Digests of a record must not decide what is trained: a baseline would fare as they say."""
    (one,) = (r for r in load_recorded([recorded]) if r.name.startswith("rand"))
    same = Rejection(gate=SAME_FUNCTION, kind="duplicate", reason="computes what seed computes")
    forged, last = with_refusal(one, same)
    accepted = Gated(behaviour="00" * 16)
    forged = replace(forged, entries=tuple(
        replace(e, event=replace(e.event, found=accepted))
        if isinstance(e.event, NetworkGated) and e.event.found.refusal == same else e
        for e in forged.entries
    ))  # fmt: skip
    retrained = imagined(with_behaviours(forged, "00" * 16))
    children = {
        e.step: e for e in read_events(retrained.result.folder) if isinstance(e, ChildDecided)
    }
    assert children[last].outcome == same, "the decision is the record's"
    assert is_charged(children[last].measured)
    assert not any(refused_as_same(child) for child in children.values())
    (remark,) = (r for r in retrained.remarks if "same function" in r)
    assert remark == (
        "trained and charged, because this machine does not find the same function where the "
        f"record does: 1 of its networks, {last}"
    )


class OneFunction(ImaginedTrainings):
    """Gates by which all networks compute the same."""

    def _gates(self, genome, *, seed):
        found = super()._gates(genome, seed=seed)
        return found if found.refusal else Gated(behaviour="00" * 16)


def test_networks_that_are_the_same_function_here_alone_are_trained_as_recorded(
    recorded, tmp_path, tiny
):
    path = next(o for o in tiny if o.startswith("task.path="))
    (one,) = (r for r in load_recorded([recorded]) if r.name.startswith("rand"))
    retrained = retrain(one, tmp_path, OneFunction(), [path])
    children = [e for e in read_events(retrained.result.folder) if isinstance(e, ChildDecided)]
    assert not any(map(refused_as_same, children))
    trained = [child.step for child in children if is_charged(child.measured)]
    (remark,) = (r for r in retrained.remarks if "compute what others" in r)
    assert remark.startswith("trained as recorded, although this machine finds that they compute")
    assert f"{len(trained)} of its networks, {trained[0]}, {trained[1]}, " in remark


def test_answers_that_a_retraining_does_not_ask_for_are_told(recorded, imagined):
    (one,) = (r for r in load_recorded([recorded]) if r.name.startswith("full"))
    more = replace(one.entries[-1], event=call("g9.c9.mutation"))
    remarks = imagined(replace(one, entries=(*one.entries, more))).remarks
    (told,) = (remark for remark in remarks if "not asked for" in remark)
    assert told.startswith("not asked for: ")
    assert "recorded answers, first that to g" in told


@pytest.mark.slow
def test_retraining_gates_here_what_a_record_has_as_accepted(recorded, tmp_path, tiny, executor):
    path = next(o for o in tiny if o.startswith("task.path="))
    (one,) = (r for r in load_recorded([recorded]) if r.name.startswith("full"))
    forged, child = with_code(one, "import os\n\n\n")
    folder = retrain(forged, tmp_path, executor, [path]).result.folder
    events = read_events(folder)
    (now,) = (e for e in events if isinstance(e, ChildDecided) and e.step == child.step)
    assert now.source == child.source
    assert now.outcome == child.outcome, "the decision is the record's"
    assert now.measured.gate == "imports"
    assert Genome.parse(child.source).sha256 not in {
        e.network for e in events if isinstance(e, NetworkTrained)
    }
    told = RecordedGates.of(forged.events).refused_here(events)
    assert told.startswith("not trained, because the gates of this machine refuse what the record")
    assert f"1 of its networks, {child.step} (imports: import of os is not allowed" in told
    assert not RecordedGates.of(one.events).refused_here(read_events(one.source))


def test_retraining_asks_where_the_data_lie(recorded, tmp_path, executor):
    with pytest.raises(InputError, match=r"--set task\.path=FOLDER"):
        retrain(load_recorded([recorded])[0], tmp_path, executor, [])
