"""Journals changed at random, as bytes and as values: each is named or shown, and never a trace."""

import contextlib
import io
import json
import shutil
import sqlite3
import time
import warnings

import pytest

from harness.analysis.comparison import comparisons
from harness.analysis.contribution.attribution import contributions
from harness.analysis.effort.cut import at_equal
from harness.analysis.effort.spent import EFFORTS
from harness.analysis.loading import all_below
from harness.errors import HarnessError, InputError
from harness.record.events import CallRefused, GenerationEnded, ScoreConfirmed
from harness.record.journal import JOURNAL_NAME, Journal, read_events
from harness.record.study import study_of
from harness.reporting.attribution_table import render_contributions
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.html import write_report
from harness.reporting.lineage import describe_lineage
from harness.reporting.tables import STYLES, render_all
from harness.text import visible
from harness.tidy.files import write_files
from tests.support.damaged_runs import drop_checksum
from tests.support.fuzzing import fuzz, mutated
from tests.support.records import LINT, SLOW, evaluated, identify, record_run

_MOST_S = 60.0
_VALUES = (
    None, True, False, 0, -1, 1, 2, 0.5, -0.5, 1.5, 1e308, -1e308, 1e-308, 10**15, 10**19, 10**39,
    "", "x", "\x1b[2J", "\ud800", "a\nb", "../../x", "seed", "g0.c0", "g9.c9", "g99999.c0", "x" * 5000,
    [], [[]], {}, {"": None}, ["seed"], ["g0.c1"], {"_target_": "os.system"}, {"score": 1, "n_params": 1, "train_s": 0},
    {"gate": "train", "kind": "x", "reason": "y"},
)  # fmt: skip


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Two runs that may be compared, with events of most kinds."""
    folder = tmp_path_factory.mktemp("sound")
    children = [
        ("g0.c0", evaluated(0.97, 400)), ("g0.c1", LINT), ("g1.c0", evaluated(0.99, 900)),
        ("g1.c1", SLOW), ("g1.c2", evaluated(0.9, 300)),
    ]  # fmt: skip
    for seed, arm in enumerate(("full", "other")):
        record_run(
            folder / arm, arm=arm, seed=0, children=children, asked="some_LLM",
            price={"prompt": 1.0, "completion": 2.0}, at=float(seed), complete=False,
            details=[{"category": "complex", "character": "neutral", "repairs": "1"}] * 5,
            settings={"confirm": {"seeds": 2}, "ablation": arm, "seed": 0}.items(),
        )  # fmt: skip
        _identify(folder / arm / JOURNAL_NAME, arm)
        with Journal(folder / arm, wait_s=0) as journal:
            journal.record(ScoreConfirmed(step="seed", outcome=(0.9, 0.95), measured=(0.9, 0.95)))
            journal.record(ScoreConfirmed(step="g0.c0", outcome=(0.9,), measured=(0.9,)))
            journal.record(GenerationEnded(number=0, population=("g0.c0",)))
            journal.record(CallRefused(step="g2.c0.mutation", limit="cost"))
    record_run(folder / "third", arm="full", seed=1, children=children)
    return folder


def _identify(file, arm):
    """Have a run state what its settings make, so that a change of either is found."""
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        (text,) = db.execute("SELECT json FROM event WHERE key='manifest'").fetchone()
        identify(stored := json.loads(text), arm=arm, ablation=arm)
        db.execute("UPDATE event SET json=? WHERE key='manifest'", [json.dumps(stored)])
        drop_checksum(db)


def changed_value(value, rng):
    """Return plain values after one random change somewhere within."""
    if isinstance(value, dict | list) and value and rng.random() < 0.9:
        copy = value.copy()
        keys = list(copy) if isinstance(copy, dict) else range(len(copy))
        key = keys[int(rng.integers(0, len(keys)))]
        what = rng.random()
        if what < 0.1:
            del copy[key]
        elif what < 0.2 and isinstance(copy, dict):
            copy[str(_VALUES[int(rng.integers(16, 27))])] = copy.pop(key)
        elif what < 0.3 and isinstance(copy, list):
            copy.append(copy[key])
        else:
            copy[key] = changed_value(copy[key], rng)
        return copy
    if rng.random() < 0.3:
        return _VALUES[int(rng.integers(0, len(_VALUES)))]
    alike = [other for other in _VALUES if type(other) is type(value)]  # which is believed longer
    return alike[int(rng.integers(0, len(alike)))] if alike else value


def change_events(file, rng):
    """Change values, keys, times and numbers of one event or three."""
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        drop_checksum(db)
        rows = db.execute("SELECT seq, key, json FROM event").fetchall()
        for _ in range(int(rng.choice([1, 1, 1, 3]))):
            # The manifest is one event of many, and half of what tables are made of.
            seq, key, text = rows[0 if rng.random() < 0.4 else int(rng.integers(0, len(rows)))]
            match int(rng.integers(0, 12)):
                case 0:
                    db.execute("DELETE FROM event WHERE seq=?", [seq])
                case 1:
                    place = "seq=?", int(rng.integers(-5, 1000))
                    with contextlib.suppress(sqlite3.IntegrityError):
                        db.execute(f"UPDATE event SET {place[0]} WHERE seq=?", [place[1], seq])
                case 2:
                    other = rows[int(rng.integers(0, len(rows)))][1]
                    new = rng.choice([other + "0", key.replace("g0", "g1"), "x", "/", key + "/1"])
                    with contextlib.suppress(sqlite3.IntegrityError):
                        db.execute("UPDATE event SET key=? WHERE seq=?", [str(new), seq])
                case 3:
                    with contextlib.suppress(sqlite3.IntegrityError):
                        at = [0, -1, 1e300, "x", float("inf"), None][int(rng.integers(0, 6))]
                        db.execute("UPDATE event SET at=? WHERE seq=?", [at, seq])
                case 4:
                    changed = mutated(text.encode(), rng)
                    db.execute("UPDATE event SET json=CAST(? AS TEXT) WHERE seq=?", [changed, seq])
                case _:
                    changed = json.dumps(changed_value(json.loads(text), rng))
                    db.execute("UPDATE event SET json=? WHERE seq=?", [changed, seq])


def everything_made_of(folder, out, *, with_page):
    """Make whatever the commands make of the journals below a folder."""
    below = all_below(folder)
    for sentence in below.damaged:
        assert "\n" not in sentence
        assert len(sentence) < 1000
    found = comparisons(below.runs)
    documents = [describe_comparison(one) for one in found]
    for one in found:
        for by in EFFORTS:
            with contextlib.suppress(InputError):  # an effort that is not recorded
                documents.append(describe_comparison(at_equal(one, by, training_price=0.5)))
    text = io.StringIO()
    for style in STYLES:
        text.write(render_all(documents, style))
    for style in ("csv", "json"):
        write_files(below.runs, out, style)
    credit = [one for runs in found for one in contributions(runs)]
    for style in ("markdown", "csv", "json"):
        text.write(render_contributions(credit, style))
    for run in below.runs:
        for candidate in run.candidates:
            text.writelines(map(visible, describe_lineage(run, candidate.step)))  # as it is shown
        with contextlib.suppress(HarnessError):
            study_of(read_events(run.folder), path=run.folder)
    if with_page:
        write_report(found, out, damaged=below.damaged)
    text.getvalue().encode()
    return below


@pytest.mark.timeout(0)
def test_changed_journals_are_named_or_shown_and_hide_no_other(sound, tmp_path):
    seen = {"named": 0, "shown": 0}
    assert not everything_made_of(sound, tmp_path / "out", with_page=True).damaged

    def attempt(rng):
        folder = tmp_path / "runs"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(sound, folder)
        file = folder / "full" / JOURNAL_NAME
        if rng.random() < 0.25:
            file.write_bytes(mutated(file.read_bytes(), rng))
        else:
            change_events(file, rng)
        start = time.monotonic()
        below = everything_made_of(folder, tmp_path / "out", with_page=rng.random() < 0.02)
        seen["named" if below.damaged else "shown"] += 1
        assert {"other", "third"} <= {run.folder.name for run in below.runs}
        with contextlib.suppress(HarnessError), Journal(folder / "full", wait_s=0):
            pass
        assert time.monotonic() - start < _MOST_S

    with warnings.catch_warnings(action="error"):
        n = fuzz(attempt)
    print(f"{n} journals: {seen}")
    assert n
    assert min(seen.values()) or n < 40
