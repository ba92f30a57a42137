"""Details of a run for the HTML page, as plain values: lineages, diffs, prompts, refusals.

The door to pygments.
"""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from harness.analysis.contribution.ancestry import ancestry, changed_segments, comparable
from harness.analysis.proposals import Candidate
from harness.analysis.run_result import RunResult
from harness.record.events import CallAnswered
from harness.record.journal import read_events
from harness.reporting.lineage import describe_outcome, describe_variation
from harness.text import each_text, visible

_CONTEXT = 3
_CLASSES = {
    "Comment": "c", "Keyword": "k", "Operator.Word": "k", "Literal.String": "s",
    "Literal.Number": "n", "Name.Function": "f", "Name.Class": "f", "Name.Builtin": "b",
}  # fmt: skip
"""Classes of tokens that are highlighted, and their CSS classes."""

_MOST_TOKENS = 500_000
"""Limit for the sources of a page, some 7 MB of ordinary code; pygments takes 20 seconds."""
_LONGEST_SOURCE = 1 << 16
_BLANK = re.compile(r"\s{500}")
"""Space on which pygments takes quadratic time."""

Token = tuple[str, str]
"""CSS class, text."""
Line = tuple[Token, ...]


def run_details(run: RunResult, colours: "Colours") -> dict[str, Any]:
    """Return a run's front with lineages, its rejections, the candidates shown, and its manifest.

    Args:
        run: The run; all strings are made ``visible``.
        colours: Those of its page.
    """
    asked = {
        event.step: event for event in read_events(run.folder) if isinstance(event, CallAnswered)
    }
    front = run.hall_of_fame
    lineages = {c.step: [a.step for a in ancestry(run, c.step)] for c in front}
    refused = [c.step for c in run.candidates if not c.valid]
    shown = {*refused, *(step for lineage in lineages.values() for step in lineage)}
    sources = {"seed": run.seed_source} | {c.step: c.source for c in run.candidates}
    details = {
        "front": [
            {"step": c.step, "outcome": describe_outcome(run, c), "lineage": lineages[c.step]}
            for c in front
        ],
        "refused": refused,
        "individuals": {
            c.step: _individual(run, c, sources[c.parents[0]], asked, colours)
            for c in run.candidates
            if c.step in shown
        },
        "manifest": json.dumps(run.manifest.content, indent=2, sort_keys=True, ensure_ascii=False),
    }
    return {name: each_text(detail, visible) for name, detail in details.items()}


def _individual(
    run: RunResult,
    candidate: Candidate,
    parent: str,
    asked: Mapping[str, CallAnswered],
    colours: "Colours",
) -> dict[str, Any]:
    return {
        "outcome": describe_outcome(run, candidate),
        "of": " and ".join(candidate.parents),
        "made": [describe_variation(run, variation) for variation in candidate.variations],
        "changes": list(_changes(parent, candidate.source, colours)) if candidate.source else [],
        "asked": [
            {"step": step, "model": asked[step].model,
             "prompt": asked[step].prompt, "answer": asked[step].answer}
            for variation in candidate.variations
            for step in variation.calls
            if step in asked
        ],
    }  # fmt: skip


def _changes(before: str, after: str, colours: "Colours") -> Iterator[dict[str, Any]]:
    """Yield each segment that differs, with the lines of its diff: a sign, then tokens."""
    for name, old, new in changed_segments(before, after):
        yield {"segment": name, "lines": list(_lines(old, new, colours))}


def _lines(before: str, after: str, colours: "Colours") -> Iterator[tuple[str, Line]]:
    old, new = colours.lines(before, after)
    groups: Iterable[Sequence[tuple[str, int, int, int, int]]]
    groups = [[("replace", 0, len(old), 0, len(new))]]
    if comparable(old, new):
        groups = difflib.SequenceMatcher(None, old, new).get_grouped_opcodes(_CONTEXT)
    for i, group in enumerate(groups):
        if i:
            yield "…", ()
        for tag, a, b, c, d in group:
            if tag == "equal":
                yield from ((" ", line) for line in new[c:d])
            else:
                yield from (("-", line) for line in old[a:b])
                yield from (("+", line) for line in new[c:d])


class Colours:
    """Divides sources into tokens with CSS classes, up to a limit for one page.

    Sources beyond the limit, and those on which pygments takes quadratic time, stay plain.
    """

    def __init__(self) -> None:
        self._room = _MOST_TOKENS
        self._known: dict[str, tuple[Line, ...]] = {}

    def lines(self, *sources: str) -> list[tuple[Line, ...]]:
        """Return the lines of each source as tokens: of all with colours, or of none."""
        if not all(map(self._know, sources)):
            return [_plain(source) for source in sources]
        return [self._known[source] for source in sources]

    def _know(self, source: str) -> bool:
        if source in self._known:
            return True
        if self._room <= 0 or len(source) > _LONGEST_SOURCE or _BLANK.search(source):
            return False
        tokens = _tokens(source)
        self._room -= len(tokens)
        self._known[source] = _by_line(tokens)
        return True


def _plain(source: str) -> tuple[Line, ...]:
    """Return a source's lines as tokens without a class."""
    lines = visible(source).removesuffix("\n").split("\n")
    return tuple((("", line),) if line else () for line in lines)


def _tokens(source: str) -> list[Token]:
    """Return the tokens of a source, with the name of their class."""
    from pygments.lexers.python import PythonLexer

    return [(str(kind), text) for kind, text in PythonLexer(stripnl=False).get_tokens(source)]


def _by_line(tokens: Iterable[Token]) -> tuple[Line, ...]:
    """Divide tokens at the ends of lines, with their CSS classes, empty for plain text."""
    lines: list[list[Token]] = [[]]
    for kind, text in tokens:
        shown = _class_of(kind.removeprefix("Token."))
        for i, piece in enumerate(visible(text).split("\n")):
            if i:
                lines.append([])
            if piece and lines[-1] and lines[-1][-1][0] == shown:
                lines[-1][-1] = (shown, lines[-1][-1][1] + piece)
            elif piece:
                lines[-1].append((shown, piece))
    return tuple(tuple(line) for line in (lines[:-1] if not lines[-1] else lines))


def _class_of(kind: str) -> str:
    return next((name for start, name in _CLASSES.items() if kind.startswith(start)), "")
