"""What a person sees: lines in a pipe, a panel on a terminal, a table that fits."""

import re

import pytest
from rich.console import Console

from harness.record.journal import Event
from harness.reporting.console import Display, show_sections, show_table
from tests.support.records import LINT, evaluated


def events():
    variation = {"operator": "mutation", "segment": "DW", "detail": {}, "calls": []}
    good, bad = evaluated(0.9, 1234), LINT
    for key, content in (
        ("training/search/seed/1", good),
        ("reference", {"measured": good}),
        ("call/g0.c0.mutation", {}),
        ("training/search/abc/1", good),
        ("proposal/g0.c0", {"measured": good, "variations": [variation]}),
        ("proposal/g0.c1", {"measured": bad, "variations": [variation]}),
        ("generation/0", {"population": ["g0.c0"]}),
        ("final/seed/0", {"score": 0.8, "n_params": 1, "train_s": 1.0}),
        ("final/seed/1", {"gate": "train", "reason": "was killed"}),
        ("complete", {}),
    ):
        yield Event(key=key, content=content, at=0.0)


def test_plain_lines_name_the_run_and_every_outcome(capsys):
    with Display("full, seed 0", evaluations=4, mode="plain") as display:
        for event in events():
            display.show(event)
    assert capsys.readouterr().out.splitlines() == [
        "full, seed 0: seed network: accuracy 90.00%, 1,234 parameters",
        "full, seed 0: g0.c0 mutation of DW: accuracy 90.00%, 1,234 parameters",
        "full, seed 0: g0.c1 refused by lint: F821",
        "full, seed 0: seed re-trained (1): test accuracy 80.00%",
        "full, seed 0: seed re-trained (2): was killed",
        "full, seed 0: complete",
    ]


def test_the_panel_tells_generation_fates_best_size_and_time_left():
    display = Display("full, seed 0", evaluations=4, mode="live")
    shown = {}
    for event in events():
        display.show(event)
        console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
        console.print(display.__rich__())
        shown[event.key] = " ".join(console.export_text().split())
        console.file.close()
    after = shown["proposal/g0.c1"]
    for told in ("generation 0", "evaluated 1 of 4", "refused 1 lint", "best accuracy 90.00%",
                 "smallest 1,234 parameters", "search time left 4 s"):  # fmt: skip
        assert told in after
    assert "generation 1" in shown["generation/0"]
    assert "complete" in shown["complete"]


@pytest.mark.parametrize(("width", "others"), [(80, ["full"]), (110, ["full", "no_eot", "no_crp"])])
def test_a_few_arms_fit_a_terminal_without_breaking_a_word(monkeypatch, capsys, width, others):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    header = ["arm", "test acc. % of the pick", "parameters"]
    rows = [
        [name, "98.61 ± 0.56", "254,806"] for name in ("seed network", *others, "random_mutation")
    ]
    show_table([header, *rows], title="digits", notes=["note"])
    out = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    assert max(map(len, out.splitlines())) <= width
    for word in ("random_mutation", "98.61 ± 0.56", "254,806", "test acc. % of the pick"):
        assert word in out


def test_a_resumed_run_shows_what_was_done_before_and_prints_none_of_it_again(capsys):
    display = Display("full, seed 0", evaluations=4, mode="plain")
    seed = Event(key="training/search/seed/1", content=evaluated(0.95, 2000), at=0.0)
    display.recall([seed, *list(events())[2:7]])
    assert capsys.readouterr().out == ""
    text = " ".join(str(cell) for column in display.__rich__().columns for cell in column._cells)
    assert "1 of 4" in text
    assert "1 lint" in text
    assert "90.00%" in text


def test_brackets_are_shown_and_never_taken_for_markup(capsys):
    show_sections({"[red]found[/]": [["arm", "p [95 % CI]"], ["full", "1 [0, 2]"]]}, title="[b]", notes=["[quartiles]"])  # fmt: skip
    out = capsys.readouterr().out
    for told in ("[red]found[/]", "p [95 % CI]", "1 [0, 2]", "[b]", "[quartiles]"):
        assert told in out
    event = Event(key="proposal/g0.c1", content={"measured": LINT | {"reason": "[/] x[0]"}}, at=0.0)
    with Display("full, seed 0", evaluations=4, mode="plain") as display:
        display.show(event)
    assert "refused by lint: [/] x[0]" in capsys.readouterr().out
