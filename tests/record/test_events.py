"""Events: stored as format 4 says, read back as they were, refused where they do not fit."""

import json
import sqlite3
import zipfile
from collections import Counter

import pytest

from harness.config.schema import Price
from harness.errors import RecordError
from harness.evolution.budget import Usage
from harness.evolution.candidate import Evaluation, Gated, Rejection, Variation
from harness.record import events as e
from harness.record.archive import read_archive
from harness.record.circumstances import CodeChanged
from harness.record.event import Event
from harness.record.journal import JOURNAL_NAME, Journal, read_events
from tests.conftest import ROOT
from tests.support.damaged_runs import drop_checksum
from tests.support.records import manifest

ARCHIVES = sorted(
    [*(ROOT / "reproductions").rglob("*.zip"), ROOT / "tests" / "golden" / "format_3_of_0.1.0.zip"]
)
GOOD = Evaluation(score=0.9, n_params=10, train_s=1.5, n_state=2, flops=30)
GOOD_JSON = {"score": 0.9, "n_params": 10, "train_s": 1.5, "n_state": 2, "flops": 30}
BAD = Rejection(gate="lint", kind="lint", reason="F821")
BAD_JSON = {"gate": "lint", "kind": "lint", "reason": "F821"}
USAGE = Usage(calls=1, prompt_tokens=20, completion_tokens=10, cost=None)
CALL = {
    "segment": "A", "prompt": "p", "requested": {"max_tokens": 9}, "answer": "a", "model": "m-1",
    "date": "2026-01-02", "asked": "m", "finish_reason": "stop", "prompt_tokens": 2,
    "completion_tokens": 3, "latency_s": 0.5, "headers": {"id": "x"}, "applied": None,
}  # fmt: skip
STORED = [
    ("reference", {"digest": "d", "source": "s", "outcome": GOOD_JSON, "measured": BAD_JSON},
     e.ReferenceEvaluated(digest="d", source="s", outcome=GOOD, measured=BAD)),
    ("gates/ab12", {}, e.NetworkGated(text="ab12", found=Gated())),
    ("gates/ab12", BAD_JSON, e.NetworkGated(text="ab12", found=Gated(refusal=BAD))),
    (
        "gates/ab12", {"behaviour": "0f" * 16},
        e.NetworkGated(text="ab12", found=Gated(behaviour="0f" * 16)),
    ),
    ("training/search/d/7", GOOD_JSON,
     e.NetworkTrained(purpose=e.Purpose("search"), network="d", seed=7, outcome=GOOD)),
    ("training/search-3/d/7", BAD_JSON,
     e.NetworkTrained(purpose=e.Purpose("search", 3), network="d", seed=7, outcome=BAD)),
    ("sent/g0.c1.mutation/2",
     {"asked": "m",
      "reserved": {"calls": 1, "prompt_tokens": 20, "completion_tokens": 10, "cost": None}},
     e.RequestSent(step="g0.c1.mutation", attempt=2, asked="m", reserved=USAGE)),
    ("failed/g0.c1.mutation/2",
     {"kind": "rate", "told": "slow down", "latency_s": 0.1, "retry_after_s": 4.0},
     e.RequestFailed(step="g0.c1.mutation", attempt=2, kind="rate", told="slow down",
                     latency_s=0.1, retry_after_s=4.0)),
    ("refused/g0.c1.mutation", {"limit": "tokens"},
     e.CallRefused(step="g0.c1.mutation", limit="tokens")),
    ("refused/g0.c2.mutation", {"limit": "cost", "reserved": vars(Usage(calls=1, cost=0.5))},
     e.CallRefused(step="g0.c2.mutation", limit="cost", reserved=Usage(calls=1, cost=0.5))),
    ("call/g0.c1.mutation",
     {**CALL, "step": "g0.c1.mutation", "price": {"prompt": 1.0, "completion": 4.0}},
     e.CallAnswered(step="g0.c1.mutation", price=Price(prompt=1.0, completion=4.0), **CALL)),
    ("confirmed/g0.c1", {"outcome": {"scores": []}, "measured": {"scores": [0.9, 0.8]}},
     e.ScoreConfirmed(step="g0.c1", outcome=(), measured=(0.9, 0.8))),
    ("proposal/g0.c1",
     {"generation": 0, "parents": ["seed"], "digest": None, "source": None,
      "variations": [{"operator": "mutation", "segment": "A", "detail": {"repairs": "1"},
                      "calls": ["g0.c1.mutation"]}],
      "outcome": GOOD_JSON, "measured": BAD_JSON},
     e.ChildDecided(
         step="g0.c1", generation=0, parents=("seed",), digest=None, source=None,
         variations=(Variation(operator="mutation", segment="A", detail={"repairs": "1"},
                               calls=("g0.c1.mutation",)),),
         outcome=GOOD, measured=BAD)),
    ("generation/3", {"population": ["g0.c1", "seed"]},
     e.GenerationEnded(number=3, population=("g0.c1", "seed"))),
    ("final/g0.c1/2", GOOD_JSON, e.NetworkRetrained(step="g0.c1", k=2, outcome=GOOD)),
    ("code/0", {"code": {"harness/evolution/loop.py": "d"}, "commit": "c"},
     CodeChanged(number=0, code={"harness/evolution/loop.py": "d"}, commit="c")),
    ("complete", {}, e.RunCompleted()),
]  # fmt: skip


