"""MeteredModel of a run against a real journal, a real ledger and a real server: nothing is paid twice."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config.schema import Budget
from harness.errors import BudgetSpent, InputError, MachineError
from harness.evolution.budget import Demand, Ledger, Usage, cost_of
from harness.llm.metering import MeteredModel
from harness.llm.model import Failure
from harness.llm.openai_client import OpenAI
from harness.llm.replies import ReplyReader
from harness.llm.transport import Reply
from harness.record.events import CallAnswered
from harness.record.journal import Journal, read_events
from tests.support.llm_server import completion, cut, error, finished, says, serving
from tests.support.metered import PRICE, Model, answer, ledger, request


def client(server, **more):
    settings = {
        "name": "m", "server": "s", "base_url": server.url, "key_env": None, "timeout_s": 5,
        "attempts": 3, "concurrency": 1, "backoff_s": 0.01, "backoff_max_s": 0.01,
        "patience_s": 60, "tokens_field": "max_tokens", "omit": [], "extra": {},
    }  # fmt: skip
    return OpenAI(**settings | more)


def test_what_may_have_been_billed_counts_as_spent_and_the_rest_does_not(journal):
    books = ledger()
    MeteredModel(Model("timeout", "rate", "unreachable", "cut", "server"), journal, books).complete(
        request()
    )
    worst = len("Write code.") + 64
    assert books.spent.calls == 3  # two lost, one answered
    assert books.spent.prompt_tokens == 2 * worst + 10
    assert books.spent.completion_tokens == 2 * 100 + 5
    kinds = [e.content["kind"] for e in read_events(journal.folder) if e.KIND == "failed"]
    assert kinds == ["timeout", "rate", "unreachable", "cut", "server"]


def test_an_unknown_usage_costs_what_was_reserved(journal):
    books = ledger()
    reply = answer(prompt_tokens=None, completion_tokens=None)
    MeteredModel(Model(reply=reply), journal, books).complete(request())
    assert books.spent.completion_tokens == 100
    assert books.spent.cost == pytest.approx(cost_of(PRICE, len("Write code.") + 64, 100))


def test_a_crash_between_sending_and_answer_is_spent_and_the_answer_is_asked_for_again(journal):
    model = Model(dies=True)
    with pytest.raises(MachineError):
        MeteredModel(model, journal, ledger()).complete(request())
    model.dies, books = False, ledger()
    assert MeteredModel(model, journal, books).complete(request()).text == "code"
    assert books.spent.completion_tokens == 100 + 5
    keys = [e.key for e in read_events(journal.folder)]
    assert keys == ["sent/g0.c0.mutation/0", "sent/g0.c0.mutation/1", "call/g0.c0.mutation"]
    later = ledger()
    MeteredModel(Model(), journal, later).complete(request())
    assert later.spent == books.spent  # read back from the journal alone


@pytest.mark.parametrize(
    ("limit", "value", "n"),
    [("llm_calls", 3, 3), ("tokens", 3 * 175, 24), ("prompt_tokens", 200, 13),
     ("completion_tokens", 200, 21), ("cost", 1.2, 3)],
)  # fmt: skip
def test_a_limit_is_never_overspent_and_says_which_it_was(journal, limit, value, n):
    """Worst case of a call: 75 prompt tokens, 100 new ones, 1.075; it comes to 10, 5 and 0.06."""
    books = ledger(**{limit: value})
    calls = MeteredModel(Model(), journal, books)
    for k in range(n):
        calls.complete(request(f"g0.c{k}.mutation"))
    with pytest.raises(BudgetSpent, match=f"budget.{limit}"):
        calls.complete(request(f"g0.c{n}.mutation"))
    assert books.refused_by == limit
    assert not books.admit()
    again = ledger(**{limit: value})
    with pytest.raises(BudgetSpent, match=f"budget.{limit}"):  # remembered, not decided anew
        MeteredModel(Model(), journal, again).complete(request(f"g0.c{n}.mutation"))


def test_a_limit_on_cost_wants_the_price(journal):
    books = Ledger(budget=Budget(evaluations=1, proposals=1, cost=5.0), prices={"other": PRICE})
    model = Model()
    with pytest.raises(InputError, match=r"price of m, which conf/prices does not know.*other"):
        MeteredModel(model, journal, books).complete(request())
    assert model.asked == 0


@given(st.data())
def test_reservations_and_charges_add_up(data):
    """Any order of holding, settling and refusing leaves the books right and the cap kept."""
    cap = data.draw(st.integers(1, 40))
    books, held, spent = ledger(tokens=cap), [], 0
    for _ in range(data.draw(st.integers(1, 30))):
        if held and data.draw(st.booleans()):
            worst = held.pop(data.draw(st.integers(0, len(held) - 1)))
            actual = data.draw(st.integers(0, worst.tokens))
            books.settle(worst, Usage(prompt_tokens=actual))
            spent += actual
        else:
            worst = Usage(completion_tokens=data.draw(st.integers(0, 9)))
            room = spent + sum(h.tokens for h in held) + worst.tokens <= cap
            assert (books.reserve(worst) is None) == room
            held += [worst] * room
        assert books.spent.tokens == spent
        assert spent + sum(h.tokens for h in held) <= cap


def test_near_a_limit_calls_go_one_at_a_time_for_the_order_decides_then():
    def at_once(**limits):
        return ledger(**limits).side_by_side(6, 8, Demand(calls=4, tokens=1400))

    assert at_once() == ledger().side_by_side(6, 8, Demand()) == 8
    assert (at_once(llm_calls=10**9), at_once(tokens=10**9)) == (8, 8)
    for unknown in (Demand(), Demand(calls=4), Demand(tokens=1400)):
        assert ledger(llm_calls=10**9).side_by_side(6, 8, unknown) == 1
    assert ledger(llm_calls=1).side_by_side(6, 8, Demand(calls=0)) == 8
    assert (at_once(llm_calls=24), at_once(llm_calls=23)) == (8, 1)
    assert (at_once(tokens=10**8), at_once(tokens=10**5)) == (8, 1)
    assert (at_once(cost=10**5), at_once(cost=10.0)) == (8, 1)


def test_what_earlier_processes_spent_counts_before_anything_is_sent(journal):
    """Children later in order lost calls; the first child's must see that."""
    for k in (5, 6, 7):
        with pytest.raises(MachineError):
            MeteredModel(Model(dies=True), journal, ledger()).complete(request(f"g0.c{k}.mutation"))
    books, model = ledger(llm_calls=4), Model()
    calls = MeteredModel(model, journal, books)
    calls.complete(request("g0.c0.mutation"))
    with pytest.raises(BudgetSpent):
        calls.complete(request("g0.c1.mutation"))
    assert model.asked == 1


