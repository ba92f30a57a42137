"""Text of servers, candidates and tools has no effect where it is shown."""

import ast
import csv
import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.contribution.attribution import Contribution
from harness.errors import InputError, RecordError
from harness.evaluation.gates import STATIC_GATES
from harness.evolution.candidate import Rejection
from harness.evolution.genome import Genome
from harness.record.journal import JOURNAL_NAME
from harness.reporting.attribution_table import render_contributions
from harness.reporting.console import Panel, show_lines, show_sections, show_table
from harness.reporting.formatting import ARM, Column, spreadsheet
from harness.reporting.notes.note import Note
from harness.reporting.tables import STYLES, Document, Table, render
from harness.terminal import fail, say
from harness.text import INVISIBLE, REASON_CHARACTERS, each_text, one_line, reason_of, visible
from tests.support.commands import run_main
from tests.support.modules import MODULES
from tests.support.records import evaluated, record_run

HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\n\u202e\x9b\u2028|<img src=x>[a](http://b)&amp;\ud800"


def invisible(text, but="\n"):
    return [c for c in text if unicodedata.category(c) in INVISIBLE and c not in but]


def test_invisible_characters_become_escapes_and_the_rest_stays():
    assert visible("a\u202eb\tc\n\x1b\r\U000e0001") == "a\\u202eb\tc\n\\u001b\\u000d\\U000e0001"
    assert visible("é – 你好 \u00a0 x\n\ty") == "é – 你好 \u00a0 x\n\ty"
    assert one_line("a\r\nb\tc\u2028d\x1b") == "a  b c d\\u001b"
    assert reason_of("x" * 50_000) == "x" * REASON_CHARACTERS
    assert len(reason_of("\x1b" * 50_000)) == REASON_CHARACTERS
    assert each_text({"\x1b": [("\x07", 1, None)]}, visible) == {"\\u001b": [("\\u0007", 1, None)]}


@given(st.text(alphabet=st.characters()))
def test_no_text_keeps_an_invisible_character(text):
    assert not invisible(visible(text), but="\n\t")
    assert not invisible(one_line(text), but="")
    assert visible(visible(text)) == visible(text)
    assert one_line(text).isprintable()


@pytest.mark.parametrize("gate", STATIC_GATES, ids=lambda gate: gate.name)
def test_the_reason_of_every_gate_is_a_short_line(gate):
    long = "x" * 50_000
    sources = {
        "intake": f"\x1b[2J{long}",
        "parse": f"def {long}(:\n",
        "lint": f"__all__ = ['\\x1b[31m\\n{long}']\n",
        "imports": f"import {long}\n",
    }
    refusal = gate.refusal(Genome.parse(f"# segment: A\nA = 1\n{sources[gate.name]}"))
    assert 0 < len(refusal.reason) <= REASON_CHARACTERS
    assert not invisible(refusal.reason, but="")


def test_a_rejection_that_anybody_makes_has_a_short_line_for_a_reason():
    reason = Rejection(gate="mine", kind="mine", reason=f"{HOSTILE}{'y' * 50_000}").reason
    assert len(reason) == REASON_CHARACTERS
    assert not invisible(reason, but="")


@pytest.fixture
def document():
    said = Column(name="said", heading="said")
    row = {"arm": f"=cmd|{HOSTILE}", "said": HOSTILE}
    table = Table(name="t", shows=HOSTILE, columns=(ARM, said), rows=(row,), notes=(HOSTILE,))
    return Document(
        title=HOSTILE,
        headings=(Note(HOSTILE),),
        tables=(table,),
        headline=HOSTILE,
        notes=(Note(HOSTILE),),
    )


@pytest.mark.parametrize("style", STYLES)
def test_tables_hold_no_invisible_characters_in_any_style(document, style):
    text = render(document, style)
    assert not invisible(text)
    n_lines = {"markdown": 15, "csv": 2}.get(style)
    assert n_lines is None or len(text.splitlines()) == n_lines


def test_markdown_makes_no_tag_link_or_cell_of_a_text(document):
    text = render(document, "markdown")
    assert "<img" not in text.replace(r"\<img", "")
    assert "](http" not in text
    assert "&amp" not in text.replace(r"\&amp", "")
    (row,) = [line for line in text.splitlines() if "=cmd" in line]
    assert row.replace(r"\|", "").count("|") == 3


def test_a_spreadsheet_finds_no_formula(document):
    (row,) = csv.DictReader(io.StringIO(render(document, "csv")))
    assert row["arm"].startswith("'=cmd")
    one = Contribution(
        comparison="+1", arm="-1", by="@x", name="=1+1", proposed=1, same_function=0, accepted=0,
        improving=0, on_front=0,
    )  # fmt: skip
    _, row = csv.reader(io.StringIO(render_contributions([one], "csv")))
    assert row == ["'+1", "'-1", "'@x", "'=1+1", "1", "0", "0", "0", "0"]
    assert json.loads(render_contributions([one], "json"))[0]["name"] == "=1+1"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("＝1+1", "'＝1+1"), ("\uff0d1", "'\uff0d1"), (" =1", "' =1"), ("x;=1+1", "x;'=1+1"),
     ("x;;＠a", "x;;'＠a"), ("a|-1;+2", "a|'-1;'+2"), ("a - b = c", "a - b = c"), ("", ""), (";", ";"),
     (-1.5, -1.5), (None, None)],
)  # fmt: skip
def test_no_cell_of_any_spreadsheet_begins_like_a_formula(text, shown):
    assert spreadsheet(text) == shown