@pytest.mark.parametrize(("key", "content", "event"), STORED, ids=[key for key, _, _ in STORED])
def test_an_event_is_stored_as_format_4_says_and_read_back(tmp_path, key, content, event):
    with Journal(tmp_path, wait_s=0) as journal:
        journal.record(event)
    with sqlite3.connect(tmp_path / JOURNAL_NAME) as db:
        rows = db.execute("SELECT key, kind, json FROM event").fetchall()
    db.close()
    assert [(k, kind, json.loads(text)) for k, kind, text in rows] == [
        (key, key.partition("/")[0], content)
    ]
    assert read_events(tmp_path) == [event]


def test_the_manifest_keeps_whatever_a_task_records_of_its_data():
    data = {"name": "x", "digest": "d", "kind": "k", "chance": 0.5, "n_train": 5, "window": [1, 2]}
    event = manifest(data=data, config={"seed": 3})
    assert event.data.details == {"n_train": 5, "window": [1, 2]}
    assert event.settings == {"seed": 3}
    assert event.content["data"] == data
    assert event.content["config"] == {"seed": 3}
    assert e.read_event("manifest", json.loads(json.dumps(event.content))) == event


def test_every_kind_is_stored_above():
    kinds = set(Event.__subclasses__()) - {e.Manifest}
    assert {type(event) for _, _, event in STORED} == kinds


def leaves(value):
    """Yield all that nested plain values hold, without the names."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from leaves(inner)
    else:
        yield repr(value)


@pytest.mark.parametrize("path", ARCHIVES, ids=lambda path: path.stem)
def test_events_of_format_3_are_written_as_those_of_format_4_and_lose_nothing(path):
    with zipfile.ZipFile(path) as archive:
        lines = [json.loads(line) for line in archive.read("events.jsonl").splitlines()]
    _, entries = read_archive(path)
    for line, entry in zip(lines, entries, strict=True):
        key, content = entry.event.key, entry.event.content
        assert (key, entry.at) == (line["key"], line["at"])
        assert e.read_event(key, json.loads(json.dumps(content))) == entry.event
        if entry.event.KIND == "manifest":
            changed = {"config", "data"}
            assert all(content[k] == v for k, v in line["content"].items() if k not in changed)
            assert content["data"].items() >= line["content"]["data"].items()
            assert content["config"].keys() == line["content"]["config"].keys()
        elif entry.event.KIND in {"call", "sent", "gates", "generation", "complete"}:
            assert content == line["content"]
        else:  # some names have changed
            assert Counter(leaves(content)) == Counter(leaves(line["content"]))


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("rumour/1", {}),
        ("generation", {"population": []}),
        ("generation/one", {"population": []}),
        ("generation/1/2", {"population": []}),
        ("generation/1", {}),
        ("complete", {"x": 1}),
        ("training/search/d/7", {"score": 0.5}),
        ("refused/g0.c0.mutation", {"limit": "tokens", "more": 1}),
    ],
)
def test_a_row_that_is_no_event_of_a_run_is_named(tmp_path, key, content):
    with Journal(tmp_path, wait_s=0) as journal, journal._db:
        drop_checksum(journal._db)
        journal._db.execute(
            "INSERT INTO event(key, kind, json, at) VALUES (?, ?, ?, 0)",
            (key, key.partition("/")[0], json.dumps(content)),
        )
    with pytest.raises(RecordError, match=rf"expected the events of a run, {key} "):
        read_events(tmp_path)
