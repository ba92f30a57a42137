"""Tables that fit a terminal and show every character."""

import re

import pytest

from harness.reporting.console import show_sections, show_table


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


def test_brackets_are_shown_and_never_taken_for_markup(capsys):
    show_sections({"[red]found[/]": [["arm", "p [95 % CI]"], ["full", "1 [0, 2]"]]}, title="[b]", notes=["[quartiles]"])  # fmt: skip
    out = capsys.readouterr().out
    for told in ("[red]found[/]", "p [95 % CI]", "1 [0, 2]", "[b]", "[quartiles]"):
        assert told in out
