"""Archives of version 0.1.0 replay."""

from harness.record.events import ScoreConfirmed
from harness.runs.recorded_run import load_recorded
from harness.runs.replay import replay
from tests.conftest import ROOT
from tests.support.commands import run

GOLDEN = ROOT / "tests" / "golden"


def cells(text):
    """The cells of a text's Markdown tables, by the first cell of their row and their heading."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    found, header = {}, []
    for row, following in zip(rows, [*rows[1:], []], strict=True):
        if following and set(following[0]) == {"-"}:
            header = row
        elif row and set(row[0]) != {"-"}:
            found |= {(row[0], heading): cell for heading, cell in zip(header, row, strict=True)}
    return found


def test_an_archive_of_version_0_1_0_replays_to_the_numbers_that_version_printed(tmp_path):
    """A run with successive halving and confirmation, in format 3; words and order have changed."""
    (recorded,) = load_recorded([GOLDEN / "format_3_of_0.1.0.zip"])
    assert any(isinstance(event, ScoreConfirmed) for event in recorded.events)
    replay(recorded, tmp_path)
    done = run(tmp_path, module="harness.table")
    printed = (GOLDEN / "format_3_of_0.1.0.md").read_text().replace("pick:", "selected:")
    assert len(cells(printed)) == 30
    # One run has no quartiles, so its heading announces none; a column of dashes is left out.
    was = {(row, heading.removesuffix(" [quartiles]")): cell
           for (row, heading), cell in cells(printed).items() if heading != "LLM"}  # fmt: skip
    assert len(was) == 29
    assert was.items() <= cells(done.stdout).items()


def test_guided_evolution_of_version_0_1_0_replays_with_its_own_prompts_and_examples(tmp_path):
    """It showed ties, with measurements, in the first offspring generation."""
    (recorded,) = load_recorded([GOLDEN / "full_of_0.1.0.zip"])
    assert recorded.manifest.settings["proposer"]["eot_shows"] == "undominated"
    replay(recorded, tmp_path)  # raises where an event differs
