"""What a page shows of one run, as plain values: lineages, changes of code, prompts, refusals.

The door to pygments.
"""

import difflib
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from harness.analysis.ancestry import ancestry, made, measured, parts
from harness.analysis.run_result import Candidate, RunResult
from harness.record.events import CallAnswered
from harness.record.journal import read_events

_CONTEXT = 3
_CLASSES = {
    "Comment": "c", "Keyword": "k", "Operator.Word": "k", "Literal.String": "s",
    "Literal.Number": "n", "Name.Function": "f", "Name.Class": "f", "Name.Builtin": "b",
}  # fmt: skip
"""What is told apart in code, and how a page calls it."""

Token = tuple[str, str]
"""Class and text."""


def dossier(run: RunResult) -> dict[str, Any]:
    """Return a run's front with the lineage of each member, its refusals, and how it was made."""
    asked = {
        event.step: event for event in read_events(run.folder) if isinstance(event, CallAnswered)
    }
    front = run.hall_of_fame
    lineages = {c.step: [a.step for a in ancestry(run, c.step)] for c in front}
    refused = [c.step for c in run.candidates if not c.valid]
    shown = {*refused, *(step for lineage in lineages.values() for step in lineage)}
    sources = {"seed": run.seed_source} | {c.step: c.source for c in run.candidates}
    return {
        "front": [
            {"step": c.step, "told": measured(c), "lineage": lineages[c.step]} for c in front
        ],
        "refused": refused,
        "individuals": {
            c.step: _individual(run, c, sources[c.parents[0]], asked)
            for c in run.candidates
            if c.step in shown
        },
        "manifest": json.dumps(run.manifest.content, indent=2, sort_keys=True, ensure_ascii=False),
    }


def _individual(
    run: RunResult, candidate: Candidate, parent: str, asked: Mapping[str, CallAnswered]
) -> dict[str, Any]:
    return {
        "told": visible(measured(candidate)),
        "of": " and ".join(candidate.parents),
        "made": [visible(made(run, variation)) for variation in candidate.variations],
        "changes": list(_changes(parent, candidate.source)) if candidate.source else [],
        "asked": [
            {"step": step, "model": visible(asked[step].model),
             "prompt": visible(asked[step].prompt), "answer": visible(asked[step].answer)}
            for variation in candidate.variations
            for step in variation.calls
            if step in asked
        ],
    }  # fmt: skip


def visible(text: str) -> str:
    """Write what no reader would see, such as a change of writing direction, by its number."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\u{ord(c):04x}" for c in text)


def _changes(before: str, after: str) -> Iterator[dict[str, Any]]:
    """Yield for each segment that differs its lines: a sign, then tokens."""
    old_parts = parts(before)
    for name, text in parts(after).items():
        old = old_parts.get(name, "")
        if old != text:
            yield {"segment": name, "lines": list(_lines(old, text))}


def _lines(before: str, after: str) -> Iterator[tuple[str, tuple[Token, ...]]]:
    old, new = coloured(before), coloured(after)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for i, group in enumerate(matcher.get_grouped_opcodes(_CONTEXT)):
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
    """Return a source's lines as tokens, each with the class that it is shown in, or none."""
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
