"""Usage of answers from files: recorded and charged as a server's is, or refused in a sentence."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config.schema import Budget, Price
from harness.errors import InputError
from harness.evolution.budget import Ledger
from harness.llm.metering import MeteredModel
from harness.llm.model import Request, Settings, credible
from harness.llm.offline import Exchange
from harness.llm.reported_usage import MOST_BYTES, ReportedUsage, parse_usage
from harness.record.events import CallAnswered
from harness.record.journal import Journal

REPORT = {"prompt_tokens": 800, "completion_tokens": 300, "model": "some-llm-1", "seconds": 12.5}
REQUEST = Request(
    step="g0.c0.mutation", segment="A", prompt="Write code.", seed=0,
    settings=Settings(temperature=0.25, top_p=0.1, max_tokens=900),
)  # fmt: skip


def exchange(folder, *, usage=None):
    """An exchange whose answer, and the usage if any, lie there already."""
    model = Exchange(folder=str(folder), name="bob", settle_s=0.0)
    model._folder.mkdir(parents=True)
    stem = model._folder / f"{REQUEST.step}-{REQUEST.prompt_digest[:8]}"
    stem.with_name(f"{stem.name}.answer.md").write_text("class A: pass")
    if usage is not None:
        stem.with_name(f"{stem.name}.usage.json").write_text(usage)
    return model


def test_reported_usage_is_recorded_and_charged_as_a_servers_is(tmp_path):
    ledger = Ledger(
        budget=Budget(evaluations=1), prices={"bob": Price(prompt=10.0, completion=50.0)}
    )
    with Journal(tmp_path / "run", wait_s=0) as journal:
        model = MeteredModel(exchange(tmp_path / "x", usage=json.dumps(REPORT)), journal, ledger)
        model.complete(REQUEST)
        call = journal.find(CallAnswered, REQUEST.step)
    assert (call.asked, call.model, call.latency_s) == ("bob", "some-llm-1", 12.5)
    assert (call.usage.prompt_tokens, call.usage.completion_tokens) == (800, 300)
    assert ledger.spent.tokens == 1100
    assert ledger.spent.cost == pytest.approx((800 * 10 + 300 * 50) / 1e6)


def test_without_a_report_nothing_is_known_but_the_answer(tmp_path):
    found = exchange(tmp_path).complete(REQUEST)
    assert (found.model, found.asked, found.prompt_tokens, found.latency_s) == (
        "bob", None, None, None,
    )  # fmt: skip


def test_a_malformed_report_is_named_and_the_answer_not_lost(tmp_path):
    model = exchange(tmp_path, usage='{"prompt_tokens": "800"}')
    with pytest.raises(InputError, match=r"usage\.json: prompt_tokens: expected a whole number"):
        model.complete(REQUEST)
    (path,) = model._folder.glob("*.usage.json")
    path.write_text(json.dumps(REPORT))
    assert model.complete(REQUEST).prompt_tokens == 800


def test_an_answer_without_seconds_waits_for_them_where_the_budget_counts_them(tmp_path):
    """It is a file, so that nothing is lost: the same command continues once they are reported."""
    model = exchange(tmp_path / "x", usage='{"model": "some-llm-1"}')
    ledger = Ledger(budget=Budget(evaluations=1, proposals=1, seconds=60.0))
    with Journal(tmp_path / "run", wait_s=0) as journal:
        metered = MeteredModel(model, journal, ledger)
        with pytest.raises(InputError, match=r"as seconds in .*usage\.json, found none"):
            metered.complete(REQUEST)
        assert not journal.all(CallAnswered)
        (path,) = model._folder.glob("*.usage.json")
        path.write_text('{"seconds": 12.5}')
        assert metered.complete(REQUEST).latency_s == 12.5


def test_fewer_tokens_than_the_texts_can_have_are_unknown(tmp_path):
    usage = json.dumps(REPORT | {"prompt_tokens": 0, "completion_tokens": 0})
    found = exchange(tmp_path, usage=usage).complete(REQUEST)
    assert (found.prompt_tokens, found.completion_tokens) == (None, None)


def test_no_tokens_are_enough_for_no_text():
    assert credible(0, "") == 0
    assert credible(0, "x") is None
    assert credible(1, 17 * "x") is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("800", "expected a JSON object with any of prompt_tokens, completion_tokens, model, seco"),
        ("{", "found one that does not parse"),
        ('{"tokens": 1}', "expected a JSON object with any of"),
        ('{"prompt_tokens": -1}', "expected a whole number from 0 to 1,000,000,000, found -1"),
        ('{"prompt_tokens": true}', "expected a whole number"),
        ('{"completion_tokens": 1.5}', "expected a whole number"),
        ('{"seconds": NaN}', "expected a finite number, got NaN"),
        ('{"seconds": 1e9}', "seconds: expected seconds from 0 to 604,800"),
        ('{"model": ["a"]}', "model: expected one line of text"),
        ('{"model": "a\\u001b[2J"}', "model: expected one line of text, found 'a"),
        ('{"model": "' + "a" * 300 + '"}', "model: expected one line of text"),
        ("[" * 5000, f"expected at most {MOST_BYTES:,} bytes"),
    ],
)
def test_anything_else_is_one_sentence(text, told):
    with pytest.raises(ValueError, match="expected") as error:
        parse_usage(text)
    assert told in str(error.value)
    assert str(error.value).isprintable()


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
reports = st.dictionaries(st.sampled_from([*REPORT, "other"]), plain | st.lists(plain), max_size=4)


@given(reports | plain | st.lists(plain, max_size=3))
def test_any_report_is_read_whole_or_refused(report):
    reason = ""
    try:
        found = parse_usage(json.dumps(report))
    except ValueError as error:
        reason = str(error)
    else:
        assert vars(found) == vars(ReportedUsage()) | report
    assert reason.isprintable()
