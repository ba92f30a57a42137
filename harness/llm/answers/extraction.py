"""Extraction of code from an LLM's answer.

LLMs put prose around code, leave fences open, return the whole module when asked for a part, or
rename what they should keep. Extraction corrects what is unambiguous, and notes it for the record;
the gates refuse everything else with a reason.
"""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from harness.llm.answers.fences import MARGIN, opening_fence
from harness.sandbox.parser import (
    DEFINITIONS,
    MAX_SOURCE_BYTES,
    Definition,
    defined_names,
    definitions,
    syntax_tree,
)
from harness.secrets import without_secrets
from harness.text import reason_of

_THOUGHT, _THOUGHT_ENDS = re.compile(r"<think(?:ing)?>"), re.compile(r"</think(?:ing)?>")
_BEGINS_CODE = re.compile(r"(?:import|from|class|def|@)[ \w]")
_MOST_TRIES = 32
"""Most ends tried for one block; each try is a parse."""
_MOST_PARSED = 16 * MAX_SOURCE_BYTES
"""Most characters that are parsed to find the ends of all blocks together."""
_MOST_FENCES = 64
"""Most fences tried as the start of a block; each takes a pass over the answer."""
_MOST_CHARACTERS = 4 * MAX_SOURCE_BYTES
"""Characters of an answer that are read, after removal of its reasoning."""

_T = TypeVar("_T")
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")


@dataclass(frozen=True, kw_only=True)
class Extracted:
    """Code for one segment, as the LLM wrote it."""

    code: str
    note: str = ""
    """What was corrected, if anything."""


def extract(
    answer: str, *, segment: str, current: str = "", others: Sequence[str] = ()
) -> Extracted | None:
    """Return the answer's code for one segment, or None if there is none.

    The result is the longest block that defines the segment's name and differs from the current
    code; else a block whose only definition of the kind has another name, which is renamed; else
    the longest block, for the gates to refuse. An answer without fences counts as code if it parses
    and defines the name. The result holds no key.

    Args:
        answer: The LLM's text.
        segment: Name of the segment.
        current: Its code before.
        others: Other segments, which are removed where the answer repeats them.
    """
    found = _extracted(answer, segment, current, others)
    # Extraction joins parts of an answer, which may be the parts of a key.
    return found and replace(found, code=without_secrets(found.code))


def _extracted(answer: str, segment: str, current: str, others: Sequence[str]) -> Extracted | None:
    text = without_thoughts(answer)[:_MOST_CHARACTERS]
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines, parser = text.split("\n"), _Parser()
    fenced = list(_blocks(lines, parser))
    blocks = fenced or list(_bare(lines, parser))
    # A block with the name is the answer even if it does not parse; a sound one without it is not.
    named = re.compile(rf"^(?:class|def)\s+{re.escape(segment)}\b", re.MULTILINE)
    known = _unparsed(current)
    readings = [_as_asked] if any(map(named.search, blocks)) else [_as_asked, _renamed]
    for reading in readings:
        codes = [code for block in blocks if (code := reading(block, segment, current)) is not None]
        new = [one for one in codes if _unparsed(one.code) != known]
        if codes:
            longest = max(new or codes, key=lambda extracted: len(extracted.code))
            return _alone(longest, segment, others)
    # A block that does not parse is still an answer: the parse gate gives the reason.
    return Extracted(code=max(fenced, key=len)) if fenced else None


def without_thoughts(answer: str) -> str:
    """Return the answer without its ``<think>`` sections, at most ``_MOST_CHARACTERS`` of it."""
    kept, place = [], 0
    while (begins := _THOUGHT.search(answer, place)) and (
        ends := _THOUGHT_ENDS.search(answer, begins.end())
    ):
        kept.append(answer[place : begins.start()])
        place = ends.end()
    return "".join([*kept, answer[place:]])[:_MOST_CHARACTERS]


def statements(
    source: str, *, without: Callable[[ast.stmt], bool]
) -> Iterator[tuple[ast.stmt, str]]:
    """Yield the top-level statements of a source with their lines, without comments between them.

    Args:
        source: The source.
        without: Which statements to leave out.

    Raises:
        SyntaxError: The source does not parse.
        ValueError: It is too large to be parsed.
    """
    rows, last = source.split("\n"), 0
    for node in syntax_tree(source).body:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        if first > last and not without(node):  # else it is on the same line as the last one
            last = node.end_lineno or first
            yield node, "\n".join(rows[first - 1 : last])


def is_script(node: ast.stmt) -> bool:
    """Return whether a top-level statement defines nothing: it would run as a script."""
    return isinstance(node, ast.Expr | ast.If)


def _as_asked(block: str, segment: str, current: str) -> Extracted | None:
    del current
    return Extracted(code=block) if segment in defined_names(block) else None


