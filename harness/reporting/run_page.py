"""Details of a run for the HTML page, as plain values: lineages, diffs, prompts, refusals.

The door to pygments.
"""

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from harness.analysis.ancestry import ancestry, changed_segments, comparable
from harness.analysis.run_result import Candidate, RunResult
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

Token = tuple[str, str]
"""CSS class, text."""


def run_details(run: RunResult) -> dict[str, Any]:
    """Return a run's front with lineages, its rejections, the candidates shown, and its manifest.

    All strings are made ``visible``.
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
            c.step: _individual(run, c, sources[c.parents[0]], asked)
            for c in run.candidates
            if c.step in shown
        },
        "manifest": json.dumps(run.manifest.content, indent=2, sort_keys=True, ensure_ascii=False),
    }
    return {name: each_text(detail, visible) for name, detail in details.items()}


def _individual(
    run: RunResult, candidate: Candidate, parent: str, asked: Mapping[str, CallAnswered]
) -> dict[str, Any]:
    return {
        "outcome": describe_outcome(run, candidate),
        "of": " and ".join(candidate.parents),
        "made": [describe_variation(run, variation) for variation in candidate.variations],
        "changes": list(_changes(parent, candidate.source)) if candidate.source else [],
        "asked": [
            {"step": step, "model": asked[step].model,
             "prompt": asked[step].prompt, "answer": asked[step].answer}
            for variation in candidate.variations
            for step in variation.calls
            if step in asked
        ],
    }  # fmt: skip


def _changes(before: str, after: str) -> Iterator[dict[str, Any]]:
    """Yield each segment that differs, with the lines of its diff: a sign, then tokens."""
    for name, old, new in changed_segments(before, after):
        yield {"segment": name, "lines": list(_lines(old, new))}


def _lines(before: str, after: str) -> Iterator[tuple[str, tuple[Token, ...]]]:
    old, new = coloured(before), coloured(after)
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


@lru_cache(maxsize=4096)
def coloured(source: str) -> tuple[tuple[Token, ...], ...]:
    """Return a source's lines as tokens with their CSS classes, empty for plain text."""
    from pygments.lexers.python import PythonLexer

    lines: list[list[Token]] = [[]]
    for kind, text in PythonLexer(stripnl=False).get_tokens(source):
        shown = _class_of(str(kind).removeprefix("Token."))
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
