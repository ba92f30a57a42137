"""Progress of a run: lines in a pipe, a panel on a terminal."""

from rich.console import Console

from harness.config.schema import Budget
from harness.record.events import RunCompleted, read_event
from harness.runs.live_display import LiveDisplay
from harness.tasks.image_classification.wording import WORDING
from tests.support.records import LINT, call, child, evaluated, reference


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


def test_a_resumed_run_shows_what_was_done_before_and_prints_none_of_it_again(capsys):
    resumed = display("plain")
    seed = read_event("training/search/seed/1", evaluated(0.95, 2000))
    resumed.recall([seed, *list(events())[2:7]])
    assert capsys.readouterr().out == ""
    text = " ".join(cell for row in resumed.rows() for cell in row)
    assert "1 of 4" in text
    assert "1 lint" in text
    assert "90.00%" in text


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