def test_an_answer_that_stays_without_text_costs_one_call(journal):
    with serving() as server:
        server.always = says(200, finished("content_filter", None))
        model = client(server)
        books = ledger(llm_calls=3)
        assert MeteredModel(model, journal, books).complete(request()).text == ""
    assert books.spent.calls == len(server.seen) == 3


NO_TEXT = {
    "refused": says(400, {"error": {"message": "This model's maximum context length is 8192"}}),
    "filtered": says(200, finished("content_filter", "")),
}


@pytest.mark.parametrize("what", NO_TEXT)
def test_an_answer_without_text_has_its_seconds_and_is_asked_for_once(journal, what):
    """Else budget.seconds would end the run for good, and each restart would pay again."""
    with serving() as server:
        server.always = NO_TEXT[what]
        books = ledger(seconds=60.0)
        assert MeteredModel(client(server), journal, books).complete(request()).text == ""
        n = len(server.seen)
        MeteredModel(client(server), journal, ledger(seconds=60.0)).complete(request())
        assert len(server.seen) == n == (1 if what == "refused" else 3)
    assert 0 < journal.find(CallAnswered, "g0.c0.mutation").latency_s < 60


@given(
    status=st.sampled_from([200, 204, 301, 400, 401, 403, 429, 500, 504]),
    body=st.one_of(
        st.binary(max_size=99),
        st.sampled_from([json.dumps(finished(r, t)).encode() for r in ("stop", "length",
            "content_filter", None) for t in ("", "code")]),
        st.sampled_from([b'{"error": {"message": "context length"}}', b"content policy"]),
    ),
)  # fmt: skip
def test_whatever_a_server_replies_has_a_duration(status, body):
    read = ReplyReader(name="m", endpoint="e").read(
        Reply(status=status, headers={}, body=body), prompt="Do.", applied={}, started=-1.0
    )
    assert read.latency_s > 0


