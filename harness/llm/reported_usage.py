"""Parser of the file in which the usage of an answer from files is reported."""

from dataclasses import dataclass, fields
from typing import Any

from harness.record.bounded_json import parse_json
from harness.text import reason_of

MOST_BYTES = 4096
"""Longest file of a usage."""
_MOST_TOKENS = 10**9
_LONGEST_S = 7 * 24 * 3600
_LONGEST_NAME = 200


@dataclass(frozen=True, kw_only=True)
class ReportedUsage:
    """Usage of one answer; None where it is not reported.

    Attributes:
        prompt_tokens: Tokens of the prompt.
        completion_tokens: Tokens of the answer, reasoning included.
        model: Exact name of the model that answered.
        seconds: From the moment the model got the prompt to the end of its answer. The time in
            which the prompt waited to be picked up does not count.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str | None = None
    seconds: float | None = None


def parse_usage(text: str) -> ReportedUsage:
    """Return the usage in a JSON text; an empty text reports nothing.

    Raises:
        ValueError: The text is no object of such fields, or a value is out of its range; the
            message says what was expected and found.
    """
    if not text.strip():
        return ReportedUsage()
    if len(text.encode()) > MOST_BYTES:
        raise ValueError(f"expected at most {MOST_BYTES:,} bytes, found more")
    names = [field.name for field in fields(ReportedUsage)]
    expected = f"expected a JSON object with any of {', '.join(names)}"
    try:
        found = parse_json(text)
    except ValueError as error:
        raise ValueError(f"{expected}, found one that does not parse ({error})") from None
    if not isinstance(found, dict) or not found.keys() <= set(names):
        raise ValueError(f"{expected}, found {reason_of(repr(found), _LONGEST_NAME)}")
    for name, value in found.items():
        if (rule := _broken_rule(name, value)) is not None:
            shown = reason_of(repr(value), _LONGEST_NAME)
            raise ValueError(f"{name}: expected {rule}, found {shown}")
    return ReportedUsage(**found)


def _broken_rule(name: str, value: Any) -> str | None:
    """Return what a value should be; None where it is that, or null."""
    if value is None:
        return None
    match name:
        case "model":
            line = isinstance(value, str) and value.isprintable() and bool(value.strip())
            fits, rule = line and len(value) <= _LONGEST_NAME, "one line of text"
        case "seconds":
            fits = type(value) in {int, float} and 0 <= value <= _LONGEST_S
            rule = f"seconds from 0 to {_LONGEST_S:,}"
        case _:
            fits = type(value) is int and 0 <= value <= _MOST_TOKENS
            rule = f"a whole number from 0 to {_MOST_TOKENS:,}"
    return None if fits else rule
