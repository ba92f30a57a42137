"""Progress of a run: lines in a pipe, a panel on a terminal."""

from dataclasses import replace

import pytest
from rich.console import Console

from harness.config.schema import Budget
from harness.record.events import RunCompleted, read_event
from harness.runs.display.live_display import LiveDisplay
from harness.tasks.image_classification.wording import WORDING
from tests.support.records import LINT, call, child, evaluated, manifest, reference


def events():
    change = {"operator": "mutation", "segment": "DW", "detail": {}, "calls": []}
    good, bad = evaluated(0.9, 1234), LINT
    yield read_event("training/search/seed/1", good)
    yield reference(good)
    yield call("g0.c0.mutation")
    yield read_event("training/search/abc/1", good)
    yield child("g0.c0", good, variations=[change])
    yield child("g0.c1", bad, variations=[change])
    yield read_event("generation/0", {"population": ["g0.c0"]})
    yield read_event("final/seed/0", {"score": 0.8, "n_params": 1, "train_s": 1.0})
    yield read_event("final/seed/1", {"gate": "train", "kind": "killed", "reason": "was killed"})
    yield RunCompleted()


def display(mode, **limits):
    budget = Budget(evaluations=4, proposals=20, **limits)
    return LiveDisplay(
        "full, seed 0", budget=budget, mode=mode, words=WORDING, training_price=2400.0
    )


def test_plain_lines_name_the_run_and_every_outcome(capsys):
    with display("plain") as shown:
        for event in events():
            shown.show(event)
    assert capsys.readouterr().out.splitlines() == [
        "full, seed 0: seed network: accuracy 90.00%, 1,234 parameters",
        "full, seed 0: g0.c0 mutation of DW: accuracy 90.00%, 1,234 parameters",
        "full, seed 0: g0.c1 refused by lint: F821",
        "full, seed 0: generation 0 done: 1 of 4 evaluations; LLM: 1 call, 100 tokens in, 20 out, "
        "cost unknown",
        "full, seed 0: seed re-trained (1): test accuracy 80.00%",
        "full, seed 0: seed re-trained (2): was killed",
        "full, seed 0: complete",
    ]


def test_the_panel_tells_generation_fates_best_size_and_time_left():
    panel, shown = display("live"), {}
    for event in events():
        panel.show(event)
        console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
        console.print(panel._panel)
        shown[event.key] = " ".join(console.export_text().split())
        console.file.close()
    after = shown["proposal/g0.c1"]
    for told in ("generation 0", "evaluated 1 of 4", "refused 1 lint", "best accuracy 90.00%",
                 "smallest 1,234 parameters", "search time left 4 s"):  # fmt: skip
        assert told in after
    assert "generation 1" in shown["generation/0"]
    assert "complete" in shown["complete"]


def test_a_search_without_generations_is_told_by_its_children(capsys):
    steady = manifest()
    schedule = {"_target_": "harness.SteadyState", "under_way": 8, "workers": 4, "answer": 0.3}
    with display("plain") as shown:
        shown.show(replace(steady, settings={**steady.settings, "schedule": schedule}))
        for event in list(events())[:7]:
            shown.show(event)
            assert "generation" not in " ".join(cell for row in shown.rows() for cell in row)
    out = capsys.readouterr().out
    assert "full, seed 0: 2 children decided: 1 of 4 evaluations; LLM: 1 call" in out
    assert "generation" not in out


def test_a_resumed_run_shows_what_was_done_before_and_prints_none_of_it_again(capsys):
    resumed = display("plain")
    seed = read_event("training/search/seed/1", evaluated(0.95, 2000))
    resumed.recall([seed, *list(events())[2:7]])
    assert capsys.readouterr().out == ""
    text = " ".join(cell for row in resumed.rows() for cell in row)
    assert "1 of 4" in text
    assert "1 lint" in text
    assert "90.00%" in text


def test_all_runs_of_the_command_are_told_with_this_one():
    overall = lambda: "1 of 4 runs complete"  # noqa: E731
    budget = Budget(evaluations=4, proposals=20)
    shown = LiveDisplay("full", budget=budget, mode="live", words=WORDING, overall=overall)
    assert ("all runs", "1 of 4 runs complete") in list(shown.rows())
    assert "all runs" not in dict(display("live").rows())