@pytest.mark.parametrize("tokens", [(11, 101), (76, 7), (10**9, 10**9)])
def test_more_tokens_than_were_reserved_are_charged_and_told_once(journal, tokens, capsys):
    books = ledger()
    reply = answer(prompt_tokens=tokens[0], completion_tokens=tokens[1])
    calls = MeteredModel(Model(reply=reply), journal, books)
    for k in range(2):
        calls.complete(request(f"g0.c{k}.mutation"))
    assert books.spent.tokens == 2 * sum(tokens)
    told = capsys.readouterr().out
    assert told.count("expected at most 75 tokens of the prompt and 100 of the answer") == 1
    MeteredModel(Model(), journal, ledger()).complete(request("g0.c9.mutation"))
    assert not capsys.readouterr().out


def test_a_wrong_key_costs_nothing(journal):
    with serving() as server:
        server.always = error(401)
        for _ in range(3):
            model = client(server)
            books = ledger(llm_calls=1)
            with pytest.raises(InputError, match="expected a key"):
                MeteredModel(model, journal, books).complete(request())
    assert books.spent.calls == 0


def faults(seed):
    """A server's day: most of it well, the rest as bad as can be."""
    rng, mutex = Random(seed), threading.Lock()
    bad = [error(429), error(500), error(503, retry_after="0.01"), cut, says(200, "<html>"),
           says(200, completion(choices=[]))]  # fmt: skip

    def act(handler):
        with mutex:
            act_out = rng.choice(bad) if rng.random() < 0.4 else says()
            handler.server.answered += act_out not in bad
        act_out(handler)

    return act


@pytest.mark.parametrize("seed", range(3))
def test_under_100_concurrent_calls_and_random_faults_the_cap_holds_and_no_answer_is_lost(
    seed, tmp_path
):
    with serving() as server, Journal(tmp_path / "run", wait_s=0) as journal:
        server.answered, server.always = 0, faults(seed)
        model = client(server, attempts=9, concurrency=100, backoff_s=0.005, backoff_max_s=0.02)
        books = ledger(cost=25.0)
        calls = MeteredModel(model, journal, books)

        def ask(k):
            try:
                return calls.complete(request(f"g0.c{k}.mutation"))
            except BudgetSpent:
                return None

        with ThreadPoolExecutor(100) as pool:
            done = list(pool.map(ask, range(100)))
        events = read_events(journal.folder)
        recorded = [e for e in events if e.KIND == "call"]
        refused = [e for e in events if e.KIND == "refused"]
        # Every answer that the server gave, and was paid for, is in the journal once.
        assert len(recorded) == server.answered == sum(d is not None for d in done)
        assert len(recorded) + len(refused) == 100
        assert len(refused) > 0
        lost = sum(Failure(**e.content).perhaps_billed for e in events if e.KIND == "failed")
        worst = cost_of(PRICE, len("Write code.") + 64, 100)
        known = cost_of(PRICE, 11, 7)
        assert books.spent.cost == pytest.approx(lost * worst + len(recorded) * known)
        assert books.spent.cost <= 25.0
        again = ledger(cost=25.0)  # the same books, from the journal alone, and nothing is sent
        n, later = len(server.seen), MeteredModel(model, journal, again)
        assert [
            later.complete(request(f"g0.c{k}.mutation"))
            for k, then in enumerate(done) if then is not None
        ] == [then for then in done if then is not None]  # fmt: skip
        assert len(server.seen) == n
        assert again.spent.calls == books.spent.calls
        assert again.spent.cost == pytest.approx(books.spent.cost)
