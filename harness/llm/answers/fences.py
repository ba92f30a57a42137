"""Fences of code blocks in an LLM's answer, as in CommonMark (section 4.5)."""

import re
from dataclasses import dataclass

_FENCE = re.compile(r"(?P<indent>[ \t]*)(?P<run>`{3,}|~{3,})(?P<info>.*)")
MARGIN = 3
"""Most spaces before a fence in CommonMark."""


@dataclass(frozen=True, kw_only=True)
class Fence:
    """The line that opens a block.

    Attributes:
        indent: Spaces and tabs before it, which the block's lines share.
        run: Its backticks or tildes.
    """

    indent: int
    run: str

    def outdented(self, line: str) -> str:
        """Remove the indentation that a line of the block shares with the fence."""
        margin = len(line) - len(line.lstrip(" \t"))
        return line[min(self.indent, margin) :]

    def is_closed_by(self, line: str) -> bool:
        """Return whether a line, outdented, closes the block."""
        fence = _FENCE.fullmatch(line)
        return (
            fence is not None
            and len(fence["indent"]) <= MARGIN
            and fence["run"].startswith(self.run)
            and not fence["info"].strip()
        )


def opening_fence(line: str) -> Fence | None:
    """Return the fence in a line that opens a block, None in any other line."""
    fence = _FENCE.fullmatch(line)
    if fence is None or "`" in fence["info"]:
        return None
    return Fence(indent=len(fence["indent"]), run=fence["run"])
