"""Untrusted YAML: size and nesting are checked before it is parsed. A door to PyYAML.

Without limits, nested aliases expand exponentially, deep nesting exhausts the stack, and long
numbers take quadratic time.
"""

import re
from dataclasses import dataclass
from typing import Any

import yaml

MOST_BYTES = 256 * 1024
_MOST_VALUES = 20_000
_CHARACTERS_OF_A_VALUE = 64
"""A longer text counts as several values, since aliases can repeat it."""
_MOST_LEVELS = 16
_NUMBER = re.compile(r"[-+.\d][-+.:\w]*")
_LONGEST_NUMBER = 40
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(kw_only=True)
class _Node:
    """Size and depth of a value with its aliases expanded."""

    anchor: str | None = None
    values: int = 1
    levels: int = 0


class _Tree:
    """Count of the values parsed so far, with each alias counted in full."""

    def __init__(self) -> None:
        self._anchored: dict[str, _Node] = {}
        self._open = [_Node()]

    def add(self, event: yaml.Event) -> bool:
        """Add a parser event; return whether the tree is still within the limits."""
        if isinstance(event, yaml.CollectionStartEvent):
            self._open.append(_Node(anchor=event.anchor))
        elif isinstance(event, yaml.CollectionEndEvent):
            self._hold(self._open.pop())
        elif isinstance(event, yaml.ScalarEvent):
            values = 1 + len(event.value) // _CHARACTERS_OF_A_VALUE
            self._hold(_Node(anchor=event.anchor, values=values))
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchored:  # undefined, or a value that contains the alias
                return False
            self._hold(self._anchored[event.anchor])
        here = self._open[-1]
        return here.values <= _MOST_VALUES and len(self._open) + here.levels <= _MOST_LEVELS

    def _hold(self, node: _Node) -> None:
        holder = self._open[-1]
        holder.values += node.values
        holder.levels = max(holder.levels, node.levels + 1)
        if node.anchor:
            self._anchored[node.anchor] = node


def require_bounded(text: str, *, interpolates: bool = False) -> None:
    """Check a YAML text event by event, without building a value.

    Args:
        text: The text.
        interpolates: Whether ``${...}`` is allowed.

    Raises:
        ValueError: The text has a tag or an interpolation, or exceeds a limit with its aliases
            expanded.
        yaml.YAMLError: The text is not YAML.
    """
    if len(text) > MOST_BYTES:
        raise ValueError(f"expected at most {MOST_BYTES:,} characters")
    tree = _Tree()
    for event in yaml.parse(text, Loader=_Loader):
        line = f"line {event.start_mark.line + 1 if event.start_mark else '?'}"
        if tag := getattr(event, "tag", None):
            raise ValueError(f"{line}: expected values without a tag, found {tag[:40]!a}")
        if isinstance(event, yaml.ScalarEvent):
            _require_plain(event, line, interpolates=interpolates)
        if not tree.add(event):
            raise ValueError(
                f"{line}: expected at most {_MOST_VALUES:,} values on {_MOST_LEVELS} levels, and "
                f"aliases only of values that are complete"
            )


def load_yaml(text: str) -> Any:
    """Load a YAML text as plain values; raises as ``require_bounded``."""
    require_bounded(text, interpolates=True)
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader


def _require_plain(event: yaml.ScalarEvent, line: str, *, interpolates: bool) -> None:
    value = event.value
    if len(value) > _LONGEST_NUMBER and not event.style and _NUMBER.fullmatch(value):
        raise ValueError(f"{line}: expected numbers of at most {_LONGEST_NUMBER} characters")
    if "${" in value and not interpolates:
        raise ValueError(f"{line}: expected values without ${{...}}, found {value[:40]!a}")
