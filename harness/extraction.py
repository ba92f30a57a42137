"""Code out of an answer: the only place that reads what an LLM wrote around its code.

LLMs put prose around code, leave fences open, give the whole module when asked for one part of
it, or rename what they were told to keep. What can be understood without guessing is, and is
recorded; everything else is left to the gates, which say what is wrong.
"""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from harness.parsing import syntax_tree

# As in CommonMark, a fence is indented by three spaces at most: deeper ones are text in a string.
_FENCE = re.compile(r" {0,3}(?P<run>`{3,}|~{3,})(?P<info>.*)")
_BEGINS_CODE = re.compile(r"(?:import|from|class|def|@)[ \w]")
_MOST_TRIES = 32
"""So many ends are tried for one block; each is a parse."""

_T = TypeVar("_T")
_Definition = ast.ClassDef | ast.FunctionDef


@dataclass(frozen=True, kw_only=True)
class Extracted:
    """Code for one segment, as it was written."""

    code: str
    note: str = ""
    """What was done to it beyond taking it out of its fence."""


def extract(answer: str, *, segment: str, others: Sequence[str] = ()) -> Extracted | None:
    """Return the answer's code for one segment, None where there is none.

    Of the blocks the longest that defines the segment's name; else one whose only definition of
    the kind has another name, which is given back; else the longest, for the gates to refuse.
    An answer without fences is code where it parses and defines the name. others: segments that
    were not asked for and are left out where the answer repeats them.
    """
    lines = answer.replace("\r\n", "\n").split("\n")
    fenced = list(_blocks(lines))
    blocks = fenced or list(_bare(lines))
    for reading in (_as_asked, _renamed):
        found = [read for block in blocks if (read := reading(block, segment)) is not None]
        if found:
            longest = max(found, key=lambda extracted: len(extracted.code))
            return _alone(longest, segment, others)
    # A block that does not parse is still the answer: the parse gate names what is wrong.
    return Extracted(code=max(fenced, key=len)) if fenced else None


def defined_names(source: str) -> list[str]:
    """Names of the classes and functions that a source defines at its top level."""
    return [node.name for node in _definitions(source)]


def _as_asked(block: str, segment: str) -> Extracted | None:
    return Extracted(code=block) if segment in defined_names(block) else None


def _renamed(block: str, segment: str) -> Extracted | None:
    """Give a definition its name back, where only one can be meant and the name is unused."""
    definitions = _definitions(block)
    alike = [d.name for d in definitions if segment.lower() in d.name.lower()]
    names = alike or [d.name for d in definitions]
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(block).readline))
    except (tokenize.TokenError, IndentationError):
        return None
    words = [token for token in tokens if token.type == tokenize.NAME]
    if len(names) != 1 or any(word.string == segment for word in words):
        return None
    (name,) = names
    rows = block.split("\n")
    for row, column in reversed([word.start for word in words if word.string == name]):
        line = rows[row - 1]
        rows[row - 1] = line[:column] + segment + line[column + len(name) :]
    return Extracted(code="\n".join(rows), note=f"{name} is called {segment} again")


def _alone(extracted: Extracted, segment: str, others: Sequence[str]) -> Extracted:
    """Leave out the other segments that an answer repeats, and what would run as a script."""
    code = extracted.code
    repeated = set(defined_names(code)) & set(others) - {segment}
    if not repeated:
        return extracted
    rows = code.split("\n")
    kept = []
    for node in syntax_tree(code).body:
        if isinstance(node, _Definition) and node.name in repeated:
            continue
        if isinstance(node, ast.Expr | ast.If):
            continue
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        kept.append("\n".join(rows[first - 1 : node.end_lineno]))
    note = f"left out {', '.join(sorted(repeated))}"
    note = f"{extracted.note}; {note}" if extracted.note else note
    return replace(extracted, code="\n\n".join(kept), note=note)


def _blocks(lines: Sequence[str]) -> Iterator[str]:
    """Yield what stands in fences.

    A block ends at the first closing fence with which it is Python, for a string may hold one; at
    the first where it is with none. One that is never closed ends where its code ends.
    """
    start = 0
    while start < len(lines):
        opening = _FENCE.fullmatch(lines[start])
        if opening is None or "`" in opening["info"]:
            start += 1
            continue
        body = start + 1
        closings = [i for i in range(body, len(lines)) if _closes(lines[i], opening["run"])]
        if not closings:
            yield _to_its_end(lines[body:])
            return
        tried = (i for i in closings[:_MOST_TRIES] if _is_python("\n".join(lines[body:i])))
        end = next(tried, closings[0])
        yield "\n".join(lines[body:end]).strip("\n")
        start = end + 1


def _closes(line: str, run: str) -> bool:
    fence = _FENCE.fullmatch(line)
    return fence is not None and fence["run"].startswith(run) and not fence["info"].strip()


def _bare(lines: Sequence[str]) -> Iterator[str]:
    """Yield the code of an answer without fences, with prose before and after it or not."""
    if _is_python(whole := "\n".join(lines)):
        yield whole.strip("\n")
        return
    begins = (i for i, line in enumerate(lines) if _BEGINS_CODE.match(line))
    for start in list(begins)[:_MOST_TRIES]:
        block = _to_its_end(lines[start:])
        if _is_python(block):
            yield block
            return


def _to_its_end(lines: Sequence[str]) -> str:
    """Leave out prose that follows code after an empty line; code that is cut off stays so."""
    block = "\n".join(lines).strip("\n")
    if _is_python(block):
        return block
    ends = [
        i
        for i in range(1, len(lines))
        if not lines[i - 1].strip() and lines[i][:1].strip() and not _BEGINS_CODE.match(lines[i])
    ]
    for end in ends[:_MOST_TRIES]:
        shorter = "\n".join(lines[:end]).strip("\n")
        if _is_python(shorter):
            return shorter
    return block


def _is_python(source: str) -> bool:
    return _tried(source, lambda tree: bool(tree.body), otherwise=False)


def _definitions(source: str) -> list[_Definition]:
    return _tried(
        source, lambda tree: [d for d in tree.body if isinstance(d, _Definition)], otherwise=[]
    )


def _tried(source: str, read: Callable[[ast.Module], _T], *, otherwise: _T) -> _T:
    try:
        return read(syntax_tree(source))
    except (SyntaxError, ValueError):
        return otherwise