def test_no_command_prints_an_invisible_character(capsys):
    say(HOSTILE)
    say(HOSTILE, error=True)
    with pytest.raises(SystemExit):
        fail(InputError(HOSTILE))
    show_lines([HOSTILE, f"+{HOSTILE}"])
    rows = [["name", HOSTILE], [HOSTILE, HOSTILE]]
    show_table(rows, title=HOSTILE, notes=[HOSTILE])
    show_sections({HOSTILE: rows}, title=HOSTILE, notes=[HOSTILE])
    Panel(list, mode="plain").print(HOSTILE)
    out, err = capsys.readouterr()
    assert not invisible(out + err)
    assert "\\u001b" in out
    assert "\\u001b" in err


@pytest.mark.parametrize(
    "show",
    [
        say,
        lambda *lines: say(*lines, error=True),
        lambda *lines: show_lines(lines),
        lambda *lines: show_lines(f"+{line}" for line in lines),
        lambda *lines: list(map(Panel(list, mode="plain").print, lines)),
        lambda *lines: show_table([["a", "b"]], title="t", headings=lines, notes=[]),
        lambda *lines: show_table([["a", "b"]], title="t", notes=lines),
        lambda *lines: show_table([["a", "b"], *([line, line] for line in lines)], title="t", notes=[]),
        lambda *lines: show_sections({"s": [["a", *lines], ["b", *lines]]}, title="t", notes=[]),
        lambda *lines: show_sections({"s": [["a"], ["b"]]}, title="t", headings=lines, notes=lines),
    ],
)  # fmt: skip
def test_no_text_begins_a_line_of_its_own(show, capsys):
    """Such a line could pass for one of the command's own, such as ``error: run this``."""
    shown = []
    for end in ("\n", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", " "):
        show(f"a{end}b", f"c{end}d")
        out, err = capsys.readouterr()
        shown.append(len((out + err).splitlines()))
    assert len(set(shown)) == 1


def test_an_error_has_a_line_for_each_sentence(capsys):
    with pytest.raises(SystemExit):
        fail(RecordError("one\nerror: forged", "two"))
    assert capsys.readouterr().err == "error: one error: forged\nerror: two\n"
    assert str(RecordError("one", "two")) == "one\ntwo"


def test_only_say_and_the_console_print_what_is_no_whole_document():
    """A document escapes its texts as its format has it."""
    documents = {"published_text", "render_all", "render_contributions", "dumps"}
    for name, path in MODULES.items():
        if name == "terminal":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print":
                (printed,) = node.args
                called = getattr(printed, "func", None)
                assert getattr(called, "attr", getattr(called, "id", "")) in documents, name


def test_commands_print_no_line_that_a_run_brings_along(tmp_path):
    forged = "c\nerror: forged"
    record_run(tmp_path / "ok", arm="full", seed=0, children=[("g0.c0", evaluated(0.97, 400))],
               details=[{"category": forged, "character": forged}])  # fmt: skip
    damaged = tmp_path / f"r{forged}"
    damaged.mkdir()
    (damaged / JOURNAL_NAME).write_bytes(b"x" * 100)
    for module, *arguments in (
        ("table", tmp_path), ("credit", tmp_path), ("report", tmp_path), ("table", damaged),
        ("lineage", tmp_path / "ok", "g0.c0"), ("lineage", damaged, "g0.c0"),
        ("export", damaged), ("replay", damaged, "--out", tmp_path / "out"),
    ):  # fmt: skip
        done = run_main(*arguments, module=f"harness.{module}")
        lines = (done.stdout + done.stderr).splitlines()
        assert not [line for line in lines if line.startswith("error: forged")], module