def _renamed(block: str, segment: str, current: str) -> Extracted | None:
    """Rename a definition to the segment's name if only one fits and the name is unused."""
    kinds = {type(d) for d in definitions(current) if d.name == segment} or {*DEFINITIONS}
    found = [d.name for d in definitions(block) if type(d) in kinds]
    alike = [name for name in found if segment.lower() in name.lower()]
    names = alike or found
    if len(names) != 1:  # nor has a block that does not parse, whose quotes may never end
        return None
    (name,) = names
    words = _words(block)
    if words is None or segment in {word.string for word in words}:
        return None
    rows = block.split("\n")
    for row, column in reversed([word.start for word in words if word.string == name]):
        line = rows[row - 1]
        rows[row - 1] = line[:column] + segment + line[column + len(name) :]
    return Extracted(code="\n".join(rows), note=reason_of(f"{name} is called {segment} again"))


def _words(block: str) -> list[tokenize.TokenInfo] | None:
    """Return the tokens of names in a source, except attributes and keywords of calls.

    None for a source that ``tokenize`` cannot read, though it may parse: from the first character
    that it does not know, Python 3.11's looks at the rest of the line again for each one.
    """
    tokens = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(block).readline):
            if token.type == tokenize.ERRORTOKEN:
                return None
            tokens.append(token)
    except (tokenize.TokenError, IndentationError):
        return None
    depth, words = 0, []
    for before, token, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
        depth += (token.string in _OPENING) - (token.string in _CLOSING)
        keyword = depth > 0 and after.string == "="
        if token.type == tokenize.NAME and before.string != "." and not keyword:
            words.append(token)
    first = tokens[0] if tokens else None
    return [first, *words] if first and first.type == tokenize.NAME else words


def _alone(extracted: Extracted, segment: str, others: Sequence[str]) -> Extracted:
    """Remove other segments that an answer repeats, and code that would run as a script."""
    code = extracted.code
    repeated = set(defined_names(code)) & set(others) - {segment}
    if not repeated:
        return extracted

    def unwanted(node: ast.stmt) -> bool:
        return is_script(node) or (isinstance(node, Definition) and node.name in repeated)

    kept = [text for _, text in statements(code, without=unwanted)]
    note = f"left out {', '.join(sorted(repeated))}"
    note = f"{extracted.note}; {note}" if extracted.note else note
    return replace(extracted, code="\n\n".join(kept), note=note)


class _Parser:
    """Says what is Python, of so many characters of one answer: parsing takes microseconds each."""

    def __init__(self) -> None:
        self._left = _MOST_PARSED

    def is_python(self, source: str) -> bool:
        if len(source) > min(self._left, MAX_SOURCE_BYTES):
            return False
        self._left -= len(source)
        return _tried(source, lambda tree: bool(tree.body), otherwise=False)


def _blocks(lines: Sequence[str], parser: _Parser) -> Iterator[str]:
    """Yield the fenced blocks.

    A block ends at the first closing fence that makes it Python, since a string may contain fences;
    if there is none, at the first closing fence. A block that is never closed ends with its code. A
    fence beyond the margin is text in a string, unless it encloses Python.
    """
    start, fences = 0, 0
    while start < len(lines) and fences < _MOST_FENCES:
        opening = opening_fence(lines[start])
        if opening is None:
            start += 1
            continue
        body, fences = start + 1, fences + 1
        inside = [opening.outdented(line) for line in lines[body:]]
        closings = [i for i, line in enumerate(inside) if opening.is_closed_by(line)]
        tried = islice(closings, _MOST_TRIES)
        end = next((i for i in tried if parser.is_python("\n".join(inside[:i]))), None)
        if end is None and opening.indent > MARGIN:
            start += 1
            continue
        if not closings:
            yield _to_its_end(inside, parser)
            return
        end = closings[0] if end is None else end
        yield "\n".join(inside[:end]).strip("\n")
        start = body + end + 1


def _bare(lines: Sequence[str], parser: _Parser) -> Iterator[str]:
    """Yield the code of an answer without fences, without the prose around it."""
    if parser.is_python(whole := "\n".join(lines)):
        yield whole.strip("\n")
        return
    begins = (i for i, line in enumerate(lines) if _BEGINS_CODE.match(line))
    for start in list(begins)[:_MOST_TRIES]:
        block = _to_its_end(lines[start:], parser)
        if parser.is_python(block):
            yield block
            return


def _to_its_end(lines: Sequence[str], parser: _Parser) -> str:
    """Remove prose that follows code after an empty line; incomplete code stays as it is."""
    block = "\n".join(lines).strip("\n")
    if parser.is_python(block):
        return block
    ends = [
        i
        for i in range(1, len(lines))
        if not lines[i - 1].strip() and lines[i][:1].strip() and not _BEGINS_CODE.match(lines[i])
    ]
    for end in ends[:_MOST_TRIES]:
        shorter = "\n".join(lines[:end]).strip("\n")
        if parser.is_python(shorter):
            return shorter
    return block


def _unparsed(source: str) -> str:
    return _tried(source, ast.unparse, otherwise=source)


def _tried(source: str, read: Callable[[ast.Module], _T], *, otherwise: _T) -> _T:
    try:
        return read(syntax_tree(source))
    except (SyntaxError, ValueError, RecursionError):  # unparsing recurses
        return otherwise