def test_brackets_are_shown_and_never_taken_for_markup(capsys):
    with display("plain") as shown:
        shown.show(child("g0.c1", LINT | {"reason": "[/] x[0]"}))
    assert "refused by lint: [/] x[0]" in capsys.readouterr().out


def test_the_panel_tells_what_limits_on_seconds_and_cost_have_left():
    change = {"operator": "mutation", "segment": "DW", "detail": {}, "calls": ["g0.c0.mutation"]}
    shown = display("plain", seconds=60, cost=5)
    shown.recall(
        [
            call("g0.c0.mutation", latency_s=4.0, price={"prompt": 5_000, "completion": 25_000}),
            child("g0.c0", evaluated(0.9, 1234), variations=[change]),
        ]
    )
    rows = dict(shown.rows())
    assert rows["seconds"] == "5.5 of 60 s of training and LLM"  # 1.5 and 4
    assert rows["cost"] == "2 of 5"  # 1 for 1.5 s of training, 0.5 for 100 tokens, 0.5 for 20
    shown.recall([call("g0.c1.mutation", latency_s=None)])
    shown.recall([child("g0.c1", LINT, variations=[change | {"calls": ["g0.c1.mutation"]}])])
    assert dict(shown.rows())["seconds"].startswith("unknown of 60 s")
    assert {"seconds", "cost"}.isdisjoint(dict(display("plain").rows()))


def sent(step, tokens):
    usage = {"calls": 1, "prompt_tokens": tokens, "completion_tokens": 100, "cost": None}
    return read_event(f"sent/{step}/0", {"asked": "a", "reserved": usage})


def test_calls_tokens_cost_and_the_nearest_limit_are_told_as_they_happen():
    shown, price = display("plain", tokens=1000), {"prompt": 5_000, "completion": 25_000}
    assert "LLM" not in dict(shown.rows())
    shown.show(sent("g0.c0.mutation", 300))
    assert dict(shown.rows())["LLM"].startswith("0 calls (1 in flight), 0 tokens in, 0 out")
    shown.show(call("g0.c0.mutation", price=price))
    assert dict(shown.rows())["LLM"] == "1 call, 100 tokens in, 20 out, cost 1"
    assert dict(shown.rows())["nearest limit"] == "budget.tokens 12%, 120 of 1,000"
    shown.show(sent("g0.c1.mutation", 300))
    shown.show(call("g0.c1.mutation", prompt_tokens=None))
    told = "2 calls, 100 tokens in, 20 out, unknown of 1 call, cost unknown"
    assert dict(shown.rows())["LLM"] == told
    # As the ledger: unknown usage counts as it was reserved.
    assert dict(shown.rows())["nearest limit"] == "budget.tokens 52%, 520 of 1,000"


def test_the_line_of_a_generation_tells_a_limit_that_is_nearer_than_evaluations(capsys):
    with display("plain", llm_calls=2) as shown:
        for event in list(events())[:7]:
            shown.show(event)
    assert capsys.readouterr().out.endswith("; nearest limit: budget.llm_calls 50%, 1 of 2\n")


def test_a_server_that_reports_no_usage_is_told_as_unknown():
    shown = display("plain")
    shown.show(call("g0.c1.mutation", prompt_tokens=None))
    assert dict(shown.rows())["LLM"] == "1 call, tokens unknown, cost unknown"


def test_calls_of_a_process_that_ended_are_not_in_flight_and_count_as_billed():
    shown = display("plain", tokens=1000)
    shown.recall([sent("g0.c0.mutation", 300)])
    assert "LLM" not in dict(shown.rows())
    again = replace(sent("g0.c0.mutation", 300), attempt=1)
    shown.show(again)
    assert dict(shown.rows())["nearest limit"] == "budget.tokens 40%, 400 of 1,000"


@pytest.mark.parametrize(("chance", "warned"), [(0.1, False), (0.9, True), (0.88, True)])
def test_a_seed_network_that_learnt_nothing_is_warned_of_at_once(capsys, chance, warned):
    found = manifest()
    data = replace(found.data, chance=chance, details={"n_validation": 300})
    with display("plain") as shown:
        shown.show(replace(found, data=data))
        shown.show(reference({"score": 0.9, "n_params": 1234, "train_s": 1.0}))
    assert ("the score of the seed network is at chance" in capsys.readouterr().out) == warned
