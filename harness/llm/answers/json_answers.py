"""Extraction of a JSON object from an LLM's answer, which is untrusted."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from harness.llm.answers.extraction import without_thoughts
from harness.llm.answers.fences import opening_fence
from harness.record.bounded_json import parse_json

_MOST_TRIES = 16


def extract_object(answer: str) -> dict[str, Any]:
    """Return the JSON object of an answer: the last fenced block that is one, else the bare one.

    Reasoning in ``<think>`` sections is ignored. Size, nesting and numbers are checked before
    anything is parsed.

    Raises:
        ValueError: The answer holds no JSON object; the message says what was found.
    """
    text = without_thoughts(answer).replace("\r\n", "\n")
    problem = ""
    for candidate in islice(_candidates(text), _MOST_TRIES):
        try:
            found = parse_json(candidate)
        except ValueError as error:
            problem = problem or f"found one that does not parse ({error})"
            continue
        if isinstance(found, dict):
            return found
    raise ValueError(f"expected a JSON object, {problem or 'found none in the answer'}")


def _candidates(text: str) -> Iterator[str]:
    """Yield the texts that may be the object, the likeliest first."""
    yield from reversed([block for block in _blocks(text.split("\n")) if "{" in block])
    first, last = text.find("{"), text.rfind("}")
    if first >= 0:
        yield text[first : last + 1] if last > first else text[first:]


def _blocks(lines: Sequence[str]) -> Iterator[str]:
    """Yield the fenced blocks, the last of which may be unclosed."""
    fence, body = None, list[str]()
    for line in lines:
        if fence is None:
            fence = opening_fence(line)
        elif fence.is_closed_by(fence.outdented(line)):
            yield "\n".join(body)
            fence, body = None, []
        else:
            body.append(line)
    if fence is not None:
        yield "\n".join(body)
